"""Who is here: log-in with a one-use token, sessions that end, permissions that are asked again."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from sallyport_common import throttle
from sallyport_common.problems import ForbiddenError
from sallyport_common.tokens import digest
from sallyport_release_hatch.models import Identity
from sallyport_release_hatch.services.job_server import JobServer, JobServerUnreachableError
from sallyport_release_hatch.storage.database import Database, LogInAttempts, SessionRow


@dataclass(frozen=True)
class Limits:
    """Seconds: a session's life, its idle time, how often permissions are asked, and the grace."""

    lifetime: int
    idle: int
    authorise: int
    grace: int


class Access:
    """Log-ins and their sessions."""

    def __init__(
        self,
        database: Database,
        job_server: JobServer,
        limits: Limits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._job_server = database, job_server
        self._limits, self._clock = limits, clock
        self._throttle = throttle.Throttle(LogInAttempts(database), clock)

    def log_in(self, user: str, token: str, address: str) -> str:
        """Return a new session's secret; raise ForbiddenError, TooManyError or Unreachable."""
        now, subjects = self._clock(), (throttle.guess(user, address), throttle.address(address))
        self._throttle.attempt(*subjects)
        try:
            body = self._job_server.authenticate(user, token)
        except JobServerUnreachableError:
            self._throttle.undone(*subjects)
            raise
        if body is None:
            with self._database.write() as transaction:
                transaction.record("-", "login_refused", throttle.account(user))
            raise ForbiddenError("That name and log-in token were not accepted.")
        secret = secrets.token_urlsafe(32)
        username = Identity.from_wire(body).username
        self._throttle.succeeded(*subjects)
        with self._database.write() as transaction:
            transaction.sessions.remove_created_before(now - self._limits.lifetime)
            transaction.sessions.add(digest(secret), username, body, now)
            transaction.record(username, "login", f"user:{username}")
        return secret

    def log_out(self, secret: str) -> None:
        """End a session."""
        self._end(digest(secret), "logout")

    def identity(self, secret: str) -> Identity | None:
        """Return who a session belongs to, or None once it is over or permissions are gone."""
        key, now = digest(secret), self._clock()
        with self._database.read() as transaction:
            row = transaction.sessions.get(key)
        if row is None:
            return None
        limits = self._limits
        if now - row.created > limits.lifetime or now - row.seen > limits.idle:
            self._end(key, "session_expired")
            return None
        if now - row.authorised > limits.authorise:
            return self._ask_again(key, row, now)
        if now - row.seen > 30:  # one write in half a minute is exact enough
            with self._database.write() as transaction:
                transaction.sessions.touch(key, now)
        return Identity.from_wire(row.identity)

    def _ask_again(self, key: str, row: SessionRow, now: float) -> Identity | None:
        try:
            body = self._job_server.authorise(row.username)
        except JobServerUnreachableError:
            if now - row.authorised <= self._limits.authorise + self._limits.grace:
                return Identity.from_wire(row.identity)
            self._end(key, "session_unconfirmed")
            return None
        if body is None:
            self._end(key, "session_refused")
            return None
        with self._database.write() as transaction:
            transaction.sessions.renew(key, body, now)
        return Identity.from_wire(body)

    def _end(self, key: str, event: str) -> None:
        with self._database.write() as transaction:
            row = transaction.sessions.get(key)
            if row is not None:
                transaction.sessions.remove(key)
                transaction.record(row.username, event, f"user:{row.username}")

    def of_token_user(self, username: str) -> Identity:
        """Return what the bearer of a signed token may do; raise ForbiddenError if nothing."""
        body = self._job_server.authorise(username)
        if body is None:
            raise ForbiddenError("Forbidden")
        return Identity.from_wire(body)
