"""One-use log-ins for the hatch, three words long, and what the hatch learns about a person.

The words are from the long word list of the Electronic Frontier Foundation (CC BY 3.0 US). Three
of them are few enough to guess from a plain hash, so the stored digest is keyed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import cache
from pathlib import Path

from sqlalchemy.engine import Connection

from sallyport_common.problems import ForbiddenError, NotFoundError
from sallyport_common.settings import Secret
from sallyport_common.throttle import Throttle, account
from sallyport_job_server.letters import Kind
from sallyport_job_server.models import Backend, User
from sallyport_job_server.roles import Permission, permissions_of
from sallyport_job_server.schemas.releases import Person, PersonWorkspace, ProjectDetails
from sallyport_job_server.services import clock
from sallyport_job_server.services.postbox import Postbox
from sallyport_job_server.storage import backends, projects, tables, users
from sallyport_job_server.storage.database import Database, add

REFUSED = "The user or the token is wrong, was used already or has expired."


@cache
def words() -> list[str]:
    """Return the word list."""
    return (Path(__file__).parent / "words.txt").read_text(encoding="utf-8").split()


class LoginTokens:
    """The use cases around one-use log-ins."""

    def __init__(
        self,
        database: Database,
        key: Secret,
        lifetime: int,
        throttle: Throttle,
        postbox: Postbox,
    ) -> None:
        self._database, self._lifetime, self._throttle = database, lifetime, throttle
        self._postbox = postbox
        self._key = hashlib.sha256(b"login-token:" + key.reveal().encode()).digest()

    def _digest(self, user: User, token: str) -> str:
        plain = "".join(token.lower().split())
        return hmac.new(self._key, f"{user.id}:{plain}".encode(), hashlib.sha256).hexdigest()

    def create(self, user: User) -> tuple[str, str]:
        """Return three words and when they expire; earlier ones of this person end."""
        if user.only_project is not None:  # in the hatch it would open the others, too
            raise ForbiddenError("This access token is limited to one project.")
        token = " ".join(secrets.choice(words()) for _ in range(3))
        expires = clock.until(self._lifetime)
        with self._database.change(user.username) as change:
            if not backends.of_user(change.connection, user.id):
                raise ForbiddenError(
                    "You do not have access to a backend yet. Ask an administrator."
                )
            users.drop_login_tokens(change.connection, user.id)
            add(
                change.connection,
                tables.login_tokens,
                user_id=user.id,
                digest=self._digest(user, token),
                created_at=clock.now(),
                expires_at=expires,
            )
            change.record("login_token.create", user.username, expires_at=expires)
            self._postbox.account(change, Kind.LOGIN_CREATED, user, until=expires)
        return token, expires

    def redeem(self, backend: Backend, name: str, token: str) -> Person:
        """Use a token up and return the person; raise ForbiddenError, the same for every fault."""
        subject = account(name, "hatch")
        self._throttle.attempt(subject)
        with self._database.change(f"backend:{backend.slug}") as change:
            user = users.by_name_or_email(change.connection, name)
            if user and self._use(change.connection, user, token):
                change.record("login_token.use", user.username, backend=backend.slug)
                self._postbox.account(change, Kind.LOGIN_USED, user, backend=backend.name)
                person = self._person(change.connection, backend, user)
            else:
                raise ForbiddenError(REFUSED)
        self._throttle.succeeded(subject)
        return person

    def _use(self, connection: Connection, user: User, token: str) -> bool:
        stored = users.unused_login_digest(connection, user.id, clock.now())
        if stored is None or not hmac.compare_digest(stored[1], self._digest(user, token)):
            return False
        return user.is_active and users.use_login_token(connection, stored[0], clock.now())

    def person(self, backend: Backend, name: str) -> Person:
        """Return what the hatch may know of a person; raise NotFoundError for an unknown one."""
        with self._database.read() as connection:
            user = users.by_name_or_email(connection, name)
            if user is None or not user.is_active:
                raise NotFoundError(f"There is no user '{name}'.")
            return self._person(connection, backend, user)

    def _person(self, connection: Connection, backend: Backend, user: User) -> Person:
        if not backends.is_member(connection, user.id, backend.id):
            raise ForbiddenError(
                f"{user.username} does not have access to the backend {backend.slug}."
            )
        return Person(
            username=user.username,
            fullname=user.fullname,
            workspaces=_workspaces(connection, user),
            copiloted_workspaces={},
            output_checker=Permission.RELEASE_FILE_UPLOAD in permissions_of(user.roles),
            readonly_access=False,
        )


def _workspaces(connection: Connection, user: User) -> dict[str, PersonWorkspace]:
    roles = projects.memberships(connection, user.id)
    return {
        workspace.name: PersonWorkspace(
            ProjectDetails(workspace.project_name, workspace.project_ongoing, []),
            workspace.archived,
        )
        for workspace in projects.every_workspace(connection)
        if Permission.UNRELEASED_OUTPUTS_VIEW in permissions_of(roles.get(workspace.project_id, []))
    }
