"""What the parts of the run loop are given: engine, threads, clock and settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sallyport_runner.services.executor import Executor
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.running.background import Background
from sallyport_runner.services.running.inbox import Inbox
from sallyport_runner.services.running.obstacles import SelfTest
from sallyport_runner.settings import Settings
from sallyport_runner.storage import Store


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What the run loop gets from outside; a test replaces the engine, the threads and the clock.

    `boot` names the present boot of the host: it differs after a reboot, and only then.
    `changed` is called whenever a job changes, with True where the server is to hear of it at
    once; `clock` returns seconds since 1970, `ticks` seconds that no change of the clock disturbs;
    `inbox` has what other threads tell the loop; `self_test` has to pass before a job starts.
    """

    settings: Settings
    store: Store
    executor: Executor
    volumes: Volumes
    background: Background
    changed: Callable[[bool], None]
    inbox: Inbox
    self_test: SelfTest
    clock: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic
    boot: str = ""
