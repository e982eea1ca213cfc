"""Wakes held requests when a backend's change counter rises: one thread in each process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sallyport_job_server.storage.database import Database
from sallyport_job_server.storage.notices import notices

log = logging.getLogger(__name__)

PAUSE_AFTER_FAULT = 1.0


class Watcher:
    """Reads the counters while somebody waits; its thread starts with the first who does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._condition = threading.Condition()
        self._wanted = threading.Event()
        self._counters: dict[int, int] = {}
        self._waiting = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    def wait(self, backend_id: int, known: int, seconds: float) -> bool:
        """Return True as soon as the counter exceeds `known`, False when time is up."""

        def risen() -> bool:
            return self._counters.get(backend_id, known) > known

        with self._condition:
            self._start()
            self._waiting += 1
            self._wanted.set()
            try:
                self._condition.wait_for(lambda: risen() or self._stopping, timeout=seconds)
            finally:
                self._waiting -= 1
                if not self._waiting:
                    self._wanted.clear()
            return risen()

    def stop(self) -> None:
        """Let everybody go; safe to call from a signal handler, which must not take locks."""
        self._stopping = True
        self._wanted.set()

    def close(self) -> None:
        """Let everybody go, and wait until the thread uses the database no more."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stopping:
            try:
                with notices(self._database) as look:
                    self._watch(look)
            except Exception:  # held requests end by themselves; the next look is a fresh try
                log.exception("the change counters cannot be read")
                threading.Event().wait(PAUSE_AFTER_FAULT)
        with self._condition:
            self._condition.notify_all()

    def _watch(self, look: Callable[[], dict[int, int]]) -> None:
        while self._wanted.wait() and not self._stopping:
            counters = look()
            if counters != self._counters:
                with self._condition:
                    self._counters = counters
                    self._condition.notify_all()
