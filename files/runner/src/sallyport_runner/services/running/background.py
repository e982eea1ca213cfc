"""Slow steps beside the run loop: each runs in a thread, and the loop is woken by its end."""

from __future__ import annotations

import enum
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class Step(enum.Enum):
    """The slow steps; each kind has threads of its own.

    Admission and preparation wait for a network, where one repository may hang for minutes, and
    the end of a job must not wait for them.
    """

    ADMIT = enum.auto()
    PREPARE = enum.auto()
    ADOPT = enum.auto()
    START = enum.auto()
    WATCH = enum.auto()
    STOP = enum.auto()
    LOOK = enum.auto()
    PLAN = enum.auto()
    FINALISE = enum.auto()
    CLEAN = enum.auto()


THREADS = {
    Step.ADMIT: (16, 4),
    Step.PREPARE: (16, 4),
    Step.ADOPT: (4, 2),
    Step.START: (8, 4),
    Step.WATCH: (4, 2),
    Step.STOP: (8, 4),
    Step.LOOK: (8, 4),
    Step.PLAN: (4, 2),
    Step.FINALISE: (4, 2),
    Step.CLEAN: (4, 2),
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

    def forget(self, owner: str) -> None:
        """Give up the results of an owner's steps; what runs goes on to its end."""

    def send(self, request: str, step: Step, work: Callable[[], object]) -> None:
        """Start `work` whose result nobody waits for; a fault is logged."""


class Threads:
    """Implements Background with some threads for each kind of step.

    `done` is called with request and owner of each step that ended, from the step's thread. The
    threads end with the process, wherever they are: every step may be repeated.
    """

    def __init__(
        self,
        done: Callable[[str, str], None],
        threads: Mapping[Step, tuple[int, int]] = THREADS,
    ) -> None:
        self._done = done
        self._pools = {step: _Pool(number, share) for step, (number, share) in threads.items()}
        self._running: dict[str, dict[Step, Future[Any]]] = {}
        self._lock = threading.Lock()

    def take(self, request: str, owner: str, step: Step, work: Callable[[], T]) -> T | None:
        """See Background."""
        with self._lock:
            steps = self._running.setdefault(owner, {})
            future = steps.get(step)
            if future is not None and future.done():
                del steps[step]
                if not steps:
                    del self._running[owner]
        if future is None:
            self._start(request, owner, step, work)
            return None
        if not future.done():
            return None
        result: T = future.result()
        return result

    def _start(self, request: str, owner: str, step: Step, work: Callable[[], Any]) -> None:
        future: Future[Any] = Future()
        with self._lock:
            self._running.setdefault(owner, {})[step] = future
        future.add_done_callback(lambda _future: self._done(request, owner))
        self._pools[step].add(request, future, work)

    def busy(self, owner: str) -> bool:
        """See Background."""
        with self._lock:
            return owner in self._running

    def forget(self, owner: str) -> None:
        """See Background."""
        with self._lock:
            self._running.pop(owner, None)

    def send(self, request: str, step: Step, work: Callable[[], object]) -> None:
        """See Background."""
        future: Future[Any] = Future()
        future.add_done_callback(_log_fault)
        self._pools[step].add(request, future, work)


def _log_fault(future: Future[Any]) -> None:
    error = future.exception()
    if error is not None:
        log.warning("a step beside the jobs failed", exc_info=error)


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
            result = work()
        except BaseException as error:  # handed to whoever asks for the result
            self._release(request)
            future.set_exception(error)
        else:
            self._release(request)
            future.set_result(result)

    def _release(self, request: str) -> None:
        with self._lock:
            self._free += 1
            self._occupied -= Counter([request])
            self._start()
