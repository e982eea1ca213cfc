"""Rows of the lists of the API: portions that go on behind the last row, not at a page's number."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql import Select

from sallyport_common.protocol import State, StatusCode
from sallyport_job_server.models import Job, JobRequest, JobState, Project, User, Workspace
from sallyport_job_server.storage import history, projects, tables, users
from sallyport_job_server.storage.database import fetch_all
from sallyport_job_server.storage.requests import REQUESTS

_jobs, _requests = tables.jobs, tables.job_requests
_workspaces, _projects, _users = tables.workspaces, tables.projects, tables.users
_CANCELLED = _jobs.c.status_code == StatusCode.CANCELLED_BY_USER


def _newest(query: Select[Any], key: ColumnElement[int], before: int | None, limit: int) -> Any:
    if before is not None:
        query = query.where(key < before)
    return query.order_by(None).order_by(key.desc()).limit(limit)


def _oldest(query: Select[Any], key: ColumnElement[int], after: int | None, limit: int) -> Any:
    if after is not None:
        query = query.where(key > after)
    return query.order_by(None).order_by(key).limit(limit)


def _matches(search: str, *columns: ColumnElement[str]) -> list[ColumnElement[bool]]:
    if not search:
        return []
    found = columns[0].icontains(search, autoescape=True)
    for column in columns[1:]:
        found = found | column.icontains(search, autoescape=True)
    return [found]


def _shown(project_ids: Collection[int] | None) -> list[ColumnElement[bool]]:
    return [] if project_ids is None else [_projects.c.id.in_(project_ids)]


def every_project(
    connection: Connection,
    project_ids: Collection[int] | None,
    search: str,
    after: int | None,
    limit: int,
) -> list[Project]:
    """Return projects of some numbers, or of all."""
    matching = _matches(search, _projects.c.slug, _projects.c.name)
    query = select(_projects).where(*_shown(project_ids), *matching)
    return fetch_all(connection, _oldest(query, _projects.c.id, after, limit), Project)


def every_workspace(
    connection: Connection,
    project_ids: Collection[int] | None,
    project: str,
    search: str,
    after: int | None,
    limit: int,
) -> list[Workspace]:
    """Return workspaces of some projects, or of all."""
    matching = _matches(search, _workspaces.c.name)
    query = projects.WORKSPACES.where(*_shown(project_ids), *matching)
    if project:
        query = query.where(_projects.c.slug == project)
    return fetch_all(connection, _oldest(query, _workspaces.c.id, after, limit), Workspace)


def job_requests(
    connection: Connection,
    project_ids: Collection[int] | None,
    workspace: str,
    filters: history.Filters,
    before: int | None,
    limit: int,
) -> list[JobRequest]:
    """Return job requests of some projects, or of all, newest first."""
    query = REQUESTS.where(*_shown(project_ids), *history.conditions(filters))
    if workspace:
        query = query.where(_workspaces.c.name == workspace)
    return fetch_all(connection, _newest(query, _requests.c.id, before, limit), JobRequest)


def jobs(
    connection: Connection,
    project_ids: Collection[int] | None,
    workspace: str,
    action: str,
    state: JobState | None,
    before: int | None,
    limit: int,
) -> list[Job]:
    """Return jobs of some projects, or of all, newest first."""
    places = select(_workspaces.c.id)
    if project_ids is not None:
        places = places.where(_workspaces.c.project_id.in_(project_ids))
    if workspace:
        places = places.where(_workspaces.c.name == workspace)
    numbers = list(connection.execute(places).scalars())
    # Correlated, so that a database walks from the newest job on until it has enough.
    inside = exists().where(
        _requests.c.id == _jobs.c.job_request_id, _requests.c.workspace_id.in_(numbers)
    )
    query = select(_jobs).where(inside)
    if action:
        query = query.where(_jobs.c.action == action)
    if state is not None:
        query = query.where(_in_state(state))
    return fetch_all(connection, _newest(query, _jobs.c.id, before, limit), Job)


def _in_state(state: JobState) -> ColumnElement[bool]:
    failed = _jobs.c.status == State.FAILED
    if state is JobState.CANCELLED:
        return and_(failed, _CANCELLED)
    if state is JobState.FAILED:
        return and_(failed, ~_CANCELLED)
    return _jobs.c.status == state


def accounts(connection: Connection, search: str, after: int | None, limit: int) -> list[User]:
    """Return accounts."""
    matching = _matches(search, _users.c.username, _users.c.fullname, _users.c.email)
    query = select(*users.SHOWN).where(*matching)
    return fetch_all(connection, _oldest(query, _users.c.id, after, limit), User)


def requests_numbered(connection: Connection, numbers: Collection[int]) -> dict[int, JobRequest]:
    """Return several job requests by their numbers."""
    rows = fetch_all(connection, REQUESTS.where(_requests.c.id.in_(numbers)), JobRequest)
    return {one.id: one for one in rows}
