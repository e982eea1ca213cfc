"""Sessions: begun by a log-in, known by a secret in the browser's cookie, ended here."""

from __future__ import annotations

import secrets

from sallyport_common import tokens
from sallyport_common.problems import NotFoundError
from sallyport_job_server.models import Session, User
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, clock
from sallyport_job_server.storage import sessions, tables, users
from sallyport_job_server.storage.database import Change, Database, add

SEEN_EVERY = 60
"""Seconds after which the use of a session is written down again."""


class Sessions:
    """The use cases around sessions; `lifetime` and `idle` are seconds."""

    def __init__(self, database: Database, lifetime: int, idle: int) -> None:
        self._database, self._lifetime, self._idle = database, lifetime, idle

    def start(self, user: User, address: str, agent: str) -> str:
        """Begin a session and return its secret, which is not kept."""
        secret, now = secrets.token_urlsafe(32), clock.now()
        with self._database.change(user.username) as change:
            sessions.drop_over(change.connection, now, clock.ago(self._idle))
            add(
                change.connection,
                tables.sessions,
                user_id=user.id,
                digest=tokens.digest(secret),
                address=address[:60],
                agent=agent[:200],
                created_at=now,
                seen_at=now,
                expires_at=clock.until(self._lifetime),
            )
        return secret

    def user(self, secret: str, *, used: bool = True) -> User | None:
        """Return whose session this is, unless it is over or the account is closed.

        `used` tells that a person did something, so that the session is not idle.
        """
        found = self._find(secret)
        if found is None or not found.user.is_active:
            return None
        if used and clock.seconds_since(found.seen_at) >= SEEN_EVERY:
            with self._database.change(found.user.username) as change:
                sessions.seen(change.connection, found.id, clock.now())
        return found.user

    def number(self, secret: str) -> int | None:
        """Return the number of a session that is not over."""
        found = self._find(secret)
        return found.id if found else None

    def _find(self, secret: str) -> sessions.Found | None:
        digest, since = tokens.digest(secret), clock.ago(self._idle)
        with self._database.read() as connection:
            return sessions.owner(connection, digest, clock.now(), since)

    def log_out(self, secret: str) -> None:
        """End a session, if it is not over."""
        found = self._find(secret)
        if found is None:
            return
        with self._database.change(found.user.username) as change:
            if sessions.end(change.connection, found.user.id, found.id):
                change.record("user.log_out", found.user.username)

    def of(self, user: User) -> list[Session]:
        """Return a person's sessions, the one seen last first."""
        with self._database.read() as connection:
            return sessions.of(connection, user.id, clock.now(), clock.ago(self._idle))

    def end(self, user: User, number: int) -> None:
        """End one of a person's own sessions."""
        with self._database.change(user.username) as change:
            _end(change, user, number)

    def of_account(self, actor: User, username: str) -> list[Session]:
        """Return somebody's sessions, for those who manage accounts."""
        with self._database.read() as connection:
            access.require(connection, actor, Permission.USER_MANAGE)
            user = users.required(connection, username)
        return self.of(user)

    def end_of_account(self, actor: User, username: str, number: int) -> None:
        """End one of somebody's sessions, as one who manages accounts."""
        with self._database.change(actor.username) as change:
            access.require(change.connection, actor, Permission.USER_MANAGE)
            _end(change, users.required(change.connection, username), number)


def _end(change: Change, user: User, number: int) -> None:
    if not sessions.end(change.connection, user.id, number):
        raise NotFoundError("There is no such session.")
    change.record("session.end", user.username, session=number)
