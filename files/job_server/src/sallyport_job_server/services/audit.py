"""The audit: what staff may read of it, its verification, and events that the hatch reports."""

from __future__ import annotations

from sallyport_job_server.models import AuditRow, Backend, User
from sallyport_job_server.roles import Permission
from sallyport_job_server.schemas.releases import Event
from sallyport_job_server.services import access
from sallyport_job_server.storage import audit
from sallyport_job_server.storage.database import Database
from sallyport_records.chain import Verdict

PAGE = 50


class Audit:
    """The use cases around the audit chain."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, user: User, event: str, before: int | None) -> list[AuditRow]:
        """Return rows, newest first, for those who may see the staff area."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.STAFF_AREA_ACCESS)
            return audit.page(connection, event=event, limit=PAGE, before=before)

    def verify(self) -> Verdict:
        """Read the whole chain."""
        with self._database.read() as connection:
            return audit.verify(connection)

    def hatch_event(self, backend: Backend, event: Event) -> None:
        """Record an event of the review workflow."""
        with self._database.change(f"backend:{backend.slug}") as change:
            change.record(
                f"hatch.{event.event_type}",
                event.request[:200],
                workspace=event.workspace,
                author=event.request_author,
                user=event.user,
                updates=len(event.updates or []),
            )
