"""Accounts: making them, logging in, what an administrator changes."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from sallyport_common import throttle
from sallyport_common.problems import ConflictError, NotFoundError, Problem, UnauthenticatedError
from sallyport_job_server.letters import Kind, Topic
from sallyport_job_server.models import Backend, Operator, User
from sallyport_job_server.roles import GLOBAL_ROLES, Permission, Role
from sallyport_job_server.services import access, checks, clock, ways_in
from sallyport_job_server.services.browsers import KnownBrowsers
from sallyport_job_server.services.pages import Page
from sallyport_job_server.services.postbox import Postbox
from sallyport_job_server.services.second_factor import SecondFactor
from sallyport_job_server.storage import backends, projects, tables, users
from sallyport_job_server.storage.database import Change, Database, put

REFUSED = "The user name, the password or the code is wrong."
INVITED = ""
"""The hash of an account without a password yet, which no password matches."""


class Accounts:
    """The use cases around people's accounts."""

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        brake: throttle.Throttle,
        browsers: KnownBrowsers,
        second_factor: SecondFactor,
        postbox: Postbox,
    ) -> None:
        self._database, self._hasher, self._throttle = database, hasher, brake
        self.browsers, self._second, self._postbox = browsers, second_factor, postbox

    def log_in(
        self, username: str, password: str, code: str, address: str, browser: str = ""
    ) -> User:
        """Return the account; raise UnauthenticatedError, the same for every reason.

        `browser` is what `browsers` gave the browser at an earlier log-in.
        """
        subjects = self._subjects(username, address, browser)
        self._throttle.attempt(*subjects)
        with self._database.read() as connection:
            user = users.by_name(connection, username)
        matches = self._matches(user, password)
        if (
            user is None
            or not matches
            or not user.is_active
            or not self._second.accepts(user, code)
        ):
            self._note_refusal(user, address)
            raise UnauthenticatedError(REFUSED)
        self._throttle.succeeded(*subjects)
        with self._database.change(user.username) as change:
            change.record("user.log_in", user.username, address=address)
        return user

    def _subjects(self, username: str, address: str, browser: str) -> tuple[str, ...]:
        known = self.browsers.number(browser, username)
        if known:
            return (throttle.browser(known),)
        return throttle.guess(username, address), throttle.address(address)

    def _note_refusal(self, user: User | None, address: str) -> None:
        # What was typed as a name that nobody has may be a password.
        with self._database.change("nobody") as change:
            change.record("user.log_in_refused", user.username if user else "", address=address)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash(secrets.token_hex(16))

    def _matches(self, user: User | None, password: str) -> bool:
        # An unknown name, or one without a password yet, costs as much time as a wrong password.
        stored = user.password_hash if user else INVITED
        try:
            return self._hasher.verify(stored or self._nobody, password)
        except VerificationError:
            return False

    def create(
        self,
        actor: User | Operator,
        *,
        username: str,
        fullname: str,
        email: str,
        password: str | None,
        roles: Iterable[str] = (),
    ) -> User:
        """Create an account; raise ConflictError when the name or the mail address is taken.

        Without a password (None) nobody can log in until one is set by a link.
        """
        with self._database.read() as connection:  # before the password costs anything
            access.require(connection, actor, Permission.USER_MANAGE)
        name, mail = checks.username(username), checks.mail_address(email)
        fullname = checks.text("full name", fullname)
        new_roles = checks.roles(roles, GLOBAL_ROLES)
        hashed = INVITED if password is None else self.hashed(password, name, fullname, mail)
        with self._database.change(actor.username) as change:
            access.require(change.connection, actor, Permission.USER_MANAGE)
            if users.by_name(change.connection, name):
                raise ConflictError(f"The user name {name} is already taken.")
            _check_mail(change, mail)
            account = users.create(
                change.connection,
                username=name,
                fullname=fullname,
                email=mail,
                password_hash=hashed,
                roles=new_roles,
                now=clock.now(),
            )
            change.record("user.create", name, roles=new_roles)
            return account

    def open_account(self, number: int) -> User:
        """Return an open account by its number; raise NotFoundError."""
        with self._database.read() as connection:
            user = users.by_id(connection, number)
        if user is None or not user.is_active:
            raise NotFoundError("There is no such account.")
        return user

    def hashed(self, password: str, *known: str) -> str:
        """Return the hash of a new password; raise Problem for one that is easy to guess.

        `known` is what others know of the person.
        """
        return self._hasher.hash(checks.password(password, *known))

    def ensure_administrators(
        self, actor: User | Operator, people: Sequence[dict[str, Any]]
    ) -> dict[str, str]:
        """Create the administrators that are missing; what exists, passwords too, is left alone."""
        with self._database.read() as connection:
            access.require(connection, actor, Permission.USER_MANAGE)
        result = {}
        for person in people:
            name = checks.username(person["username"])
            with self._database.read() as connection:
                account = users.by_name(connection, name)
            if account is None:
                self.create(
                    actor,
                    username=name,
                    fullname=person["fullname"],
                    email=person.get("email", ""),
                    password=person["password"],
                    roles=[Role.ADMIN],
                )
            result[name] = "unchanged" if account else "created"
        return result

    def find(self, user: User, search: str, number: int) -> Page[User]:
        """Return a page of accounts, for those who manage them."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.USER_MANAGE)
            return Page.of(number, lambda *part: users.found(connection, search, *part))

    def details(self, user: User, username: str) -> tuple[User, list[Backend]]:
        """Return an account and its backends, for those who manage accounts."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.USER_MANAGE)
            account = users.required(connection, username)
            return account, backends.of_user(connection, account.id)

    def roles_of(self, username: str) -> tuple[User, dict[str, list[str]]]:
        """Return an account and its roles by project, for backends."""
        with self._database.read() as connection:
            account = users.required(connection, username)
        return account, self.projects_of(account)

    def projects_of(self, user: User) -> dict[str, list[str]]:
        """Return a person's roles by project, of the one project where a token is limited."""
        with self._database.read() as connection:
            roles = access.memberships(connection, user)
            every = projects.every_project(connection)
            return {one.slug: roles[one.id] for one in every if one.id in roles}

    def update(
        self,
        user: User,
        username: str,
        *,
        roles: Iterable[str],
        backend_slugs: Iterable[str],
        is_active: bool,
        fullname: str = "",
        email: str | None = None,
    ) -> None:
        """Set an account's roles, backends and whether it is open; a closed one lets nobody in.

        The full name and the mail address are kept unless others are given.
        """
        new_roles = checks.roles(roles, GLOBAL_ROLES)
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.USER_MANAGE)
            account = users.required(change.connection, username)
            if account.id == user.id and (not is_active or Role.ADMIN not in new_roles):
                raise Problem("You cannot close your own account or give up your own role admin.")
            person = {
                "fullname": checks.text("full name", fullname or account.fullname),
                "email": account.email if email is None else checks.mail_address(email),
            }
            values = {"roles": new_roles, "is_active": is_active, "fullname": person["fullname"]}
            _check_mail(change, person["email"], account)
            values |= {"email": person["email"], "mail_key": users.key(person["email"]) or None}
            put(change.connection, tables.users, account.id, **values)
            if not is_active:
                ways_in.end(change, account)
            slugs = _set_backends(change, account, backend_slugs)
            change.record(
                "user.update", account.username, roles=new_roles, backends=slugs,
                active=is_active, **person,
            )  # fmt: skip

    def add_to_backend(self, user: User, slug: str, username: str) -> None:
        """Let a person use a backend, beside those they may use already."""
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.BACKEND_MANAGE)
            account = users.required(change.connection, username)
            current = [backend.slug for backend in backends.of_user(change.connection, account.id)]
            slugs = _set_backends(change, account, {*current, slug})
            change.record("backend.member", slug, user=account.username, backends=slugs)

    def choose_topics(self, user: User, wanted: Iterable[str]) -> None:
        """Set what a person is told about by mail; raise Problem for an unknown topic."""
        chosen = set(wanted)
        muted = [str(one) for one in Topic if one not in chosen]
        if unknown := chosen.difference(Topic):
            raise Problem(f"'{min(unknown)}' is not a topic of messages.")
        with self._database.change(user.username) as change:
            put(change.connection, tables.users, user.id, muted=muted)
            change.record("user.messages", user.username, muted=muted)

    def change_password(self, user: User, current: str, new: str) -> None:
        """Set a new password; whatever else lets in as this person ends."""
        subject = throttle.account(user.username, "password")
        self._throttle.attempt(subject)
        if not self._matches(user, current):
            raise Problem("The current password is wrong.")
        self._throttle.succeeded(subject)
        self._set_password(user.username, user, new)

    def reset_password(self, user: User, username: str, new: str) -> None:
        """Set another person's password, as one who manages accounts."""
        account, _backends = self.details(user, username)
        self._set_password(user.username, account, new)

    def _set_password(self, actor: str, user: User, new: str) -> None:
        hashed = self.hashed(new, user.username, user.fullname, user.email)
        with self._database.change(actor) as change:
            put(change.connection, tables.users, user.id, password_hash=hashed)
            ways_in.end(change, user)
            change.record("user.password", user.username)
            self._postbox.account(change, Kind.CHANGED, user)


def _check_mail(change: Change, mail: str, account: User | None = None) -> None:
    """Raise ConflictError where a mail address is another account's."""
    owner = users.by_email(change.connection, mail) if mail else None
    if owner and (account is None or owner.id != account.id):
        raise ConflictError(f"The mail address {mail} is that of another account.")


def _set_backends(change: Change, user: User, slugs: Iterable[str]) -> list[str]:
    numbers = []
    for slug in sorted(set(slugs)):
        backend = backends.by_slug(change.connection, slug)
        if backend is None:
            raise NotFoundError(f"There is no backend '{slug}'.")
        numbers.append(backend.id)
    backends.set_members_backends(change.connection, user.id, numbers)
    return sorted(set(slugs))
