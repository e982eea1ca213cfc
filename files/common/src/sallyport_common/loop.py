"""Loops that run as services: stop on a signal, notify systemd, back off on failures."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

from sallyport_common.backoff import Backoff

log = logging.getLogger(__name__)


class StopSignal:
    """Says when a process was asked to stop."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def install(self) -> StopSignal:
        """Stop on SIGTERM and SIGINT; call from the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        return self

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()

    def stop(self) -> None:
        """Ask every loop that uses this stopper to end."""
        self._event.set()

    @property
    def stopping(self) -> bool:
        """Return whether the process was asked to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than until a stop; return whether a stop was asked for."""
        return self._event.wait(seconds)


def notify(text: str) -> None:
    """Send a state line to systemd (`READY=1`, `WATCHDOG=1`, `STOPPING=1`); no-op elsewhere."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(text.encode(), address)


def watchdog_interval() -> float | None:
    """Return how often, in seconds, `WATCHDOG=1` is due (half the unit's limit), if at all."""
    limit = os.environ.get("WATCHDOG_USEC")
    return int(limit) / 2_000_000 if limit else None


def run_loop(
    name: str,
    step: Callable[[], None],
    interval: float,
    stopper: StopSignal,
    backoff: Backoff,
    beat: Callable[[], None] = lambda: None,
) -> None:
    """Call `step` every `interval` seconds until stopped; a failing step is logged and retried.

    `beat` is called after each step, failed or not: it feeds the watchdog.
    """
    while not stopper.stopping:
        pause = interval
        try:
            step()
            backoff.reset()
        except Exception:  # a service outlives any single step
            pause = max(interval, backoff.next())
            log.exception("step failed", extra={"loop": name, "retry_seconds": round(pause, 1)})
        beat()
        stopper.wait(pause)


class Heart:
    """Feeds the systemd watchdog only while every registered loop keeps beating."""

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._beats: dict[str, float] = {}

    def beat(self, name: str) -> None:
        """Record that a loop is alive."""
        self._beats[name] = self._clock()

    def alive(self) -> bool:
        """Return whether every loop was heard within the limit, in seconds."""
        now = self._clock()
        return all(now - last <= self._limit for last in self._beats.values())
