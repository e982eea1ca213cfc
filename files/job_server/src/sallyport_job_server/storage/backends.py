"""Backends, their tokens, and the people who may use them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from sallyport_job_server.models import Backend, BackendToken
from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import fetch_all, fetch_one

_backends, _tokens, _members = tables.backends, tables.backend_tokens, tables.backend_members


def by_slug(connection: Connection, slug: str) -> Backend | None:
    """Return a backend by its slug."""
    return fetch_one(connection, select(_backends).where(_backends.c.slug == slug), Backend)


def by_id(connection: Connection, number: int) -> Backend | None:
    """Return a backend by its number."""
    return fetch_one(connection, select(_backends).where(_backends.c.id == number), Backend)


def every_backend(connection: Connection) -> list[Backend]:
    """Return all backends by slug."""
    return fetch_all(connection, select(_backends).order_by(_backends.c.slug), Backend)


class Counters(NamedTuple):
    """A backend's counters, which only rise."""

    changes: int
    reports: int

    @property
    def moves(self) -> int:
        """Rises with what people ask for, and with what the backend says about it."""
        return self.changes + self.reports


_COUNTERS = select(_backends.c.id, _backends.c.changes, _backends.c.reports)


def counters(connection: Connection) -> dict[int, Counters]:
    """Return every backend's counters."""
    return {row.id: Counters(row.changes, row.reports) for row in connection.execute(_COUNTERS)}


def moves(connection: Connection, backend_id: int) -> int:
    """Return what rises with every change of a backend's requests and jobs."""
    row = connection.execute(_COUNTERS.where(_backends.c.id == backend_id)).one()
    return Counters(row.changes, row.reports).moves


def counter(connection: Connection, backend_id: int) -> int:
    """Return one backend's change counter."""
    query = select(_backends.c.changes).where(_backends.c.id == backend_id)
    return int(connection.execute(query).scalar_one())


def token(connection: Connection, digest: str) -> BackendToken | None:
    """Return a backend's token by its digest."""
    return fetch_one(connection, select(_tokens).where(_tokens.c.digest == digest), BackendToken)


def tokens(connection: Connection, backend_id: int, scope: str) -> list[BackendToken]:
    """Return a backend's tokens of one scope, newest first."""
    query = (
        select(_tokens)
        .where(_tokens.c.backend_id == backend_id, _tokens.c.scope == scope)
        .order_by(_tokens.c.id.desc())
    )
    return fetch_all(connection, query, BackendToken)


def every_token(connection: Connection) -> list[BackendToken]:
    """Return the tokens of all backends, by scope, newest first."""
    query = select(_tokens).order_by(_tokens.c.scope, _tokens.c.id.desc())
    return fetch_all(connection, query, BackendToken)


def drop_token(connection: Connection, number: int) -> None:
    """Forget a token."""
    connection.execute(delete(_tokens).where(_tokens.c.id == number))


def is_member(connection: Connection, user_id: int, backend_id: int) -> bool:
    """Return whether a person may use a backend."""
    query = select(_members).where(
        _members.c.user_id == user_id, _members.c.backend_id == backend_id
    )
    return connection.execute(query).first() is not None


def of_user(connection: Connection, user_id: int) -> list[Backend]:
    """Return the backends that a person may use."""
    query = (
        select(_backends)
        .join(_members, _members.c.backend_id == _backends.c.id)
        .where(_members.c.user_id == user_id)
        .order_by(_backends.c.slug)
    )
    return fetch_all(connection, query, Backend)


def set_members_backends(connection: Connection, user_id: int, backend_ids: list[int]) -> None:
    """Let a person use exactly these backends."""
    connection.execute(delete(_members).where(_members.c.user_id == user_id))
    for backend_id in backend_ids:
        connection.execute(insert(_members).values(user_id=user_id, backend_id=backend_id))
