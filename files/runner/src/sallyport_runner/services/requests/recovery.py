"""Jobs of a request that the job server had when this runner first saw it.

There are such jobs where the runner's database was lost. What the server acknowledged as ended has
ended and is never started under the same id; what it has as pending or running is taken up from
its record on disk, from its container, or from the beginning with a raised attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sallyport_common.protocol import (
    JobRow,
    State,
    StatusCode,
    parse_utc,
    state_of,
    utc_now_text,
    utc_text,
)
from sallyport_common.tokens import job_identifier
from sallyport_runner.models import Job, JobRequest, Metadata, Phase, Reason, container_name
from sallyport_runner.services.executor import Executor
from sallyport_runner.services.outputs.archive import Archive, newest
from sallyport_runner.services.outputs.finalise import outcome
from sallyport_runner.services.outputs.volumes import Volumes

log = logging.getLogger(__name__)
CLOCKS = timedelta(days=1)
"""By how much the clocks of job server and runner are allowed to differ here."""


class Recovery:
    """Puts jobs back to where the server, the disk and the engine say they are."""

    def __init__(self, archive: Archive, executor: Executor, volumes: Volumes) -> None:
        self._archive, self._executor, self._volumes = archive, executor, volumes

    def rows(self, request: JobRequest) -> dict[str, JobRow]:
        """Return the server's rows by action; those whose id is not one of ours do not count."""
        rows = [JobRow.from_wire(row) for row in request.reported]
        ours = {
            row.action: row
            for row in rows
            if row.identifier == job_identifier(request.identifier, row.action)
        }
        if rows:
            text = "jobs that the server has and this runner does not know"
            log.warning(text, extra={"request": request.identifier, "jobs": len(rows)})
        return ours

    def restore(
        self, request: JobRequest, planned: Mapping[str, Job], rows: Mapping[str, JobRow]
    ) -> list[Job]:
        """Return the jobs of `rows`; an open one that is not `planned` ends as a fault."""
        names = [*planned, *(name for name in rows if name not in planned)]
        folders = self._archive.folders(_since(request))
        found = []
        for row in (rows[name] for name in names):
            job = planned.get(row.action) or bare(request.workspace, row)
            job = replace(job, **times(row), metrics=figures(row))
            if State(row.status).final:
                found.append(self._ended(job, row))
            else:
                recorded = newest(folders.get(job.id, []))
                found.append(self._open(job, row.action in planned, recorded))
        return found

    def fresh(self, request: JobRequest, jobs: Iterable[Job]) -> list[Job]:
        """Return new jobs; one that left a record on disk has ended, as the record says."""
        folders = self._archive.folders(_since(request))
        found = []
        for job in jobs:
            recorded = newest(folders.get(job.id, []))
            found.append(job if recorded is None else as_recorded(job, *recorded))
        return found

    def resumed(self, job: Job) -> Job:
        """Return the job of a task as it is on disk and in the engine, where it was here before.

        That is so where the runner's database was lost: what this very task left is taken up. A
        job of an earlier task of the same id is over, and this one has an attempt above it.
        """
        recorded = self._archive.record(job.id)
        if recorded is not None and recorded[0].get("task_id") == job.terms["task_id"]:
            return as_recorded(job, *recorded)
        if recorded is not None:
            job = replace(job, attempt=int(recorded[0]["attempt"]) + 1)
        if self._volumes.of(job.id).root.exists():
            job = replace(job, attempt=max(job.attempt, self._attempt(job, adopt=True)))
        return job

    def _ended(self, job: Job, row: JobRow) -> Job:
        """Keep what the server acknowledged.

        Outputs of a success may be gone from disk. The job has succeeded all the same: its final
        state is acknowledged, so it does not start again. But it is not counted as the latest job
        of its action (NO_RECORD), so a later request that needs the action runs it again, and a
        job that was waiting for the outputs ends with NO_INPUT, which asks the author to.
        """
        code = final_code(row)
        files: dict[str, str] = {}
        if code is StatusCode.SUCCEEDED:
            files = self._archive.outputs(job.workspace, job.action)
        return replace(
            job,
            code=code,
            reason=Reason.NO_RECORD if code is StatusCode.SUCCEEDED and not files else Reason.NONE,
            server_message=row.status_message,
            files=files,
            cancelled_at=row.completed_at if code is StatusCode.CANCELLED_BY_USER else None,
            posted=job.revision,
        )

    def _open(self, job: Job, planned: bool, recorded: tuple[Metadata, Path] | None) -> Job:
        if recorded is not None:  # it ended, and the server was not told
            return as_recorded(job, *recorded)
        if not planned:
            now = utc_now_text()
            attempt = self._attempt(job, adopt=False)
            return replace(job, code=StatusCode.INTERNAL_ERROR, attempt=attempt, completed_at=now)
        return replace(job, attempt=self._attempt(job, adopt=True))

    def _attempt(self, job: Job, *, adopt: bool) -> int:
        """Return the attempt of a container that can go on, else a number above all before."""
        prepared = self._volumes.of(job.id).prepared_at is not None
        before = 1
        for phase in (Phase.RUN, Phase.COMPILE):
            found = self._executor.status(container_name(job.id, phase))
            if found is not None:
                attempt = int(found.label("attempt") or 1)
                same = found.label("task") == job.terms.get("task_id", "")
                if adopt and prepared and same and not found.killed:
                    return attempt
                before = max(before, attempt)
        return before + 1


def _since(request: JobRequest) -> str:
    """Return a time before which no job of a request can have been made, whatever the clocks."""
    try:
        return utc_text(parse_utc(request.created_at) - CLOCKS)
    except ValueError:
        return ""


def as_recorded(job: Job, metadata: Metadata, folder: Path) -> Job:
    """Return a job as its record in `folder` says that it ended."""
    ended = outcome(metadata, folder)
    by_user = ended.code is StatusCode.CANCELLED_BY_USER
    stopped = metadata["cancelled"] or ended.code is StatusCode.KILLED_BY_ADMIN
    return replace(
        job,
        code=ended.code,
        reason=ended.reason,
        unmatched=ended.unmatched,
        files={} if stopped else ended.files,
        run_record=ended.run_record,
        attempt=int(metadata["attempt"]),
        created_at=metadata["created_at"],
        completed_at=metadata["completed_at"],
        cancelled_at=metadata["completed_at"] if by_user else None,
    )


def bare(workspace: str, row: JobRow) -> Job:
    """Return a job of which only the server's row is known."""
    return Job(
        id=row.identifier,
        request_id=row.job_request_id,
        workspace=workspace,
        action=row.action,
        run_command=row.run_command,
        requires_db=row.requires_db,
    )


def times(row: JobRow) -> dict[str, Any]:
    """Return the times of a row as fields of a job."""
    names = ("created_at", "updated_at", "started_at", "completed_at")
    return {name: getattr(row, name) for name in names}


def figures(row: JobRow) -> dict[str, float]:
    """Return the figures of a row as a job has them."""
    given = row.metrics or {}
    return {name: float(n) for name, n in given.items() if isinstance(n, int | float)}


def final_code(row: JobRow) -> StatusCode:
    """Return the row's code where it agrees with its state, which counts."""
    state = State(row.status)
    try:
        code = StatusCode(row.status_code)
    except ValueError:
        code = StatusCode.CREATED
    if state_of(code) is state:
        return code
    return StatusCode.SUCCEEDED if state is State.SUCCEEDED else StatusCode.INTERNAL_ERROR
