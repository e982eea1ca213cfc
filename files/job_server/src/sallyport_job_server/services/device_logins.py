"""Log-ins of a command on a machine without a browser, which a person allows on a page.

The flow is the device authorization grant (RFC 8628) with the bodies of our own API: the command
shows a short code and asks, with a secret of its own, until somebody who is logged in has typed
the code and decided. The page never takes the code from a link: who sends somebody a link must not
get a token by one click (section 5.4).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sallyport_common import throttle, tokens
from sallyport_common.problems import ForbiddenError, NotFoundError
from sallyport_common.throttle import Throttle
from sallyport_job_server.models import User
from sallyport_job_server.services import checks, clock
from sallyport_job_server.services.access_tokens import AccessTokens, TokenScope, Wish
from sallyport_job_server.storage import device_logins, tables, users
from sallyport_job_server.storage.database import Database, add, put
from sallyport_job_server.storage.device_logins import DeviceLogin, DeviceState

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""Letters that form no words (RFC 8628, section 6.1)."""
LETTERS = 8
LIFETIME = 900
"""Seconds for which a code counts."""
PAUSE = 5
"""Seconds between two questions of a command."""
OVER = "This log-in has expired or was fetched already. Begin again."
NO_SUCH_CODE = "No log-in waits with this code. Compare the letters, or begin again."


@dataclass(frozen=True)
class Begun:
    """A log-in that has begun: the command's secret, which is not kept, and the code to show."""

    secret: str
    code: str
    expires_at: str


class DeviceLogins:
    """The use cases around these log-ins."""

    def __init__(self, database: Database, brake: Throttle, access_tokens: AccessTokens) -> None:
        self._database, self._throttle, self._tokens = database, brake, access_tokens

    def begin(self, label: str, address: str) -> Begun:
        """Begin a log-in for a command that calls itself `label`.

        Raise TooManyError for an address from which too many were begun.
        """
        name = checks.text("label", label, 100)
        self._throttle.attempt(throttle.address(address, "device"))
        secret, code = secrets.token_urlsafe(32), _new_code()
        expires = clock.until(LIFETIME)
        with self._database.change("nobody") as change:
            add(
                change.connection,
                tables.device_logins,
                digest=tokens.digest(secret),
                code=code,
                label=name,
                address=address[:60],
                state=DeviceState.WAITING,
                created_at=clock.now(),
                expires_at=expires,
            )
        return Begun(secret, f"{code[:4]}-{code[4:]}", expires)

    def find(self, user: User, code: str) -> DeviceLogin:
        """Return what waits with a code, for somebody who is logged in; raise NotFoundError.

        Raise TooManyError for somebody who guesses: a code that is right takes back no wrong one.
        """
        subject = throttle.account(user.username, "device")
        self._throttle.attempt(subject)
        with self._database.read() as connection:
            found = device_logins.by_code(connection, _plain(code), clock.now())
        if found is None:
            raise NotFoundError(NO_SUCH_CODE)
        self._throttle.undone(subject)
        return found

    def decide(self, user: User, code: str, *, allow: bool) -> DeviceLogin:
        """Let the command with a code in as this person, or refuse it; raise as `find` does."""
        self.find(user, code)
        with self._database.change(user.username) as change:
            found = device_logins.by_code(change.connection, _plain(code), clock.now())
            if found is None:
                raise NotFoundError(NO_SUCH_CODE)
            state = DeviceState.ALLOWED if allow else DeviceState.REFUSED
            put(change.connection, tables.device_logins, found.id, state=state, user_id=user.id)
            change.record(
                f"device_login.{'allow' if allow else 'refuse'}", user.username,
                label=found.label, address=found.address,
            )  # fmt: skip
        return found

    def fetch(self, secret: str) -> tuple[User, str] | None:
        """Return the person who let a command in and a new access token, once; None while it waits.

        Raise NotFoundError for one that is over, ForbiddenError for one that was refused.
        """
        found = self._of(secret)
        if found.state == DeviceState.WAITING:
            return None
        if found.user_id is None or found.state == DeviceState.REFUSED:
            raise ForbiddenError("This log-in was refused.")
        with self._database.read() as connection:
            user = users.by_id(connection, found.user_id)
        if user is None or not user.is_active:
            raise NotFoundError(OVER)
        wish = Wish(found.label, TokenScope.RUN)
        with self._database.change(user.username) as change:
            if not device_logins.use(change.connection, found.id):
                raise NotFoundError(OVER)
            return user, self._tokens.issue(change, user, wish)

    def _of(self, secret: str) -> DeviceLogin:
        with self._database.read() as connection:
            found = device_logins.by_digest(connection, tokens.digest(secret), clock.now())
        if found is None:
            raise NotFoundError(OVER)
        return found


def _new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LETTERS))


def _plain(code: str) -> str:
    """Return a code as it is kept, from what somebody typed."""
    return "".join(letter for letter in code.upper() if letter in ALPHABET)[: LETTERS + 1]
