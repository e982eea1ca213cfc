"""Recovery codes, and the links by which people set a password."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, func, insert, select
from sqlalchemy.engine import Connection

from sallyport_job_server.storage import tables

_codes, _links = tables.recovery_codes, tables.password_links


def set_recovery_codes(connection: Connection, user_id: int, digests: Iterable[str]) -> None:
    """Let a person have exactly these recovery codes."""
    connection.execute(delete(_codes).where(_codes.c.user_id == user_id))
    rows = [{"user_id": user_id, "digest": digest} for digest in digests]
    if rows:
        connection.execute(insert(_codes), rows)


def use_recovery_code(connection: Connection, user_id: int, digest: str) -> bool:
    """Use a recovery code up; return whether it was there."""
    same = _codes.c.user_id == user_id, _codes.c.digest == digest
    return connection.execute(delete(_codes).where(*same)).rowcount == 1


def recovery_codes_left(connection: Connection, user_id: int) -> int:
    """Return how many recovery codes a person has."""
    query = select(func.count()).select_from(_codes).where(_codes.c.user_id == user_id)
    return int(connection.execute(query).scalar_one())


def owner_of_link(connection: Connection, digest: str, now: str) -> int | None:
    """Return the number of the account whose password a link may set now."""
    query = select(_links.c.user_id).where(_links.c.digest == digest, _links.c.expires_at > now)
    return connection.execute(query).scalar()


def has_link(connection: Connection, user_id: int, since: str) -> bool:
    """Return whether a person has a link that was made since a moment."""
    query = select(_links.c.user_id).where(_links.c.user_id == user_id, _links.c.created_at > since)
    return connection.execute(query).first() is not None


def use_link(connection: Connection, digest: str) -> bool:
    """Use a link up; return whether it was there."""
    return connection.execute(delete(_links).where(_links.c.digest == digest)).rowcount == 1


def drop_link(connection: Connection, user_id: int) -> None:
    """Forget the link of a person."""
    connection.execute(delete(_links).where(_links.c.user_id == user_id))
