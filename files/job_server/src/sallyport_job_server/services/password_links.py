"""Links by which a person sets a password, once: invitations, and resets of a forgotten one."""

from __future__ import annotations

import secrets

from sallyport_common import throttle, tokens
from sallyport_common.problems import NotFoundError, Problem
from sallyport_common.throttle import Throttle
from sallyport_job_server.letters import Kind
from sallyport_job_server.models import Operator, User
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, clock, ways_in
from sallyport_job_server.services.accounts import Accounts
from sallyport_job_server.services.postbox import Postbox, reaches
from sallyport_job_server.storage import identities, outbox, tables, users
from sallyport_job_server.storage import ways_in as stored
from sallyport_job_server.storage.database import Change, Database, add, put

INVITATION, RESET = 7 * 86400, 86400
"""Seconds for which a link counts: the first of an account, any other."""
PAUSE = 900
"""Seconds for which a person who forgot the password is sent no other link."""
GONE = "This link was used already or has expired. Ask an administrator for a new one."


def address(site: str, secret: str) -> str:
    """Return the address of a link on this site; the proxy's log leaves out the query."""
    return f"{site}/password/?link={secret}"


class PasswordLinks:
    """The use cases around these links."""

    def __init__(
        self, database: Database, accounts: Accounts, brake: Throttle, postbox: Postbox
    ) -> None:
        self._database, self._accounts = database, accounts
        self._throttle, self._postbox = brake, postbox

    def create(self, actor: User | Operator, username: str) -> tuple[str, str]:
        """Return the secret of a new link, which is not kept, and when it expires.

        An earlier link of the person ends.
        """
        with self._database.change(actor.username) as change:
            access.require(change.connection, actor, Permission.USER_MANAGE)
            return _create(change, username)

    def send(self, actor: User | Operator, username: str) -> User:
        """Send a new link to a person by mail; raise Problem where mail does not reach them."""
        with self._database.change(actor.username) as change:
            access.require(change.connection, actor, Permission.USER_MANAGE)
            user = users.required(change.connection, username)
            if not self.reaches(user):
                raise Problem(f"Mail does not reach {user.username}. Make a link and hand it over.")
            self._postbox.account(change, _occasion(user), user)
            change.record("user.password_mail", user.username)
        return user

    def reaches(self, user: User) -> bool:
        """Return whether a link can be sent to a person."""
        return self._postbox.has_mail and reaches(user)

    def forgotten(self, name: str, address: str) -> None:
        """Send a link to whom a name or mail address belongs, if mail reaches them.

        Nothing tells whether that is so. One that was made a moment ago has to do. Raise
        TooManyError for an address from which this is asked for too often.
        """
        if not self._postbox.has_mail:
            raise NotFoundError("This site sends no mail. Ask an administrator for a link.")
        self._throttle.attempt(throttle.address(address))
        with self._database.change("nobody") as change:
            user = users.by_name_or_email(change.connection, name)
            known = user if user and self.reaches(user) and _takes_password(change, user) else None
            if known and not _was_sent(change, known):
                self._postbox.account(change, _occasion(known), known)
            # What was typed as a name that nobody has may be a password.
            change.record("user.forgotten", known.username if known else "", address=address)

    def mailed(self, username: str) -> str:
        """Return the secret of a new link that is being sent; an earlier one ends."""
        with self._database.change("system") as change:
            return _create(change, username)[0]

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
            self._postbox.account(change, Kind.CHANGED, user)
        return user


def _takes_password(change: Change, user: User) -> bool:
    """Return whether a person is to have a password: not who logs in at the provider alone."""
    return bool(user.password_hash) or not identities.has_any(change.connection, user.id)


def _occasion(user: User) -> Kind:
    return Kind.FORGOTTEN if user.password_hash else Kind.INVITATION


def _was_sent(change: Change, user: User) -> bool:
    """Return whether a person has a link that is new, or one is about to be sent."""
    since = clock.ago(PAUSE)
    return stored.has_link(change.connection, user.id, since) or outbox.is_waiting(
        change.connection, user.id, _occasion(user)
    )


def _create(change: Change, username: str) -> tuple[str, str]:
    user = users.required(change.connection, username)
    if not user.is_active:
        raise Problem("The account is closed; open it first.")
    secret = secrets.token_urlsafe(32)
    expires = clock.until(RESET if user.password_hash else INVITATION)
    stored.drop_link(change.connection, user.id)
    add(
        change.connection,
        tables.password_links,
        user_id=user.id,
        digest=tokens.digest(secret),
        created_at=clock.now(),
        expires_at=expires,
    )
    change.record("user.password_link", user.username, expires_at=expires)
    return secret, expires
