"""Slow steps beside the run loop: one at a time for each key, asked for until it is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
SHORT = 0.2
"""Seconds that the loop waits for a new step: most are done by then."""


class Background(Protocol):
    """Runs steps; the caller asks again until there is a result."""

    def take(self, key: str, work: Callable[[], T]) -> T | None:
        """Start `work` unless it runs; return its result once, or raise what it raised."""


class Threads:
    """Implements Background with a few threads.

    They end with the process, wherever they are: every step may be repeated.
    """

    def __init__(self, workers: int) -> None:
        self._slots = threading.Semaphore(workers)
        self._running: dict[str, Future[Any]] = {}
        self._lock = threading.Lock()

    def take(self, key: str, work: Callable[[], T]) -> T | None:
        """See Background."""
        with self._lock:
            future = self._running.get(key)
            if future is None:
                future = self._running[key] = Future()
                threading.Thread(target=self._run, args=(future, work), daemon=True).start()
                wait([future], timeout=SHORT)
            if not future.done():
                return None
            del self._running[key]
        result: T = future.result()
        return result

    def _run(self, future: Future[Any], work: Callable[[], Any]) -> None:
        with self._slots:
            try:
                future.set_result(work())
            except BaseException as error:  # handed to whoever asks for the result
                future.set_exception(error)
