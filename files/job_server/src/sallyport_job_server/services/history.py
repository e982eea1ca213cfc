"""Looking at job requests and jobs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from sallyport_common.problems import NotFoundError
from sallyport_job_server.models import JobRequest, User, Workspace
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, drawing
from sallyport_job_server.services.job_queue import latest_statuses
from sallyport_job_server.services.pages import Page
from sallyport_job_server.services.request_views import (
    JobView,
    RequestLine,
    RequestView,
    Run,
    shown_status,
)
from sallyport_job_server.storage import backends, history, requests
from sallyport_job_server.storage.database import Database
from sallyport_job_server.storage.history import Filters
from sallyport_study import ProjectError, parse_project

__all__ = ["Filters", "History", "required"]
MOST_RUNS = 20
"""Jobs of the same action that a job's page lists."""


class History:
    """The use cases of looking at what was asked for and what became of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(self, user: User, identifier: str) -> RequestView:
        """Return a request and its jobs; one of a foreign project looks like a missing one."""
        with self._database.read() as connection:
            request = required(requests.by_identifier(connection, identifier), identifier)
            may_cancel, may_run = _rights(connection, user, request)
            return RequestView(
                request, requests.jobs_of(connection, [request.id]), may_cancel, may_run
            )

    def follow(self, user: User, identifier: str) -> tuple[int, RequestView]:
        """Return a request as `look`, and a number that has risen when it may have moved on."""
        with self._database.read() as connection:
            request = required(requests.by_identifier(connection, identifier), identifier)
            # The number first: what is newer than it only costs one more look.
            moves = backends.moves(connection, request.backend_id)
        return moves, self.look(user, identifier)

    def page(self, user: User, identifier: str) -> RequestView:
        """Return a request as `look`, with its graph and the request before it."""
        view = self.look(user, identifier)
        with self._database.read() as connection:
            needs = history.planned_needs(connection, view.request.id)
            if needs is None:
                needs = _needs_of(history.project_yaml(connection, view.request.id), view)
            return RequestView(
                view.request,
                view.jobs,
                view.may_cancel,
                view.may_run,
                history.before(connection, view.request),
                drawing.draw(
                    {job.action: needs.get(job.action, ()) for job in view.actions} or needs
                ),
            )

    def job(self, user: User, identifier: str) -> JobView:
        """Return a job; one of a foreign project looks like a missing one."""
        with self._database.read() as connection:
            job = history.job(connection, identifier)
            if job is None:
                raise NotFoundError(f"There is no job '{identifier}'.")
            names = history.identifiers(connection, [job.job_request_id])
            request = required(
                requests.by_identifier(connection, names[job.job_request_id]), identifier
            )
            try:
                rights = _rights(connection, user, request)
            except NotFoundError:
                raise NotFoundError(f"There is no job '{identifier}'.") from None
            jobs = history.runs(connection, request.workspace_id, job.action, MOST_RUNS)
            names = history.identifiers(connection, list({one.job_request_id for one in jobs}))
            runs = [Run(one, names[one.job_request_id]) for one in jobs]
            return JobView(job, request, runs, *rights)

    def of_workspace(
        self, user: User, name: str, filters: Filters, number: int, size: int
    ) -> tuple[Page[RequestLine], int]:
        """Return a page of those of a workspace's requests that match, and how many match."""
        with self._database.read() as connection:
            workspace = access.visible_workspace(connection, user, name)
            page = Page.of(
                number, lambda *part: history.found(connection, workspace.id, filters, *part), size
            )
            lines = Page(_lines(connection, page.rows), number, page.more)
            return lines, history.count(connection, workspace.id, filters)

    def latest(self, workspaces: Sequence[Workspace], limit: int) -> list[RequestLine]:
        """Return the newest requests of workspaces that the caller may see."""
        with self._database.read() as connection:
            rows = history.latest(connection, [one.id for one in workspaces], limit)
            return _lines(connection, rows)

    def mine(self, user: User, limit: int) -> list[RequestLine]:
        """Return the newest requests of a person, in the projects that are shown to them."""
        with self._database.read() as connection:
            shown = access.visible_projects(connection, user)
            return _lines(connection, history.of_person(connection, user.id, shown, limit))

    def project_yaml(self, request: JobRequest) -> str:
        """Return the project.yaml of a request that the caller may see."""
        with self._database.read() as connection:
            return history.project_yaml(connection, request.id)

    def statuses(self, workspace: Workspace) -> dict[str, str]:
        """Return the latest status of each action of a workspace."""
        with self._database.read() as connection:
            return latest_statuses(connection, workspace.id)


def required(request: JobRequest | None, identifier: str) -> JobRequest:
    """Return a request; raise NotFoundError if it is missing."""
    if request is None:
        raise NotFoundError(f"There is no job request '{identifier}'.")
    return request


def _rights(connection: Connection, user: User, request: JobRequest) -> tuple[bool, bool]:
    """Return whether a person may cancel a request and run it again; raise NotFoundError."""
    try:
        workspace = access.visible_workspace(connection, user, request.workspace)
    except NotFoundError:
        raise NotFoundError(f"There is no job request '{request.identifier}'.") from None
    allowed = access.permissions(connection, user, workspace.project_id)
    may_cancel = request.created_by_id == user.id or Permission.JOB_CANCEL in allowed
    return may_cancel, Permission.JOB_RUN in allowed and not workspace.archived


def _needs_of(project_yaml: str, view: RequestView) -> dict[str, list[str]]:
    """Return what the actions of a request need that is from before this was kept."""
    try:
        project = parse_project(project_yaml)
    except ProjectError:
        return {}
    names = view.request.planned_actions or [job.action for job in view.actions]
    return {name: list(project.needs[name]) for name in names if name in project.needs}


def _lines(connection: Connection, rows: Sequence[JobRequest]) -> list[RequestLine]:
    outcomes = requests.outcomes(connection, [request.id for request in rows])
    return [RequestLine(request, shown_status(outcomes.get(request.id, ()))) for request in rows]
