"""Backends: making them, their scoped tokens, and who calls with one."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from sallyport_common import tokens
from sallyport_common.problems import ForbiddenError, NotFoundError, Problem
from sallyport_job_server.models import Backend, BackendToken, Operator, User
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, checks, clock
from sallyport_job_server.storage import backends, queue, tables, users
from sallyport_job_server.storage.database import Change, Database, add, put

KEPT = 2
"""Tokens of one scope that are valid at a time, so that a new one can be handed out in peace."""
SHORTEST = 20
SEEN_EVERY = 5


class Scope(enum.StrEnum):
    """What a backend's token is for."""

    JOBS = "jobs"
    REVIEW = "review"
    PUBLISH = "publish"
    CLASSIC = "classic"


@dataclass(frozen=True)
class BackendView:
    """A backend as one person sees it: how many jobs are in each open state, and which run."""

    backend: Backend
    counts: dict[str, int]
    running: list[queue.RunningJob]


class Backends:
    """The use cases around backends."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(
        self,
        actor: User | Operator,
        slug: str,
        name: str,
        hatch_url: str,
        scope_tokens: Mapping[str, str],
    ) -> str:
        """Create or change a backend and its tokens; return created, changed or unchanged."""
        values = {
            "name": checks.text("name", name),
            "hatch_url": checks.https_address("address of the hatch", hatch_url),
        }
        slug = checks.slug("backend's name", slug)
        with self._database.change(actor.username) as change:
            access.require(change.connection, actor, Permission.BACKEND_MANAGE)
            backend = backends.by_slug(change.connection, slug)
            if backend is None:
                columns = {"slug": slug, "flags": {}, "created_at": clock.now(), **values}
                number = add(change.connection, tables.backends, **columns)
                change.record("backend.create", slug, **values)
            else:
                number = backend.id
            changed = [
                scope
                for scope, token in scope_tokens.items()
                if _ensure_token(change, number, slug, Scope(scope), token)
            ]
            if backend is None:
                return "created"
            if (backend.name, backend.hatch_url) != (values["name"], values["hatch_url"]):
                put(change.connection, tables.backends, number, **values)
                change.record("backend.update", slug, **values)
                return "changed"
            return "changed" if changed else "unchanged"

    def create(self, user: User, slug: str, name: str, hatch_url: str) -> None:
        """Create a backend without tokens, as one who manages them."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.BACKEND_MANAGE)
            if backends.by_slug(connection, checks.slug("backend's name", slug)):
                raise Problem(f"The backend '{slug}' already exists.")
        self.ensure(user, slug, name, hatch_url, {})

    def new_token(self, user: User, slug: str, scope: str) -> str:
        """Create a token and return it; the one before stays valid until the next."""
        if scope not in set(Scope):
            raise Problem(f"'{scope}' is not a scope; the scopes are {', '.join(Scope)}.")
        token = tokens.new_backend_token()
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.BACKEND_MANAGE)
            backend = _required(backends.by_slug(change.connection, slug), slug)
            _ensure_token(change, backend.id, slug, Scope(scope), token)
        return token

    def end_token(self, user: User, slug: str, number: int) -> None:
        """End one of a backend's tokens now."""
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.BACKEND_MANAGE)
            backend = _required(backends.by_slug(change.connection, slug), slug)
            token = next(
                (t for t in backends.every_token(change.connection) if t.id == number), None
            )
            if token is None or token.backend_id != backend.id:
                raise NotFoundError("There is no such token.")
            backends.drop_token(change.connection, number)
            change.record("backend.token_end", slug, scope=token.scope)

    def tokens(self, user: User) -> dict[int, list[BackendToken]]:
        """Return the tokens of every backend by its number, for those who manage backends."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.BACKEND_MANAGE)
            found: dict[int, list[BackendToken]] = {}
            for token in backends.every_token(connection):
                found.setdefault(token.backend_id, []).append(token)
            return found

    def look(self, user: User, slug: str) -> BackendView:
        """Return a backend with its queue; jobs of projects that are not shown are counted only."""
        with self._database.read() as connection:
            backend = _required(backends.by_slug(connection, slug), slug)
            shown = access.visibility(connection, user)
            running = queue.running(connection, backend.id)
            return BackendView(
                backend,
                queue.counts(connection, backend.id),
                [job for job in running if shown(job.project_id)],
            )

    def all(self) -> list[Backend]:
        """Return all backends; their names are not secret."""
        with self._database.read() as connection:
            return backends.every_backend(connection)

    def of(self, user: User) -> list[Backend]:
        """Return the backends that a person may use."""
        with self._database.read() as connection:
            return backends.of_user(connection, user.id)

    def by_slug(self, slug: str) -> Backend:
        """Return a backend; raise NotFoundError."""
        with self._database.read() as connection:
            return _required(backends.by_slug(connection, slug), slug)

    def caller(self, header: str | None, *scopes: Scope) -> Backend:
        """Return whose token this is; raise ForbiddenError, with a sentence for each fault."""
        if header is None:
            raise ForbiddenError("The header Authorization is missing.")
        if not header.strip():
            raise ForbiddenError("The header Authorization is empty.")
        with self._database.read() as connection:
            stored = backends.token(connection, tokens.digest(header))
            if stored is None or not tokens.matches(header, stored.digest):
                raise ForbiddenError("The backend token is unknown.")
            backend = backends.by_id(connection, stored.backend_id)
        if backend is None or not backend.is_active:
            raise ForbiddenError("The backend of this token is not active.")
        if stored.scope not in (*scopes, Scope.CLASSIC):
            raise ForbiddenError(f"A token of scope '{stored.scope}' may not do this.")
        return backend

    def releaser(self, backend: Backend, username: str | None) -> User:
        """Return the checker whom a backend acts for (OS-User); raise ForbiddenError."""
        with self._database.read() as connection:
            user = users.by_name(connection, username or "")
            member = user is not None and backends.is_member(connection, user.id, backend.id)
            if user is None or not member or not user.is_active:
                raise ForbiddenError("The header OS-User must name a user of this backend.")
            access.require(connection, user, Permission.RELEASE_FILE_UPLOAD)
        return user

    def seen(self, backend: Backend, flags: dict[str, object] | None) -> None:
        """Store the time of a backend's call, and its flags if it sent any."""
        new_flags = flags is not None and flags != backend.flags
        last = backend.last_seen_at
        if not new_flags and last and clock.seconds_since(last) < SEEN_EVERY:
            return
        with self._database.change(f"backend:{backend.slug}") as change:
            put(change.connection, tables.backends, backend.id, last_seen_at=clock.now())
            if new_flags:
                put(change.connection, tables.backends, backend.id, flags=flags)
                change.touch(backend.id)
                change.record("backend.flags", backend.slug, flags=flags)


def _required(backend: Backend | None, slug: str) -> Backend:
    if backend is None:
        raise NotFoundError(f"There is no backend '{slug}'.")
    return backend


def _ensure_token(change: Change, backend_id: int, slug: str, scope: Scope, token: str) -> bool:
    """Create a token the newest of its scope; return whether something changed."""
    if len(token) < SHORTEST:
        raise Problem(f"The token of scope {scope} for {slug} is shorter than {SHORTEST} letters.")
    digest = tokens.digest(token)
    stored = backends.tokens(change.connection, backend_id, scope)
    if stored and stored[0].digest == digest:
        return False
    row = backends.token(change.connection, digest)
    if row and (row.backend_id, row.scope) != (backend_id, scope):
        raise Problem(f"The token of scope {scope} for {slug} is in use for something else.")
    if row:
        backends.drop_token(change.connection, row.id)
    add(
        change.connection,
        tables.backend_tokens,
        backend_id=backend_id,
        scope=scope,
        digest=digest,
        created_at=clock.now(),
    )
    for old in backends.tokens(change.connection, backend_id, scope)[KEPT:]:
        backends.drop_token(change.connection, old.id)
    change.record("backend.token", slug, scope=scope)
    return True
