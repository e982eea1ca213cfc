"""Slow steps beside the run loop: each runs in a thread, and its result is asked for until done."""

from __future__ import annotations

import enum
import threading
from collections import Counter
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


THREADS = {
    Step.ADMIT: (16, 4),
    Step.PREPARE: (16, 4),
    Step.PLAN: (4, 2),
    Step.FINALISE: (4, 2),
    Step.SIZE: (2, 1),
}
"""Threads of each kind of step, and how many of them the steps of one request may occupy."""


class Background(Protocol):
    """Runs steps; the caller asks again until there is a result."""

    def take(self, request: str, owner: str, step: Step, work: Callable[[], T]) -> T | None:
        """Start `work` unless it runs; return its result once, or raise what it raised.

        `request` is the id of the request that the owner belongs to.
        """

    def busy(self, owner: str) -> bool:
        """Return whether a step of this owner has not handed over its result."""


class Threads:
    """Implements Background with some threads for each kind of step.

    They end with the process, wherever they are: every step may be repeated.
    """

    def __init__(self, threads: Mapping[Step, tuple[int, int]] = THREADS) -> None:
        self._pools = {step: _Pool(number, share) for step, (number, share) in threads.items()}
        self._running: dict[tuple[str, Step], Future[Any]] = {}
        self._lock = threading.Lock()

    def take(self, request: str, owner: str, step: Step, work: Callable[[], T]) -> T | None:
        """See Background."""
        with self._lock:
            future = self._running.get((owner, step))
            if future is None:
                future = self._running[owner, step] = Future()
                self._pools[step].add(request, future, work)
                if future.running():
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


class _Pool:
    """Threads for one kind of step, of which one request never occupies more than its share.

    A free thread goes to the request that occupies the fewest, so steps that hang do not keep
    those of another request waiting.
    """

    def __init__(self, threads: int, share: int) -> None:
        self._free, self._share = threads, share
        self._occupied: Counter[str] = Counter()
        self._waiting: list[tuple[str, Future[Any], Callable[[], Any]]] = []
        self._lock = threading.Lock()

    def add(self, request: str, future: Future[Any], work: Callable[[], Any]) -> None:
        """Run `work` as soon as its request may occupy a thread; the future gets the result."""
        with self._lock:
            self._waiting.append((request, future, work))
            self._start()

    def _start(self) -> None:
        """Start what may start; the caller holds the lock."""
        while self._free:
            entries = [one for one in self._waiting if self._occupied[one[0]] < self._share]
            if not entries:
                return
            entry = min(entries, key=lambda one: self._occupied[one[0]])  # the oldest of equals
            self._waiting.remove(entry)
            self._free -= 1
            self._occupied[entry[0]] += 1
            entry[1].set_running_or_notify_cancel()
            threading.Thread(target=self._run, args=entry, daemon=True).start()

    def _run(self, request: str, future: Future[Any], work: Callable[[], Any]) -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # handed to whoever asks for the result
            future.set_exception(error)
        with self._lock:
            self._free += 1
            self._occupied -= Counter([request])
            self._start()
