"""The audit chain: its rows as people look for them, and its verification."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.engine import Connection

from sallyport_job_server.models import AuditRow
from sallyport_job_server.storage.database import fetch_all
from sallyport_job_server.storage.tables import AUDIT
from sallyport_records.chain import Verdict

_rows = AUDIT.rows.c
PORTION = 1000
"""Rows that an export reads at a time."""


@dataclass(frozen=True)
class AuditFilters:
    """What somebody looks for in the audit; what is empty is not looked at.

    `event` is how the event's name starts, `actor` and `object` are parts, whatever their case;
    `since` and `until` are days of the form 2026-11-30.
    """

    event: str = ""
    actor: str = ""
    object: str = ""
    since: str = ""
    until: str = ""


def _matching(filters: AuditFilters) -> Select[tuple[object, ...]]:
    query = select(_rows.seq, _rows.time, _rows.actor, _rows.event, _rows.object, _rows.data)
    if filters.event:
        query = query.where(_rows.event.istartswith(filters.event, autoescape=True))
    if filters.actor:
        query = query.where(_rows.actor.icontains(filters.actor, autoescape=True))
    if filters.object:
        query = query.where(_rows.object.icontains(filters.object, autoescape=True))
    if filters.since:
        query = query.where(_rows.time >= filters.since)
    if filters.until:
        query = query.where(_rows.time <= f"{filters.until}T23:59:59.999999Z")
    return query


def page(
    connection: Connection, filters: AuditFilters, *, limit: int, before: int | None
) -> list[AuditRow]:
    """Return rows, newest first."""
    query = _matching(filters)
    if before is not None:
        query = query.where(_rows.seq < before)
    return fetch_all(connection, query.order_by(_rows.seq.desc()).limit(limit), AuditRow)


def portion(connection: Connection, filters: AuditFilters, after: int) -> list[AuditRow]:
    """Return the next rows behind a number, oldest first."""
    query = _matching(filters).where(_rows.seq > after).order_by(_rows.seq).limit(PORTION)
    return fetch_all(connection, query, AuditRow)


def verify(connection: Connection) -> Verdict:
    """Read the whole chain."""
    return AUDIT.verify(connection)
