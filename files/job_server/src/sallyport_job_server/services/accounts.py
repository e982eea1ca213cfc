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
from sallyport_job_server.models import Backend, Operator, User
from sallyport_job_server.roles import GLOBAL_ROLES, Permission, Role
from sallyport_job_server.services import access, checks, clock, one_time_codes
from sallyport_job_server.services.browsers import KnownBrowsers
from sallyport_job_server.storage import backends, projects, sessions, tables, users
from sallyport_job_server.storage.database import Change, Database, add, put

REFUSED = "The user name, the password or the code is wrong."


class Accounts:
    """The use cases around people's accounts."""

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        brake: throttle.Throttle,
        browsers: KnownBrowsers,
    ) -> None:
        self._database, self._hasher, self._throttle = database, hasher, brake
        self.browsers = browsers

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
        if user is None or not matches or not user.is_active or not self._code_is_right(user, code):
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
        # An unknown name costs as much time as a wrong password.
        try:
            return self._hasher.verify(user.password_hash if user else self._nobody, password)
        except VerificationError:
            return False

    def _code_is_right(self, user: User, code: str) -> bool:
        if user.totp_secret is None:
            return True
        step = one_time_codes.matching_step(user.totp_secret, code)
        if step is None:
            return False
        with self._database.change(user.username) as change:
            return users.claim_totp_step(change.connection, user.id, step)

    def create(
        self,
        actor: User | Operator,
        *,
        username: str,
        fullname: str,
        email: str,
        password: str,
        roles: Iterable[str] = (),
    ) -> User:
        """Create an account; raise ConflictError when the name is taken."""
        with self._database.read() as connection:  # before the password costs anything
            access.require(connection, actor, Permission.USER_MANAGE)
        name = checks.username(username)
        values = {
            "username": name,
            "fullname": checks.text("full name", fullname),
            "email": checks.optional_text("mail address", email),
            "password_hash": self._hasher.hash(checks.password(password)),
            "roles": checks.roles(roles, GLOBAL_ROLES),
        }
        with self._database.change(actor.username) as change:
            access.require(change.connection, actor, Permission.USER_MANAGE)
            if users.by_name(change.connection, name):
                raise ConflictError(f"The user name {name} is already taken.")
            add(change.connection, tables.users, created_at=clock.now(), **values)
            change.record("user.create", name, roles=values["roles"])
            return users.required(change.connection, name)

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

    def everyone(self, user: User) -> list[User]:
        """Return all accounts, for those who manage them."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.USER_MANAGE)
            return users.everyone(connection)

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
            roles = projects.memberships(connection, account.id)
            every = projects.every_project(connection)
            return account, {one.slug: roles[one.id] for one in every if one.id in roles}

    def update(
        self,
        user: User,
        username: str,
        *,
        roles: Iterable[str],
        backend_slugs: Iterable[str],
        is_active: bool,
    ) -> None:
        """Set an account's roles, backends and whether it is open; a closed one lets nobody in."""
        new_roles = checks.roles(roles, GLOBAL_ROLES)
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.USER_MANAGE)
            account = users.required(change.connection, username)
            if account.id == user.id and (not is_active or Role.ADMIN not in new_roles):
                raise Problem("You cannot close your own account or give up your own role admin.")
            values = {"roles": new_roles, "is_active": is_active}
            put(change.connection, tables.users, account.id, **values)
            if not is_active:
                _end_access(change, account)
            slugs = _set_backends(change, account, backend_slugs)
            change.record(
                "user.update", username, roles=new_roles, backends=slugs, active=is_active
            )

    def add_to_backend(self, user: User, slug: str, username: str) -> None:
        """Let a person use a backend, beside those they may use already."""
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.BACKEND_MANAGE)
            account = users.required(change.connection, username)
            current = [backend.slug for backend in backends.of_user(change.connection, account.id)]
            slugs = _set_backends(change, account, {*current, slug})
            change.record("backend.member", slug, user=username, backends=slugs)

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
        hashed = self._hasher.hash(checks.password(new))
        with self._database.change(actor) as change:
            put(change.connection, tables.users, user.id, password_hash=hashed)
            _end_access(change, user)
            change.record("user.password", user.username)

    def set_totp(self, user: User, secret: str | None, code: str) -> None:
        """Turn one-time codes on (with a code of the new secret) or off (with one of the old)."""
        subject = throttle.account(user.username, "totp")
        self._throttle.attempt(subject)
        if secret and user.totp_secret:
            raise Problem("One-time codes are on already; turn them off first.")
        step = one_time_codes.matching_step(secret or user.totp_secret or "", code)
        if step is None or (not secret and not self._code_is_right(user, code)):
            raise Problem("The code is wrong, or was used already; it changes every 30 seconds.")
        self._throttle.succeeded(subject)
        with self._database.change(user.username) as change:
            put(change.connection, tables.users, user.id, totp_secret=secret, totp_step=step)
            change.record("user.totp", user.username, enabled=secret is not None)


def _end_access(change: Change, user: User) -> None:
    """End sessions, access tokens and one-use log-ins: whoever has one may not be the person."""
    sessions.end_all(change.connection, user.id)
    users.revoke_access_tokens(change.connection, user.id, clock.now())
    users.drop_login_tokens(change.connection, user.id)


def _set_backends(change: Change, user: User, slugs: Iterable[str]) -> list[str]:
    numbers = []
    for slug in sorted(set(slugs)):
        backend = backends.by_slug(change.connection, slug)
        if backend is None:
            raise NotFoundError(f"There is no backend '{slug}'.")
        numbers.append(backend.id)
    backends.set_members_backends(change.connection, user.id, numbers)
    return sorted(set(slugs))
