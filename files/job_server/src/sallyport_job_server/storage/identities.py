"""Which account of the organisation's provider belongs to which account here."""

from __future__ import annotations

from sqlalchemy import delete, exists, select, update
from sqlalchemy.engine import Connection

from sallyport_job_server.models import Identity
from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import fetch_all

_identities = tables.identities


def owner(connection: Connection, issuer: str, subject: str) -> tuple[int, int] | None:
    """Return the numbers of an identity and of the account to which it belongs."""
    same = _identities.c.issuer == issuer, _identities.c.subject == subject
    row = connection.execute(select(_identities.c.id, _identities.c.user_id).where(*same)).first()
    return (row.id, row.user_id) if row else None


def of(connection: Connection, user_id: int) -> list[Identity]:
    """Return a person's identities, the oldest first."""
    query = select(_identities).where(_identities.c.user_id == user_id).order_by(_identities.c.id)
    return fetch_all(connection, query, Identity)


def used(connection: Connection, number: int, now: str) -> None:
    """Take note that an identity was used."""
    connection.execute(update(_identities).where(_identities.c.id == number).values(used_at=now))


def end(connection: Connection, user_id: int, number: int) -> bool:
    """Forget a person's identity; return whether it was there."""
    mine = _identities.c.user_id == user_id, _identities.c.id == number
    return connection.execute(delete(_identities).where(*mine)).rowcount == 1


def has_any(connection: Connection, user_id: int) -> bool:
    """Return whether a person has an identity."""
    query = select(exists().where(_identities.c.user_id == user_id))
    return bool(connection.execute(query).scalar())
