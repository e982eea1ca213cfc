"""What a backend runs and what waits for it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from sallyport_common.protocol import OPEN_STATES, State
from sallyport_job_server.storage import tables

_jobs, _requests, _workspaces = tables.jobs, tables.job_requests, tables.workspaces


class RunningJob(NamedTuple):
    """A job that runs, and where it belongs."""

    identifier: str
    action: str
    status_code: str
    started_at: str | None
    workspace: str
    project_id: int
    created_by: str


def counts(connection: Connection, backend_id: int) -> dict[str, int]:
    """Return how many jobs of a backend are in each state that is open."""
    query = (
        select(_jobs.c.status, func.count())
        .join(_requests, _requests.c.id == _jobs.c.job_request_id)
        .where(_requests.c.backend_id == backend_id, _jobs.c.status.in_(OPEN_STATES))
        .group_by(_jobs.c.status)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def running(connection: Connection, backend_id: int) -> list[RunningJob]:
    """Return the jobs that a backend runs, the longest first."""
    query = (
        select(
            _jobs.c.identifier,
            _jobs.c.action,
            _jobs.c.status_code,
            _jobs.c.started_at,
            _workspaces.c.name,
            _workspaces.c.project_id,
            tables.users.c.username,
        )
        .select_from(_jobs)
        .join(_requests, _requests.c.id == _jobs.c.job_request_id)
        .join(_workspaces, _workspaces.c.id == _requests.c.workspace_id)
        .join(tables.users, tables.users.c.id == _requests.c.created_by_id)
        .where(_requests.c.backend_id == backend_id, _jobs.c.status == State.RUNNING)
        .order_by(_jobs.c.started_at, _jobs.c.id)
    )
    return [RunningJob(*row) for row in connection.execute(query)]
