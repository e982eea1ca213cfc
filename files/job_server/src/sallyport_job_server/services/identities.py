"""Log-ins with the account of one's organisation, and what links it to an account here.

A provider's name for somebody is never taken for the name of an account here: whoever chooses names
there would choose accounts here. An account is linked by its owner, who is logged in, or it is one
without a password that an administrator made for the same mail address, which the provider has
verified: an invitation would have gone there too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sallyport_common.problems import ConflictError, NotFoundError, Problem, UnauthenticatedError
from sallyport_job_server.letters import Kind
from sallyport_job_server.models import Identity, User
from sallyport_job_server.providers import Provider
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, checks, clock
from sallyport_job_server.services.postbox import Postbox
from sallyport_job_server.storage import identities, tables, users
from sallyport_job_server.storage.database import Change, Database, add, put

LONGEST_SUBJECT = 255
"""Characters of a subject (OpenID Connect Core 1.0, section 2)."""
CLOSED = "This account is closed. Ask an administrator."
UNKNOWN = (
    "You have no account here yet. Ask an administrator for one. If you have one, log in with its "
    "password, and link the two on the page Settings."
)
TAKEN = (
    "There is an account {name} here. If it is yours, log in with its password, and link the two "
    "on the page Settings."
)


@dataclass(frozen=True)
class _Person:
    """What a provider says of somebody; `mail` is empty unless it was verified."""

    subject: str
    username: str
    fullname: str
    mail: str
    roles: frozenset[str]


class Identities:
    """The use cases around these log-ins; without a provider there are none."""

    def __init__(self, database: Database, provider: Provider | None, postbox: Postbox) -> None:
        self._database, self._provider, self._postbox = database, provider, postbox

    def required(self) -> Provider:
        """Return the provider; raise NotFoundError where the site has none."""
        if self._provider is None:
            raise NotFoundError("This site has no other way to log in.")
        return self._provider

    @property
    def name(self) -> str:
        """What people call the provider; empty where the site has none."""
        return self._provider.name if self._provider else ""

    def find(self, claims: Mapping[str, Any], address: str) -> User:
        """Return the account of somebody whom the provider has logged in, with the roles it gives.

        `claims` are those of a verified ID token, and of the provider's answer about the person.
        Raise UnauthenticatedError for somebody without an open account here.
        """
        person = self._person(claims)
        try:
            user = self._found(person)
        except ConflictError:
            self.note(None, address, entered=False)
            raise
        if user is None or not user.is_active:
            self.note(user, address, entered=False)
            raise UnauthenticatedError(CLOSED if user else UNKNOWN)
        return user

    def _found(self, person: _Person) -> User | None:
        """Return somebody's account; an open one has the roles that the provider gives."""
        with self._database.change("provider") as change:
            user = self._owner(change, person) or self._invited(change, person)
            user = user or self._new(change, person)
            if user is None or not user.is_active:
                return user
            return _give_roles(change, user, self.required().managed, person.roles)

    def note(self, user: User | None, address: str, *, entered: bool) -> None:
        """Record whether somebody whom the provider has logged in was let in here."""
        name = user.username if user else ""
        event = "user.log_in" if entered else "user.log_in_refused"
        with self._database.change(name if entered else "nobody") as change:
            change.record(event, name, address=address, by=self.required().issuer)

    def _person(self, claims: Mapping[str, Any]) -> _Person:
        provider, subject = self.required(), claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
            raise Problem(f"{provider.name} did not say who you are.")
        verified = claims.get("email_verified", provider.verifies_mail) is True
        name = str(claims.get(provider.username_claim) or "").partition("@")[0]
        return _Person(
            subject=subject,
            username=name,
            fullname=str(claims.get("name") or name),
            mail=str(claims.get("email") or "") if verified else "",
            roles=frozenset(provider.roles_of(claims)),
        )

    def _owner(self, change: Change, person: _Person) -> User | None:
        found = identities.owner(change.connection, self.required().issuer, person.subject)
        if found is None:
            return None
        identities.used(change.connection, found[0], clock.now())
        return users.by_id(change.connection, found[1])

    def _invited(self, change: Change, person: _Person) -> User | None:
        """Link the account that waits for somebody with this mail address, if there is one."""
        user = users.by_email(change.connection, person.mail) if person.mail else None
        if user is None or user.password_hash or not user.is_active:
            return None
        if identities.has_any(change.connection, user.id):
            return None
        self._link(change, user, person)
        return user

    def _new(self, change: Change, person: _Person) -> User | None:
        if not self.required().creates_accounts:
            return None
        name = checks.username(person.username)
        if users.by_name(change.connection, name):
            raise ConflictError(TAKEN.format(name=name))
        mail = checks.mail_address(person.mail)
        if mail and users.by_email(change.connection, mail):
            raise ConflictError(TAKEN.format(name=f"with the mail address {mail}"))
        user = users.create(
            change.connection,
            username=name,
            fullname=checks.text("full name", person.fullname),
            email=mail,
            password_hash="",
            roles=[],
            now=clock.now(),
        )
        change.record("user.create", name, roles=[], by=self.required().issuer)
        self._link(change, user, person)
        return user

    def _link(self, change: Change, user: User, person: _Person) -> None:
        now, issuer = clock.now(), self.required().issuer
        add(
            change.connection,
            tables.identities,
            user_id=user.id,
            issuer=issuer,
            subject=person.subject,
            created_at=now,
            used_at=now,
        )
        change.record("identity.link", user.username, issuer=issuer, subject=person.subject)
        self._postbox.account(change, Kind.LINKED, user)

    def link(self, user: User, claims: Mapping[str, Any]) -> None:
        """Link a person's account, as its owner who has just logged in at the provider."""
        person = self._person(claims)
        with self._database.change(user.username) as change:
            found = identities.owner(change.connection, self.required().issuer, person.subject)
            if found is not None and found[1] != user.id:
                raise ConflictError(f"This account at {self.name} is linked to another one here.")
            if found is None:
                self._link(change, user, person)

    def of(self, user: User) -> list[Identity]:
        """Return a person's identities."""
        with self._database.read() as connection:
            return identities.of(connection, user.id)

    def end(self, user: User, number: int) -> None:
        """Forget one of a person's own identities; raise Problem for the last way to log in."""
        with self._database.change(user.username) as change:
            if not user.password_hash and len(identities.of(change.connection, user.id)) == 1:
                raise Problem("Your account has no password, so this is your only way to log in.")
            _end(change, user, number)

    def of_account(self, actor: User, username: str) -> list[Identity]:
        """Return somebody's identities, for those who manage accounts."""
        with self._database.read() as connection:
            access.require(connection, actor, Permission.USER_MANAGE)
            return identities.of(connection, users.required(connection, username).id)

    def end_of_account(self, actor: User, username: str, number: int) -> None:
        """Forget one of somebody's identities, as one who manages accounts."""
        with self._database.change(actor.username) as change:
            access.require(change.connection, actor, Permission.USER_MANAGE)
            _end(change, users.required(change.connection, username), number)


def _give_roles(change: Change, user: User, managed: set[str], given: frozenset[str]) -> User:
    """Give the roles that the provider says a person has, and take its others."""
    roles = sorted((set(user.roles) - managed) | given)
    if roles != sorted(user.roles):
        put(change.connection, tables.users, user.id, roles=roles)
        change.record("user.roles", user.username, roles=roles)
        return users.required(change.connection, user.username)
    return user


def _end(change: Change, user: User, number: int) -> None:
    if not identities.end(change.connection, user.id, number):
        raise NotFoundError("There is no such link.")
    change.record("identity.end", user.username, identity=number)
