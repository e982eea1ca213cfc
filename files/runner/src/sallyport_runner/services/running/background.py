"""Slow steps beside the run loop: each runs in a thread, and its result is asked for until done."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
SHORT = 0.2
"""Seconds that the loop waits for a new step: most are done by then."""


class Step(enum.Enum):
    """The slow steps; each kind has threads of its own.

    Admission and preparation wait for a network, where one repository may hang for minutes, and
    the end of a job must not wait for them.
    """

    ADMIT = enum.auto()
    PREPARE = enum.auto()
    PLAN = enum.auto()
    FINALISE = enum.auto()
    SIZE = enum.auto()


THREADS = {Step.ADMIT: 16, Step.PREPARE: 8, Step.PLAN: 4, Step.FINALISE: 4, Step.SIZE: 2}


class Background(Protocol):
    """Runs steps; the caller asks again until there is a result."""

    def take(self, owner: str, step: Step, work: Callable[[], T]) -> T | None:
        """Start `work` unless it runs; return its result once, or raise what it raised."""

    def busy(self, owner: str) -> bool:
        """Return whether a step of this owner has not handed over its result."""


class Threads:
    """Implements Background with some threads for each kind of step.

    They end with the process, wherever they are: every step may be repeated.
    """

    def __init__(self, threads: Mapping[Step, int] = THREADS) -> None:
        self._slots = {step: threading.Semaphore(number) for step, number in threads.items()}
        self._running: dict[tuple[str, Step], Future[Any]] = {}
        self._lock = threading.Lock()

    def take(self, owner: str, step: Step, work: Callable[[], T]) -> T | None:
        """See Background."""
        with self._lock:
            future = self._running.get((owner, step))
            if future is None:
                future = self._running[owner, step] = Future()
                arguments = (self._slots[step], future, work)
                threading.Thread(target=_run, args=arguments, daemon=True).start()
                wait([future], timeout=SHORT)
            if not future.done():
                return None
            del self._running[owner, step]
        result: T = future.result()
        return result

    def busy(self, owner: str) -> bool:
        """See Background."""
        with self._lock:
            return any(key[0] == owner for key in self._running)


def _run(slots: threading.Semaphore, future: Future[Any], work: Callable[[], Any]) -> None:
    with slots:
        try:
            future.set_result(work())
        except BaseException as error:  # handed to whoever asks for the result
            future.set_exception(error)
