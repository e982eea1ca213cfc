"""The lists of the API, each a portion behind a cursor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sallyport_job_server.models import (
    AuditRow,
    Job,
    JobRequest,
    Project,
    Snapshot,
    User,
    Workspace,
)
from sallyport_job_server.roles import Permission
from sallyport_job_server.schemas import lists as schemas
from sallyport_job_server.services import access
from sallyport_job_server.services.request_views import shown_status
from sallyport_job_server.storage import audit, lists, requests, snapshots
from sallyport_job_server.storage.audit import AuditFilters
from sallyport_job_server.storage.database import Database
from sallyport_job_server.storage.history import Filters

T = TypeVar("T")


@dataclass(frozen=True)
class Portion(Generic[T]):
    """Rows of a list; `next` is the cursor of what follows, None at the end."""

    results: list[T]
    next: str | None


@dataclass(frozen=True)
class ListedJob:
    """A job and its request."""

    job: Job
    request: JobRequest


class Lists:
    """The use cases of looking through everything that one may see."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def projects(self, user: User, query: schemas.SearchQuery) -> Portion[Project]:
        """Return projects."""
        with self._database.read() as connection:
            shown = access.visible_projects(connection, user)
            return _portion(
                query,
                lambda at, limit: lists.every_project(connection, shown, query.search, at, limit),
                lambda row: row.id,
            )

    def workspaces(self, user: User, query: schemas.WorkspacesQuery) -> Portion[Workspace]:
        """Return workspaces."""
        with self._database.read() as connection:
            shown = access.visible_projects(connection, user)
            return _portion(
                query,
                lambda at, limit: lists.every_workspace(
                    connection, shown, query.project, query.search, at, limit
                ),
                lambda row: row.id,
            )

    def job_requests(
        self, user: User, query: schemas.JobRequestsQuery
    ) -> tuple[Portion[JobRequest], dict[int, str]]:
        """Return job requests, newest first, and the state of each by its number."""
        filters = Filters(
            query.search, query.state, query.backend, query.person, query.since, query.until
        )
        with self._database.read() as connection:
            shown = access.visible_projects(connection, user)
            portion = _portion(
                query,
                lambda at, limit: lists.job_requests(
                    connection, shown, query.workspace, filters, at, limit
                ),
                lambda row: row.id,
            )
            outcomes = requests.outcomes(connection, [row.id for row in portion.results])
            states = {row.id: shown_status(outcomes.get(row.id, ())) for row in portion.results}
            return portion, states

    def jobs(self, user: User, query: schemas.JobsQuery) -> Portion[ListedJob]:
        """Return jobs, newest first."""
        with self._database.read() as connection:
            shown = access.visible_projects(connection, user)
            portion = _portion(
                query,
                lambda at, limit: lists.jobs(
                    connection, shown, query.workspace, query.action, query.status, at, limit
                ),
                lambda row: row.id,
            )
            numbers = {job.job_request_id for job in portion.results}
            of = lists.requests_numbered(connection, numbers)
            listed = [ListedJob(job, of[job.job_request_id]) for job in portion.results]
            return Portion(listed, portion.next)

    def publications(self, user: User, query: schemas.PublicationsQuery) -> Portion[Snapshot]:
        """Return sets of files in a state, for publication approvers."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.SNAPSHOT_PUBLISH)
            return _portion(
                query,
                lambda at, limit: snapshots.behind(connection, query.state, at, limit),
                lambda row: row.id,
            )

    def accounts(self, user: User, query: schemas.SearchQuery) -> Portion[User]:
        """Return accounts, for those who manage them."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.USER_MANAGE)
            return _portion(
                query,
                lambda at, limit: lists.accounts(connection, query.search, at, limit),
                lambda row: row.id,
            )

    def audit(self, user: User, query: schemas.AuditQuery) -> Portion[AuditRow]:
        """Return rows of the audit, newest first, for those who may see the staff area."""
        filters = AuditFilters(query.event, query.actor, query.object, query.since, query.until)
        with self._database.read() as connection:
            access.require(connection, user, Permission.STAFF_AREA_ACCESS)
            return _portion(
                query,
                lambda at, limit: audit.page(connection, filters, limit=limit, before=at),
                lambda row: row.seq,
            )


def _portion(
    query: schemas.PageQuery,
    read: Callable[[int | None, int], list[T]],
    number: Callable[[T], int],
) -> Portion[T]:
    """Return the rows behind a cursor; one more is read to know whether there is more."""
    rows = read(int(query.cursor) if query.cursor else None, query.limit + 1)
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return Portion(rows, str(number(rows[-1])) if more else None)
