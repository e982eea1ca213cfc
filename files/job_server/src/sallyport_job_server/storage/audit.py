"""The audit chain: pages of it, and its verification."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.engine import Connection

from sallyport_job_server.models import AuditRow
from sallyport_job_server.storage.database import fetch_all
from sallyport_job_server.storage.tables import AUDIT
from sallyport_records.chain import Verdict


def page(connection: Connection, *, event: str, limit: int, before: int | None) -> list[AuditRow]:
    """Return rows, newest first; `event` is how the event's name starts."""
    table = AUDIT.rows.c
    query = select(table.seq, table.time, table.actor, table.event, table.object, table.data)
    if event:
        query = query.where(table.event.istartswith(event, autoescape=True))
    if before is not None:
        query = query.where(table.seq < before)
    return fetch_all(connection, query.order_by(table.seq.desc()).limit(limit), AuditRow)


def verify(connection: Connection) -> Verdict:
    """Read the whole chain."""
    return AUDIT.verify(connection)
