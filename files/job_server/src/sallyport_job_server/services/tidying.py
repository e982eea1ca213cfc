"""What is forgotten by itself: releases that never came, and what lets nobody in any more."""

from __future__ import annotations

from sallyport_job_server.services import clock
from sallyport_job_server.storage import releases, tidying
from sallyport_job_server.storage.database import Database

PATIENCE = 7 * 86400
"""Seconds after which the files of an announced release should have arrived.

A publisher tries for as long as it takes; one that comes later announces the release again.
"""


class Tidying:
    """The use case of tidying up, once a day or when asked."""

    def __init__(self, database: Database, idle: int) -> None:
        self._database, self._idle = database, idle

    def run(self) -> int:
        """Forget what is over; return how many announced releases were given up."""
        with self._database.change("system") as change:
            tidying.drop_over(change.connection, clock.now(), clock.ago(self._idle))
            given_up = releases.abandoned(change.connection, clock.ago(PATIENCE))
            releases.forget(change.connection, given_up)
            change.record_all("release.give_up", [(one, {}) for one in given_up])
        return len(given_up)
