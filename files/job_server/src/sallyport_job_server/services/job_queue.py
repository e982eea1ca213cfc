"""The runners' side: what a backend is to run, and what it reports about its jobs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

from sallyport_common.problems import NotFoundError
from sallyport_common.protocol import CLASSIC_DATABASES, ERROR_ACTION, State
from sallyport_common.schemas import fill
from sallyport_job_server.models import Backend, Job, JobRequest
from sallyport_job_server.schemas.jobs import (
    JobHistory,
    JobReport,
    ListedRequest,
    ListedWorkspace,
    PastJob,
)
from sallyport_job_server.services.postbox import Postbox
from sallyport_job_server.storage import backends, projects, requests, tables
from sallyport_job_server.storage.database import Database, add_all, put_all

log = logging.getLogger(__name__)


@dataclass
class _Received:
    """What a report says that is not stored: rows, changes by number, moves for the audit."""

    new: list[dict[str, Any]] = field(default_factory=list)
    changed: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    moved: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    opened: bool = False
    """Whether a job came, or one that had ended is open again."""
    ended: set[int] = field(default_factory=set)
    """The requests, by number, of jobs that have ended now."""

    def note(self, row: JobReport, previous: Job | None, request_id: int) -> None:
        """Note that a job came, or how it moved on, if it did."""
        if previous is not None and previous.status == row.status:
            return
        said = {"status": row.status, "request": row.job_request_id}
        self.moved.append((row.identifier, said))
        if previous is None or State(previous.status).final:
            self.opened = True
        if State(row.status).final:
            self.ended.add(request_id)


class JobQueue:
    """The use cases of runners."""

    def __init__(self, database: Database, postbox: Postbox) -> None:
        self._database, self._postbox = database, postbox

    def differs(self, backend: Backend, etag: str) -> bool:
        """Return whether the counter is not `etag`."""
        with self._database.read() as connection:
            return str(backends.counter(connection, backend.id)) != etag

    def listing(self, backend: Backend) -> tuple[int, list[ListedRequest]]:
        """Return the change counter and the requests that have not ended."""
        with self._database.read() as connection:
            # The counter first: rows that are newer than it only cost one more look.
            counter = backends.counter(connection, backend.id)
            listed = requests.listed(connection, backend.id)
        return counter, [_listed(request) for request in listed]

    def receive(self, backend: Backend, rows: Sequence[JobReport], *, partial: bool) -> None:
        """Store what a runner reports; rows of unknown or foreign requests are only logged.

        The report is all that its requests have, or with `partial` the jobs that changed. The
        work depends on the report alone, not on how many jobs its requests have. Who waits for
        the list of requests is told where a request may have come to it or left it.
        """
        rows = list({row.identifier: row for row in rows}.values())  # of two for one job the last
        identifiers = list({row.job_request_id for row in rows})
        with self._database.change(f"backend:{backend.slug}") as change:
            numbers = requests.numbers(change.connection, identifiers, backend.id)
            names = [row.identifier for row in rows]
            stored = {job.identifier: job for job in requests.jobs_named(change.connection, names)}
            received = _compare(rows, numbers, stored)
            add_all(change.connection, tables.jobs, received.new)
            put_all(change.connection, tables.jobs, received.changed)
            if received.new or received.changed:
                change.reported(backend.id)
            if received.moved:
                change.record_all("job.status", received.moved)
                over = requests.over(change.connection, received.ended)
                if received.opened or over:
                    change.touch(backend.id)
                self._postbox.requests_over(change, over)
            known = [] if partial else requests.names_of(change.connection, list(numbers.values()))
        missing = set(known).difference(names)
        if missing:
            log.info("jobs missing from a report are kept", extra={"jobs": sorted(missing)})

    def statuses(self, backend: Backend, name: str) -> dict[str, str]:
        """Return the latest status of each action that a backend ran in a workspace."""
        with self._database.read() as connection:
            workspace = projects.workspace(connection, name)
            if workspace is None:
                raise NotFoundError(f"There is no workspace '{name}'.")
            return latest_statuses(connection, workspace.id, backend.id)

    def reports(self, backend: Backend, identifiers: Sequence[str]) -> list[JobReport]:
        """Return the stored jobs of a backend's own requests, for a runner that lost its own."""
        with self._database.read() as connection:
            numbers = requests.numbers(connection, identifiers, backend.id)
            names = {number: identifier for identifier, number in numbers.items()}
            stored = requests.jobs_of(connection, list(numbers.values()))
        return [_report(job, names[job.job_request_id]) for job in stored]

    def history(self, backend: Backend, after: int) -> JobHistory:
        """Return a page of all jobs of a backend's own requests, ended ones included."""
        with self._database.read() as connection:
            jobs = requests.jobs_of_backend(connection, backend.id, after)
            numbers = list({job.job_request_id for job in jobs})
            places = requests.places_of(connection, numbers)
        results = []
        for job in jobs:
            identifier, workspace = places[job.job_request_id]
            results.append(PastJob(workspace, _report(job, identifier)))
        return JobHistory(results, jobs[-1].id if len(jobs) == requests.PORTION else None)


def _compare(
    rows: Iterable[JobReport], numbers: Mapping[str, int], stored: Mapping[str, Job]
) -> _Received:
    """Return what has to be stored; rows of unknown or foreign requests are only logged.

    A move is a new job or one with another status.
    """
    received = _Received()
    for row in rows:
        request_id, previous = numbers.get(row.job_request_id), stored.get(row.identifier)
        if request_id is None:
            log.warning("job of an unknown request", extra={"request": row.job_request_id})
            continue
        values = row.columns() | {"job_request_id": request_id}
        if previous is None:
            received.new.append(values)
        elif previous.job_request_id != request_id:
            log.warning("job of another request", extra={"job": row.identifier})
            continue
        elif all(getattr(previous, name) == value for name, value in values.items()):
            continue
        else:
            received.changed.append((previous.id, values))
        received.note(row, previous, request_id)
    return received


def latest_statuses(
    connection: Connection, workspace_id: int, backend_id: int | None = None
) -> dict[str, str]:
    """Return the last status of each action of a workspace."""
    latest = requests.latest_outcomes(connection, workspace_id, backend_id)
    return {action: last.status for action, last in latest.items() if action != ERROR_ACTION}


def _listed(request: JobRequest) -> ListedRequest:
    """Return a request as runners see it, with the signed envelope beside it."""
    workspace = ListedWorkspace(
        name=request.workspace,
        repo=request.repo,
        branch=request.branch,
        db=CLASSIC_DATABASES.get(request.database_name, request.database_name),
        created_by=request.created_by,
        created_at=request.workspace_created_at,
    )
    envelope = json.loads(request.envelope)
    return fill(ListedRequest, request, workspace=workspace, orgs=[], envelope=envelope)


def _report(job: Job, request: str) -> JobReport:
    # Peers know this flag as an integer.
    return fill(JobReport, job, job_request_id=request, requires_db=int(job.requires_db))
