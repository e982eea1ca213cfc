"""Links by which a person sets a password, once: invitations, and resets of a forgotten one."""

from __future__ import annotations

import secrets

from sallyport_common import tokens
from sallyport_common.problems import NotFoundError, Problem
from sallyport_job_server.models import Operator, User
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, clock, ways_in
from sallyport_job_server.services.accounts import Accounts
from sallyport_job_server.storage import tables, users
from sallyport_job_server.storage import ways_in as stored
from sallyport_job_server.storage.database import Database, add, put

INVITATION, RESET = 7 * 86400, 86400
"""Seconds for which a link counts: the first of an account, any other."""
GONE = "This link was used already or has expired. Ask an administrator for a new one."


def address(site: str, secret: str) -> str:
    """Return the address of a link on this site; the proxy's log leaves out the query."""
    return f"{site}/password/?link={secret}"


class PasswordLinks:
    """The use cases around these links."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database, self._accounts = database, accounts

    def create(self, actor: User | Operator, username: str) -> tuple[str, str]:
        """Return the secret of a new link, which is not kept, and when it expires.

        An earlier link of the person ends.
        """
        secret, now = secrets.token_urlsafe(32), clock.now()
        with self._database.change(actor.username) as change:
            access.require(change.connection, actor, Permission.USER_MANAGE)
            user = users.required(change.connection, username)
            if not user.is_active:
                raise Problem("The account is closed; open it first.")
            expires = clock.until(RESET if user.password_hash else INVITATION)
            stored.drop_link(change.connection, user.id)
            add(
                change.connection,
                tables.password_links,
                user_id=user.id,
                digest=tokens.digest(secret),
                created_at=now,
                expires_at=expires,
            )
            change.record("user.password_link", user.username, expires_at=expires)
        return secret, expires

    def owner(self, secret: str) -> User:
        """Return whose password a link may set; raise NotFoundError."""
        with self._database.read() as connection:
            number = stored.owner_of_link(connection, tokens.digest(secret), clock.now())
            user = users.by_id(connection, number) if number is not None else None
        if user is None or not user.is_active:
            raise NotFoundError(GONE)
        return user

    def use(self, secret: str, password: str) -> User:
        """Set a password; whatever else lets in as this person ends. Raise NotFoundError."""
        user = self.owner(secret)
        hashed = self._accounts.hashed(password, user.username, user.fullname, user.email)
        with self._database.change(user.username) as change:
            if not stored.use_link(change.connection, tokens.digest(secret)):
                raise NotFoundError(GONE)
            put(change.connection, tables.users, user.id, password_hash=hashed)
            ways_in.end(change, user)
            change.record("user.password", user.username, by="link")
        return user
