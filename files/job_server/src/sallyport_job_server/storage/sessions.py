"""Sessions of browsers: whose each is, and their end."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.engine import Connection

from sallyport_job_server.models import Session, User
from sallyport_job_server.storage import tables, users
from sallyport_job_server.storage.database import fetch_all

_table = tables.sessions
_shown = [column for column in _table.c if column.name != "digest"]


class Found(NamedTuple):
    """A session that counts: its number, when it was last seen, and whose it is."""

    id: int
    seen_at: str
    user: User


def owner(connection: Connection, digest: str, now: str, seen_after: str) -> Found | None:
    """Return a session that has neither expired nor been idle since before a moment."""
    query = (
        select(*users.SHOWN, _table.c.id.label("session"), _table.c.seen_at)
        .join(_table, _table.c.user_id == tables.users.c.id)
        .where(_table.c.digest == digest, _table.c.expires_at > now, _table.c.seen_at > seen_after)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    values = dict(row._mapping)
    return Found(values.pop("session"), values.pop("seen_at"), User(**values))


def of(connection: Connection, user_id: int, now: str, seen_after: str) -> list[Session]:
    """Return the sessions of a person that count, the one seen last first."""
    query = (
        select(*_shown)
        .where(
            _table.c.user_id == user_id, _table.c.expires_at > now, _table.c.seen_at > seen_after
        )
        .order_by(_table.c.seen_at.desc(), _table.c.id.desc())
    )
    return fetch_all(connection, query, Session)


def seen(connection: Connection, number: int, now: str) -> None:
    """Note that a session was used."""
    connection.execute(update(_table).where(_table.c.id == number).values(seen_at=now))


def end(connection: Connection, user_id: int, number: int) -> bool:
    """End a session of a person; return whether it was there."""
    mine = _table.c.id == number, _table.c.user_id == user_id
    return connection.execute(delete(_table).where(*mine)).rowcount == 1


def end_all(connection: Connection, user_id: int) -> None:
    """End every session of a person."""
    connection.execute(delete(_table).where(_table.c.user_id == user_id))


def drop_over(connection: Connection, now: str, seen_after: str) -> None:
    """Forget the sessions that count no more."""
    over = (_table.c.expires_at <= now) | (_table.c.seen_at <= seen_after)
    connection.execute(delete(_table).where(over))
