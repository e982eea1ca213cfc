"""Job requests and jobs as people look for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select
from sqlalchemy.engine import Connection

from sallyport_common.protocol import OPEN_STATES, State, StatusCode
from sallyport_job_server.models import Job, JobRequest, RequestState
from sallyport_job_server.storage import tables, users
from sallyport_job_server.storage.database import fetch_all, fetch_one
from sallyport_job_server.storage.requests import REQUESTS

_jobs, _requests, _workspaces = tables.jobs, tables.job_requests, tables.workspaces


@dataclass(frozen=True)
class Filters:
    """What somebody looks for; what is empty or None is not looked at.

    `search` is part of an action, of a note or of an identifier; `since` and `until` are days of
    the form 2026-11-30.
    """

    search: str = ""
    state: RequestState | None = None
    backend: str = ""
    person: str = ""
    since: str = ""
    until: str = ""


def _has_job(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(_jobs.c.job_request_id == _requests.c.id, *conditions)


_CANCELLED = and_(
    _jobs.c.status == State.FAILED, _jobs.c.status_code == StatusCode.CANCELLED_BY_USER
)
_OPEN = or_(not_(_has_job()), _has_job(_jobs.c.status.in_(OPEN_STATES)))
_FAILED = _has_job(_jobs.c.status == State.FAILED, not_(_CANCELLED))
_STATES: dict[RequestState, ColumnElement[bool]] = {
    RequestState.OPEN: _OPEN,
    RequestState.SUCCEEDED: and_(_has_job(), not_(_has_job(_jobs.c.status != State.SUCCEEDED))),
    RequestState.FAILED: and_(not_(_OPEN), _FAILED),
    RequestState.CANCELLED: and_(not_(_OPEN), not_(_FAILED), _has_job(_CANCELLED)),
}


def conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions of a query for job requests."""
    wanted: list[ColumnElement[bool]] = []
    if filters.search:
        text = filters.search
        wanted.append(
            or_(
                _has_job(
                    or_(_jobs.c.action.icontains(text, autoescape=True), _jobs.c.identifier == text)
                ),
                _requests.c.identifier == text,
                _requests.c.note.icontains(text, autoescape=True),
            )
        )
    if filters.state:
        wanted.append(_STATES[filters.state])
    if filters.backend:
        wanted.append(tables.backends.c.slug == filters.backend)
    if filters.person:
        wanted.append(tables.users.c.name_key == users.key(filters.person))
    if filters.since:
        wanted.append(_requests.c.created_at >= filters.since)
    if filters.until:
        wanted.append(_requests.c.created_at <= f"{filters.until}T23:59:59Z")
    return wanted


def found(
    connection: Connection, workspace_id: int, filters: Filters, limit: int, offset: int
) -> list[JobRequest]:
    """Return those of a workspace's requests that somebody looks for, newest first."""
    query = REQUESTS.where(_requests.c.workspace_id == workspace_id, *conditions(filters))
    return fetch_all(connection, query.limit(limit).offset(offset), JobRequest)


def count(connection: Connection, workspace_id: int, filters: Filters) -> int:
    """Return how many of a workspace's requests somebody looks for."""
    query = (
        select(func.count())
        .select_from(_requests)
        .join(tables.backends, tables.backends.c.id == _requests.c.backend_id)
        .join(tables.users, tables.users.c.id == _requests.c.created_by_id)
        .where(_requests.c.workspace_id == workspace_id, *conditions(filters))
    )
    return int(connection.execute(query).scalar_one())


def latest(connection: Connection, workspace_ids: Sequence[int], limit: int) -> list[JobRequest]:
    """Return the newest requests of several workspaces."""
    query = REQUESTS.where(_requests.c.workspace_id.in_(workspace_ids)).limit(limit)
    return fetch_all(connection, query, JobRequest)


def of_person(
    connection: Connection, user_id: int, shown: frozenset[int] | None, limit: int
) -> list[JobRequest]:
    """Return the newest requests of a person in some projects, by number; None for all."""
    query = REQUESTS.where(_requests.c.created_by_id == user_id).limit(limit)
    if shown is not None:
        query = query.where(_workspaces.c.project_id.in_(shown))
    return fetch_all(connection, query, JobRequest)


def before(connection: Connection, request: JobRequest) -> JobRequest | None:
    """Return the request of the same workspace and branch before this one."""
    query = REQUESTS.where(
        _requests.c.workspace_id == request.workspace_id,
        _requests.c.branch == request.branch,
        _requests.c.id < request.id,
    )
    return fetch_one(connection, query.limit(1), JobRequest)


def job(connection: Connection, identifier: str) -> Job | None:
    """Return a job by its identifier."""
    return fetch_one(connection, select(_jobs).where(_jobs.c.identifier == identifier), Job)


def runs(connection: Connection, workspace_id: int, action: str, limit: int) -> list[Job]:
    """Return the newest jobs of an action of a workspace."""
    # Correlated, so that a database walks along the index until it has enough.
    inside = exists().where(
        _requests.c.id == _jobs.c.job_request_id, _requests.c.workspace_id == workspace_id
    )
    query = select(_jobs).where(_jobs.c.action == action, inside)
    return fetch_all(connection, query.order_by(_jobs.c.id.desc()).limit(limit), Job)


def identifiers(connection: Connection, request_ids: Sequence[int]) -> dict[int, str]:
    """Return the identifiers of several requests by their numbers."""
    query = select(_requests.c.id, _requests.c.identifier).where(_requests.c.id.in_(request_ids))
    return {row.id: row.identifier for row in connection.execute(query)}


def project_yaml(connection: Connection, request_id: int) -> str:
    """Return the project.yaml of a request's commit."""
    query = select(_requests.c.project_yaml).where(_requests.c.id == request_id)
    return str(connection.execute(query).scalar_one())


def planned_needs(connection: Connection, request_id: int) -> dict[str, list[str]] | None:
    """Return what each planned action of a request needs; None for one from before."""
    query = select(_requests.c.planned_needs).where(_requests.c.id == request_id)
    needs: dict[str, list[str]] | None = connection.execute(query).scalar_one()
    return needs
