"""What is done by the clock: one thread in each process looks, and one process does it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sallyport_job_server.services import clock
from sallyport_job_server.storage import chores
from sallyport_job_server.storage.database import Database

log = logging.getLogger(__name__)

LOOK_EVERY = 60.0
"""Seconds between two looks."""


@dataclass(frozen=True)
class Chore:
    """What is done every so many seconds."""

    every: int
    do: Callable[[], object]


class Chores:
    """Does each chore when it is due; one that fails is tried again at its next time."""

    def __init__(self, database: Database, known: Mapping[str, Chore]) -> None:
        self._database, self._known = database, known
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to look, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="chores", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            self.look()

    def look(self) -> list[str]:
        """Do what is due, unless another process does it; return what was done."""
        done = []
        for name, chore in self._known.items():
            try:
                if self._claim(name, chore.every):
                    chore.do()
                    done.append(name)
            except Exception:
                log.exception("a chore failed", extra={"chore": name})
        return done

    def _claim(self, name: str, every: int) -> bool:
        with self._database.read() as connection:
            if not chores.is_due(connection, name, clock.now()):
                return False
        with self._database.change("system") as change:
            if not chores.is_due(change.connection, name, clock.now()):
                return False
            chores.put_off(change.connection, name, clock.until(every))
        return True
