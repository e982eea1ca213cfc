"""How a change of the counters is noticed: PostgreSQL tells, the kernel tells of SQLite's file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inotify_simple import INotify, flags

from sallyport_job_server.storage import backends
from sallyport_job_server.storage.backends import Counters
from sallyport_job_server.storage.database import CHANNEL, Database

LISTEN_FOR = 1.0
"""Seconds after which the counters are looked at although nothing was told."""
TOGETHER_MS = 3
"""Writes within so many milliseconds are one change."""
AGAIN_MS = (5, 10, 20, 40, 80, 160)
"""When to look again after a write: readers see it a moment later, of which nothing is told."""

Look = Callable[[], dict[int, Counters]]


@contextmanager
def notices(database: Database) -> Iterator[Look]:
    """Give a function that waits for a change, of any process, and returns all counters."""

    def look() -> dict[int, Counters]:
        with database.read() as connection:
            return backends.counters(connection)

    watching = _postgresql if database.engine.dialect.name == "postgresql" else _sqlite
    with watching(database, look) as told:
        yield told


@contextmanager
def _sqlite(database: Database, look: Look) -> Iterator[Look]:
    """Wait for writes to the folder of the file: every transaction is written to its journal.

    It can be read when the index of the journal says so. That is memory, of which the kernel tells
    nothing; before it, the journal is flushed to the disk.
    """
    folder = Path(str(database.engine.url.database)).parent
    with INotify() as inotify:
        inotify.add_watch(folder, flags.MODIFY)

        later: list[int] = []

        def told() -> dict[int, Counters]:
            pause = later.pop() if later else int(LISTEN_FOR * 1000)
            if inotify.read(timeout=pause, read_delay=TOGETHER_MS):
                later[:] = reversed(AGAIN_MS)
            return look()

        yield told


@contextmanager
def _postgresql(database: Database, look: Look) -> Iterator[Look]:
    holder = database.engine.raw_connection()
    driver: Any = holder.driver_connection

    def told() -> dict[int, Counters]:
        for _notice in driver.notifies(timeout=LISTEN_FOR, stop_after=1):
            pass
        return look()

    try:
        driver.autocommit = True
        driver.execute(f"LISTEN {CHANNEL}")
        yield told
    finally:
        holder.invalidate()
