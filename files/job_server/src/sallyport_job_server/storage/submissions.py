"""Submissions by the key that whoever sent one chose: the header `Idempotency-Key`, or a form's."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection

from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import add

_table = tables.submissions


def known(connection: Connection, user_id: int, key: str, since: str) -> tuple[str, str] | None:
    """Return the digest of what a person submitted under a key, and the request that it became."""
    query = (
        select(_table.c.digest, tables.job_requests.c.identifier)
        .join(tables.job_requests, tables.job_requests.c.id == _table.c.job_request_id)
        .where(_table.c.user_id == user_id, _table.c.key == key, _table.c.created_at > since)
    )
    row = connection.execute(query).first()
    return (str(row.digest), str(row.identifier)) if row else None


def keep(
    connection: Connection, user_id: int, key: str, digest: str, request_id: int, now: str
) -> None:
    """Keep what a request was submitted under."""
    values = {"user_id": user_id, "key": key, "digest": digest}
    add(connection, _table, job_request_id=request_id, created_at=now, **values)


def drop_before(connection: Connection, moment: str) -> None:
    """Forget keys that count no more."""
    connection.execute(delete(_table).where(_table.c.created_at <= moment))
