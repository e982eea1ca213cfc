"""Personal access tokens: `<64 hex>-<last day>`, sent as `username:token`, stored as a digest."""

from __future__ import annotations

import secrets

from sallyport_common import tokens
from sallyport_common.problems import NotFoundError, UnauthenticatedError
from sallyport_job_server.models import AccessToken, User
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, checks, clock
from sallyport_job_server.services.second_factor import SecondFactor
from sallyport_job_server.storage import tables, users
from sallyport_job_server.storage.database import Change, Database, add, put

DAYS = 90
UNKNOWN = (
    "The access token is unknown: it was ended, or is another person's. Make a new one on the page "
    "Settings, and send 'username:token'."
)


class AccessTokens:
    """The use cases around personal access tokens."""

    def __init__(self, database: Database, second_factor: SecondFactor) -> None:
        self._database, self._second = database, second_factor

    def create(self, user: User, label: str) -> str:
        """Create a token and return it; it is not kept and cannot be shown again."""
        label, expires = checks.text("label", label, 100), clock.until(DAYS * 86400)
        token = f"{secrets.token_hex(32)}-{expires[:10]}"
        with self._database.change(user.username) as change:
            add(
                change.connection,
                tables.access_tokens,
                user_id=user.id,
                label=label,
                digest=tokens.digest(token),
                created_at=clock.now(),
                expires_at=expires,
            )
            change.record("token.create", user.username, label=label, expires_at=expires)
        return token

    def revoke(self, user: User, number: int) -> None:
        """End one of a person's own tokens."""
        with self._database.change(user.username) as change:
            _revoke(change, user, number)

    def revoke_of_account(self, actor: User, username: str, number: int) -> None:
        """End one of somebody's tokens, as one who manages accounts."""
        with self._database.change(actor.username) as change:
            access.require(change.connection, actor, Permission.USER_MANAGE)
            _revoke(change, users.required(change.connection, username), number)

    def of_account(self, actor: User, username: str) -> list[AccessToken]:
        """Return somebody's tokens, for those who manage accounts."""
        with self._database.read() as connection:
            access.require(connection, actor, Permission.USER_MANAGE)
            return users.access_tokens(connection, users.required(connection, username).id)

    def of(self, user: User) -> list[AccessToken]:
        """Return a person's tokens."""
        with self._database.read() as connection:
            return users.access_tokens(connection, user.id)

    def owner(self, header: str) -> User:
        """Return whom `username:token` belongs to; raise UnauthenticatedError for any fault."""
        username, _colon, token = header.strip().partition(":")
        with self._database.read() as connection:
            user = users.by_name(connection, username)
            stored = users.access_tokens(connection, user.id) if user else []
        matching = [one for one in stored if tokens.matches(token, one.digest)]
        if user is None or not user.is_active or not matching:
            raise UnauthenticatedError(UNKNOWN)
        if matching[0].expires_at <= clock.now():
            raise UnauthenticatedError("The access token has expired. Create a new one.")
        self._second.check(user)
        return user


def _revoke(change: Change, user: User, number: int) -> None:
    own = [token.id for token in users.access_tokens(change.connection, user.id)]
    if number not in own:
        raise NotFoundError("There is no such token.")
    put(change.connection, tables.access_tokens, number, revoked_at=clock.now())
    change.record("token.revoke", user.username, token=number)
