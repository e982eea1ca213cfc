"""Personal access tokens: `<64 hex>-<last day>`, sent as `username:token`, stored as a digest."""

from __future__ import annotations

import enum
import secrets
from dataclasses import dataclass, replace

from sallyport_common import tokens
from sallyport_common.problems import (
    ForbiddenError,
    NotFoundError,
    Problem,
    UnauthenticatedError,
)
from sallyport_job_server.models import AccessToken, User
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, checks, clock
from sallyport_job_server.services.second_factor import SecondFactor
from sallyport_job_server.storage import projects, tables, users
from sallyport_job_server.storage.database import Change, Database, add, put

DAYS, MOST_DAYS = 90, 365
USED_EVERY = 60
"""Seconds after which the use of a token is written down again."""
UNKNOWN = (
    "The access token is unknown: it was ended, or is another person's. Make a new one on the page "
    "Settings, and send 'username:token'."
)


class TokenScope(enum.StrEnum):
    """What an access token may do of what its owner may."""

    READ = "read"
    RUN = "run"
    ALL = "all"

    @property
    def words(self) -> str:
        """What it may do, for people."""
        return _WORDS[self]

    def allows(self, needed: TokenScope) -> bool:
        """Return whether it may do what needs a scope; each scope holds those before it."""
        order = list(TokenScope)
        return order.index(needed) <= order.index(self)


_WORDS = {
    TokenScope.READ: "only read",
    TokenScope.RUN: "read, and run and cancel jobs",
    TokenScope.ALL: "do all that you may",
}


@dataclass(frozen=True)
class Wish:
    """What somebody wants a token to be: its scope, the slug of its project, its life in days."""

    label: str
    scope: str = TokenScope.ALL
    project: str = ""
    days: int = DAYS

    def check(self) -> None:
        """Raise Problem for an unknown scope, or a life that is too long."""
        if self.scope not in set(TokenScope):
            names = ", ".join(TokenScope)
            raise Problem(f"'{self.scope}' is not a scope; the scopes are {names}.")
        if not 1 <= self.days <= MOST_DAYS:
            raise Problem(f"An access token is valid for 1 to {MOST_DAYS} days.")


class AccessTokens:
    """The use cases around personal access tokens."""

    def __init__(self, database: Database, second_factor: SecondFactor) -> None:
        self._database, self._second = database, second_factor

    def create(self, user: User, wish: Wish) -> str:
        """Create a token and return it; it is not kept and cannot be shown again."""
        with self._database.change(user.username) as change:
            return self.issue(change, user, wish)

    def issue(self, change: Change, user: User, wish: Wish) -> str:
        """Create a token, in a transaction in which more happens."""
        wish.check()
        label, expires = checks.text("label", wish.label, 100), clock.until(wish.days * 86400)
        token = f"{secrets.token_hex(32)}-{expires[:10]}"
        number = _project(change, user, wish.project)
        add(
            change.connection,
            tables.access_tokens,
            user_id=user.id,
            label=label,
            digest=tokens.digest(token),
            scope=wish.scope,
            project_id=number,
            created_at=clock.now(),
            expires_at=expires,
        )
        change.record(
            "token.create", user.username, label=label, scope=wish.scope,
            project=wish.project, expires_at=expires,
        )  # fmt: skip
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

    def owner(self, header: str, needed: TokenScope = TokenScope.ALL) -> User:
        """Return whom `username:token` stands for; raise UnauthenticatedError for any fault.

        Raises ForbiddenError for a token whose scope is not enough. A token of one project makes
        its owner somebody who has no role elsewhere.
        """
        username, _colon, token = header.strip().partition(":")
        with self._database.read() as connection:
            user = users.by_name(connection, username)
            stored = users.access_tokens(connection, user.id) if user else []
        matching = [one for one in stored if tokens.matches(token, one.digest)]
        if user is None or not user.is_active or not matching:
            raise UnauthenticatedError(UNKNOWN)
        found = matching[0]
        if found.expires_at <= clock.now():
            raise UnauthenticatedError("The access token has expired. Create a new one.")
        self._second.check(user)
        scope = TokenScope(found.scope)
        if not scope.allows(needed):
            raise ForbiddenError(f"This access token may {scope.words}.")
        self._note_use(user, found)
        if found.project_id is None:
            return user
        return replace(user, roles=[], only_project=found.project_id)

    def _note_use(self, user: User, token: AccessToken) -> None:
        if token.used_at and clock.seconds_since(token.used_at) < USED_EVERY:
            return
        with self._database.change(user.username) as change:
            put(change.connection, tables.access_tokens, token.id, used_at=clock.now())


def _project(change: Change, user: User, slug: str) -> int | None:
    """Return the number of the project to which a token is limited; raise NotFoundError."""
    if not slug:
        return None
    project = projects.by_slug(change.connection, slug)
    if project is None or not access.sees(change.connection, user, project.id):
        raise NotFoundError(f"There is no project '{slug}'.")
    return project.id


def _revoke(change: Change, user: User, number: int) -> None:
    own = [token.id for token in users.access_tokens(change.connection, user.id)]
    if number not in own:
        raise NotFoundError("There is no such token.")
    put(change.connection, tables.access_tokens, number, revoked_at=clock.now())
    change.record("token.revoke", user.username, token=number)
