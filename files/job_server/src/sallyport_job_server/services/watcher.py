"""Tells when a backend's change counter rises: one thread in each process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from sallyport_job_server.storage.backends import Counters
from sallyport_job_server.storage.database import Database
from sallyport_job_server.storage.notices import Look, notices

log = logging.getLogger(__name__)

PAUSE_AFTER_FAULT = 1.0

Tell = Callable[[Mapping[int, Counters]], None]


class Watcher:
    """Reads the counters whenever something was written, and hands them on when they changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, tell: Tell) -> None:
        """Call `tell`, in a thread of its own, with the counters by backend and at each change."""
        self._thread = threading.Thread(target=self._run, args=(tell,), name="watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait until the thread uses the database no more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, tell: Tell) -> None:
        while not self._stopping.is_set():
            try:
                with notices(self._database) as look:
                    self._watch(look, tell)
            except Exception:  # held requests end by themselves; the next look is a fresh try
                log.exception("the change counters cannot be read")
                self._stopping.wait(PAUSE_AFTER_FAULT)

    def _watch(self, look: Look, tell: Tell) -> None:
        known: dict[int, Counters] = {}
        while not self._stopping.is_set():
            counters = look()
            if counters != known:
                known = counters
                tell(counters)
