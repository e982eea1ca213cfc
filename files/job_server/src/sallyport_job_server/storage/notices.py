"""How a change of the counters is noticed: PostgreSQL tells, SQLite is looked at.

A change that this process made itself is known at once; the look is for those of other processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sallyport_job_server.storage import backends
from sallyport_job_server.storage.database import CHANNEL, Database

LOOK_EVERY = 0.1
LISTEN_FOR = 1.0


@contextmanager
def notices(database: Database) -> Iterator[Callable[[], dict[int, int]]]:
    """Give a function that waits, less when something changes, and returns all counters."""

    def look() -> dict[int, int]:
        with database.read() as connection:
            return backends.counters(connection)

    def look_often() -> dict[int, int]:
        database.touched.wait(LOOK_EVERY)
        database.touched.clear()
        return look()

    def listen() -> dict[int, int]:
        for _notice in driver.notifies(timeout=LISTEN_FOR, stop_after=1):
            pass
        return look()

    if database.engine.dialect.name != "postgresql":
        yield look_often
        return
    holder = database.engine.raw_connection()
    driver: Any = holder.driver_connection
    try:
        driver.autocommit = True
        driver.execute(f"LISTEN {CHANNEL}")
        yield listen
    finally:
        holder.invalidate()
