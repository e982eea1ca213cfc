"""The audit: what staff may read of it, its verification, and events that the hatch reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sallyport_job_server.models import AuditRow, Backend, Problem, User
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access
from sallyport_job_server.storage import audit
from sallyport_job_server.storage.database import Database
from sallyport_records.chain import Verdict

PAGE = 50
EVENTS = frozenset(
    f"request_{what}"
    for what in (
        "submitted",
        "withdrawn",
        "partially_reviewed",
        "reviewed",
        "approved",
        "released",
        "rejected",
        "returned",
        "resubmitted",
    )
)


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

    def hatch_event(self, backend: Backend, event: Mapping[str, Any]) -> None:
        """Keep an event of the review workflow; raise Problem for one that nobody knows."""
        names = ("event_type", "workspace", "request", "request_author", "user")
        values = {name: event.get(name) for name in names}
        if not all(isinstance(value, str) and value for value in values.values()):
            raise Problem(f"An event needs the texts {', '.join(names)}.")
        if values["event_type"] not in EVENTS:
            raise Problem(f"'{values['event_type']}' is not an event type.")
        updates = event.get("updates") or []
        if not isinstance(updates, list):
            raise Problem("The key 'updates' must be a list.")
        with self._database.change(f"backend:{backend.slug}") as change:
            change.record(
                f"hatch.{values['event_type']}",
                str(values["request"])[:200],
                workspace=values["workspace"],
                author=values["request_author"],
                user=values["user"],
                updates=len(updates),
            )
