"""Slows guessing down: after some failures in a while, a name or address has to wait."""

from __future__ import annotations

from sallyport_job_server.models import TooManyError
from sallyport_job_server.services import clock
from sallyport_job_server.storage import users
from sallyport_job_server.storage.database import Database

LIMIT = 10
WINDOW = 600


class Throttle:
    """Counts failures by name, in the database, so that all processes count together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self, *names: str) -> None:
        """Raise TooManyError when one of these failed too often lately."""
        with self._database.read() as connection:
            for name in names:
                found = users.failures(connection, name)
                if found and found[0] >= LIMIT and clock.seconds_since(found[1]) < WINDOW:
                    raise TooManyError("Too many failed attempts; wait ten minutes and try again.")

    def failed(self, *names: str) -> None:
        """Count a failure of each; the window starts with the first."""
        with self._database.change("system") as change:
            for name in names:
                found = users.failures(change.connection, name)
                count, since = found or (0, clock.now())
                if clock.seconds_since(since) >= WINDOW:
                    count, since = 0, clock.now()
                users.set_failures(change.connection, name, count + 1, since)

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name."""
        with self._database.change("system") as change:
            users.set_failures(change.connection, name, 0, clock.now())
