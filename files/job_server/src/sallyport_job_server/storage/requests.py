"""Job requests and the jobs that runners report for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.engine import Connection

from sallyport_common.protocol import OPEN_STATES
from sallyport_job_server.models import Job, JobRequest, Outcome
from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import fetch_all, fetch_one

_jobs, _requests, _workspaces = tables.jobs, tables.job_requests, tables.workspaces

LARGE = frozenset({"project_yaml", "planned_needs"})
"""Columns of up to megabytes, which no list has."""

REQUESTS = (
    select(
        *(column for column in _requests.c if column.name not in LARGE),
        _workspaces.c.name.label("workspace"),
        _workspaces.c.created_at.label("workspace_created_at"),
        _workspaces.c.repo,
        tables.projects.c.slug.label("project"),
        tables.backends.c.slug.label("backend"),
        tables.users.c.username.label("created_by"),
    )
    .select_from(_requests)
    .join(_workspaces, _workspaces.c.id == _requests.c.workspace_id)
    .join(tables.projects, tables.projects.c.id == _workspaces.c.project_id)
    .join(tables.backends, tables.backends.c.id == _requests.c.backend_id)
    .join(tables.users, tables.users.c.id == _requests.c.created_by_id)
    .order_by(_requests.c.id.desc())
)

PORTION = 500
"""Values of one statement; databases have a limit."""


def by_identifier(connection: Connection, identifier: str) -> JobRequest | None:
    """Return a request by its identifier."""
    query = REQUESTS.where(_requests.c.identifier == identifier)
    return fetch_one(connection, query, JobRequest)


def listed(connection: Connection, backend_id: int) -> list[JobRequest]:
    """Return what a runner must see: requests without jobs or with one that has not ended."""
    own = _jobs.c.job_request_id == _requests.c.id
    started = exists().where(own)
    active = exists().where(and_(own, _jobs.c.status.in_(OPEN_STATES)))
    query = REQUESTS.where(_requests.c.backend_id == backend_id, or_(~started, active))
    return fetch_all(connection, query, JobRequest)


def ran_on(connection: Connection, workspace_id: int, backend_id: int) -> bool:
    """Return whether a workspace has a request for a backend."""
    mine = _requests.c.workspace_id == workspace_id, _requests.c.backend_id == backend_id
    return connection.execute(select(_requests.c.id).where(*mine).limit(1)).first() is not None


def numbers(connection: Connection, identifiers: Sequence[str], backend_id: int) -> dict[str, int]:
    """Return the numbers of those requests that belong to a backend."""
    query = select(_requests.c.identifier, _requests.c.id).where(
        _requests.c.identifier.in_(identifiers), _requests.c.backend_id == backend_id
    )
    return {row.identifier: row.id for row in connection.execute(query)}


def jobs_of(connection: Connection, request_ids: Sequence[int]) -> list[Job]:
    """Return the jobs of several requests in the order of their making."""
    query = select(_jobs).where(_jobs.c.job_request_id.in_(request_ids)).order_by(_jobs.c.id)
    return fetch_all(connection, query, Job)


def jobs_of_backend(connection: Connection, backend_id: int, after: int) -> list[Job]:
    """Return a page of the jobs of a backend's requests, those behind the number `after`."""
    query = (
        select(_jobs)
        .join(_requests, _requests.c.id == _jobs.c.job_request_id)
        .where(_requests.c.backend_id == backend_id, _jobs.c.id > after)
        .order_by(_jobs.c.id)
        .limit(PORTION)
    )
    return fetch_all(connection, query, Job)


def places_of(connection: Connection, request_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Return identifier and workspace of several requests, by number."""
    query = (
        select(_requests.c.id, _requests.c.identifier, _workspaces.c.name)
        .join(_workspaces, _workspaces.c.id == _requests.c.workspace_id)
        .where(_requests.c.id.in_(request_ids))
    )
    return {row.id: (row.identifier, row.name) for row in connection.execute(query)}


def names_of(connection: Connection, request_ids: Sequence[int]) -> list[str]:
    """Return the identifiers of the jobs of several requests."""
    query = select(_jobs.c.identifier).where(_jobs.c.job_request_id.in_(request_ids))
    return list(connection.execute(query).scalars())


def over(connection: Connection, request_ids: Collection[int]) -> set[int]:
    """Return those of several requests, which all have jobs, that have none that is open."""
    if not request_ids:
        return set()
    active = and_(_jobs.c.job_request_id.in_(request_ids), _jobs.c.status.in_(OPEN_STATES))
    found = connection.execute(select(_jobs.c.job_request_id).where(active).distinct()).scalars()
    return set(request_ids).difference(found)


def by_numbers(connection: Connection, request_ids: Collection[int]) -> list[JobRequest]:
    """Return requests by their numbers."""
    return fetch_all(connection, REQUESTS.where(_requests.c.id.in_(request_ids)), JobRequest)


def tally(connection: Connection, request_id: int) -> Counter[str]:
    """Return how many jobs of a request went how, as people are shown it."""
    columns = (_jobs.c.status, _jobs.c.status_code, func.count().label("jobs"))
    query = select(*columns).where(_jobs.c.job_request_id == request_id)
    counted: Counter[str] = Counter()
    for row in connection.execute(query.group_by(_jobs.c.status, _jobs.c.status_code)):
        counted[Outcome(row.status, row.status_code).shown] += row.jobs
    return counted


def jobs_named(connection: Connection, identifiers: Sequence[str]) -> list[Job]:
    """Return those of some jobs that are stored, whatever requests they belong to."""
    return [
        job
        for start in range(0, len(identifiers), PORTION)
        for job in fetch_all(
            connection,
            select(_jobs).where(_jobs.c.identifier.in_(identifiers[start : start + PORTION])),
            Job,
        )
    ]


def latest_outcomes(
    connection: Connection, workspace_id: int, backend_id: int | None = None
) -> dict[str, Outcome]:
    """Return how each action of a workspace, or of one backend in it, went last, oldest first."""
    last = (
        select(func.max(_jobs.c.id))
        .join(_requests, _requests.c.id == _jobs.c.job_request_id)
        .where(_requests.c.workspace_id == workspace_id)
        .group_by(_jobs.c.action)
    )
    if backend_id is not None:
        last = last.where(_requests.c.backend_id == backend_id)
    query = select(_jobs.c.action, _jobs.c.status, _jobs.c.status_code)
    rows = connection.execute(query.where(_jobs.c.id.in_(last)).order_by(_jobs.c.id))
    return {row.action: Outcome(row.status, row.status_code) for row in rows}


def outcomes(connection: Connection, request_ids: Sequence[int]) -> dict[int, set[Outcome]]:
    """Return how the jobs of several requests went, each combination once."""
    columns = (_jobs.c.job_request_id, _jobs.c.status, _jobs.c.status_code)
    query = select(*columns).where(_jobs.c.job_request_id.in_(request_ids)).distinct()
    by_request: dict[int, set[Outcome]] = {}
    for row in connection.execute(query):
        by_request.setdefault(row.job_request_id, set()).add(Outcome(row.status, row.status_code))
    return by_request
