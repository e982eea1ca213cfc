"""The audit: what staff may read of it, its verification, and events that the hatch reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from sallyport_job_server.letters import Kind
from sallyport_job_server.models import AuditRow, Backend, Operator, User
from sallyport_job_server.roles import Permission
from sallyport_job_server.schemas.releases import Event, EventType
from sallyport_job_server.services import access
from sallyport_job_server.services.postbox import Postbox
from sallyport_job_server.storage import audit, projects
from sallyport_job_server.storage.audit import AuditFilters
from sallyport_job_server.storage.database import Database
from sallyport_records.chain import Verdict

__all__ = ["PAGE", "Audit", "AuditFilters"]
PAGE = 50
_TOLD = {
    EventType.SUBMITTED: Kind.REVIEW_ASKED,
    EventType.RESUBMITTED: Kind.REVIEW_ASKED,
    EventType.RETURNED: Kind.REVIEW_RETURNED,
    EventType.REJECTED: Kind.REVIEW_REJECTED,
}


class Audit:
    """The use cases around the audit chain."""

    def __init__(self, database: Database, postbox: Postbox) -> None:
        self._database, self._postbox = database, postbox

    def page(
        self, user: User, filters: AuditFilters, before: int | None, limit: int = PAGE
    ) -> list[AuditRow]:
        """Return rows, newest first, for those who may see the staff area."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.STAFF_AREA_ACCESS)
            return audit.page(connection, filters, limit=limit, before=before)

    def export(self, actor: User | Operator, filters: AuditFilters) -> Iterator[str]:
        """Yield rows as lines of JSON, oldest first; that they were exported is a row itself."""
        with self._database.change(actor.username) as change:
            access.require(change.connection, actor, Permission.STAFF_AREA_ACCESS)
            change.record("audit.export", "", looked_for=asdict(filters))
        return self._lines(filters)

    def _lines(self, filters: AuditFilters) -> Iterator[str]:
        last = 0
        while True:
            with self._database.read() as connection:
                rows = audit.portion(connection, filters, last)
            for row in rows:
                yield json.dumps(asdict(row), ensure_ascii=False) + "\n"
            if not rows:
                return
            last = rows[-1].seq

    def verify(self) -> Verdict:
        """Read the whole chain."""
        with self._database.read() as connection:
            return audit.verify(connection)

    def hatch_event(self, backend: Backend, event: Event) -> None:
        """Record an event of the review workflow, and tell whom it concerns."""
        with self._database.change(f"backend:{backend.slug}") as change:
            change.record(
                f"hatch.{event.event_type}",
                event.request[:200],
                workspace=event.workspace,
                author=event.request_author,
                user=event.user,
                updates=len(event.updates or []),
            )
            kind = _TOLD.get(event.event_type)
            place = projects.workspace(change.connection, event.workspace) if kind else None
            if kind and place:
                self._postbox.review(change, kind, backend, place, event.request_author)
