"""The second factor: one-time codes, recovery codes, and who must have them."""

from __future__ import annotations

from collections.abc import Iterable

from sallyport_common.problems import ForbiddenError, Problem
from sallyport_common.throttle import Throttle, account
from sallyport_job_server.letters import Kind
from sallyport_job_server.models import Operator, User
from sallyport_job_server.roles import PROJECT_ROLES, Permission
from sallyport_job_server.services import access, one_time_codes, recovery_codes, ways_in
from sallyport_job_server.services.postbox import Postbox
from sallyport_job_server.storage import projects, tables, users
from sallyport_job_server.storage import ways_in as stored
from sallyport_job_server.storage.database import Change, Database, put

WRONG = "The code is wrong, or was used already; it changes every 30 seconds."
MISSING = "Your role needs one-time codes. Set them up on the page Settings."


class SecondFactor:
    """The use cases around one-time codes; `required` are the roles that must have them."""

    def __init__(
        self, database: Database, brake: Throttle, required: Iterable[str], postbox: Postbox
    ) -> None:
        self._database, self._throttle, self._postbox = database, brake, postbox
        self._required = frozenset(required)

    def accepts(self, user: User, code: str) -> bool:
        """Return whether a code, which counts once, is this person's; without codes any is."""
        if user.totp_secret is None:
            return True
        step = one_time_codes.matching_step(user.totp_secret, code)
        recovery = recovery_codes.digest(code)
        if step is None and recovery is None:
            return False
        with self._database.change(user.username) as change:
            if step is not None:
                return users.claim_totp_step(change.connection, user.id, step)
            return _use_recovery_code(change, user, str(recovery))

    def is_missing(self, user: User) -> bool:
        """Return whether a person must have one-time codes and has none."""
        if user.totp_secret is not None or not self._required:
            return False
        held = set(user.roles)
        if self._required & {str(role) for role in PROJECT_ROLES}:
            with self._database.read() as connection:
                held.update(*projects.memberships(connection, user.id).values())
        return bool(held & self._required)

    def check(self, user: User) -> None:
        """Raise ForbiddenError for a person who must have one-time codes and has none."""
        if self.is_missing(user):
            raise ForbiddenError(MISSING)

    def codes_left(self, user: User) -> int:
        """Return how many recovery codes a person has."""
        with self._database.read() as connection:
            return stored.recovery_codes_left(connection, user.id)

    def turn_on(self, user: User, secret: str, code: str) -> list[str]:
        """Turn one-time codes on, with a code of the secret; return the new recovery codes."""
        subject = account(user.username, "totp")
        self._throttle.attempt(subject)
        if user.totp_secret:
            raise Problem("One-time codes are on already; turn them off first.")
        step = one_time_codes.matching_step(secret, code)
        if step is None:
            raise Problem(WRONG)
        self._throttle.succeeded(subject)
        with self._database.change(user.username) as change:
            put(change.connection, tables.users, user.id, totp_secret=secret, totp_step=step)
            change.record("user.totp", user.username, enabled=True)
            return _new_recovery_codes(change, user)

    def turn_off(self, user: User, code: str) -> None:
        """Turn one-time codes off, with one of them."""
        self.judge(user, code)
        with self._database.change(user.username) as change:
            _turn_off(change, user)
            change.record("user.totp", user.username, enabled=False)
            self._postbox.account(change, Kind.CODES_OFF, user)

    def renew_codes(self, user: User, code: str) -> list[str]:
        """Return new recovery codes in the place of the old ones, for a one-time code."""
        self.judge(user, code)
        with self._database.change(user.username) as change:
            return _new_recovery_codes(change, user)

    def end_of_account(self, actor: User | Operator, username: str, code: str = "") -> None:
        """Turn off the codes of somebody who lost the phone; who does it gives a code of their own.

        Whatever else lets in as that person ends: they set a new password by a link if need be.
        """
        with self._database.read() as connection:
            access.require(connection, actor, Permission.USER_MANAGE)
            person = users.required(connection, username)
        if isinstance(actor, User):
            if person.id == actor.id:
                raise Problem("Turn off your own one-time codes on the page Settings.")
            self.judge(actor, code)
        with self._database.change(actor.username) as change:
            access.require(change.connection, actor, Permission.USER_MANAGE)
            _turn_off(change, person)
            ways_in.end(change, person)
            change.record("user.totp_end", person.username)
            self._postbox.account(change, Kind.CODES_OFF, person, actor)

    def judge(self, user: User, code: str) -> None:
        """Raise Problem unless a code is this person's."""
        if user.totp_secret is None:
            raise ForbiddenError("Turn on one-time codes for your own account first.")
        subject = account(user.username, "totp")
        self._throttle.attempt(subject)
        if not self.accepts(user, code):
            raise Problem(WRONG)
        self._throttle.succeeded(subject)


def _turn_off(change: Change, user: User) -> None:
    put(change.connection, tables.users, user.id, totp_secret=None)
    stored.set_recovery_codes(change.connection, user.id, ())


def _new_recovery_codes(change: Change, user: User) -> list[str]:
    codes = recovery_codes.new()
    digests = [str(recovery_codes.digest(one)) for one in codes]
    stored.set_recovery_codes(change.connection, user.id, digests)
    change.record("user.recovery_codes", user.username)
    return codes


def _use_recovery_code(change: Change, user: User, digest: str) -> bool:
    used = stored.use_recovery_code(change.connection, user.id, digest)
    if used:
        left = stored.recovery_codes_left(change.connection, user.id)
        change.record("user.recovery_code", user.username, left=left)
    return used
