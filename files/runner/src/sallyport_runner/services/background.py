"""Slow steps beside the run loop: one at a time for each key, asked for until it is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Background(Protocol):
    """Runs steps; the caller asks again until there is a result."""

    def take(self, key: str, work: Callable[[], T]) -> T | None:
        """Start `work` unless it runs; return its result once, or raise what it raised."""


class Threads:
    """Implements Background with a few threads; nothing of it outlives the process."""

    def __init__(self, workers: int, wake: Callable[[], None]) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="step")
        self._running: dict[str, Future[Any]] = {}
        self._lock = threading.Lock()
        self._wake = wake

    def take(self, key: str, work: Callable[[], T]) -> T | None:
        """See Background."""
        with self._lock:
            future = self._running.get(key)
            if future is None:
                future = self._running[key] = self._pool.submit(work)
                future.add_done_callback(lambda _done: self._wake())
            if not future.done():
                return None
            del self._running[key]
        result: T = future.result()
        return result

    def stop(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
