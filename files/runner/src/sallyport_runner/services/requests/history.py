"""The past of all workspaces after a lost database: from the records on disk and the job server.

Records on disk decide. The job server adds jobs that left none, such as those whose needs failed,
and what people were told. It cannot make a success of anything: one counts only if a signed record
of this backend vouches for it and its outputs are in the workspace as the record says.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from sallyport_common.manifests import Output
from sallyport_common.protocol import JobRow, State, StatusCode
from sallyport_common.tokens import job_identifier
from sallyport_runner.models import Job, JobRequest, Metadata, Phase, Reason
from sallyport_runner.services.outputs.archive import Archive, newest
from sallyport_runner.services.requests.recovery import (
    as_recorded,
    bare,
    figures,
    final_code,
    times,
)
from sallyport_runner.storage import Store
from sallyport_study.places import InvalidNameError, check_workspace

log = logging.getLogger(__name__)
_REQUEST = re.compile(r"[a-z0-9]{16}")
Digests = Mapping[str, str]


class Server(Protocol):
    """What the history needs of the job server."""

    def history(self, after: int) -> tuple[list[dict[str, Any]], int | None]:
        """Return a page of the jobs of this backend, and where the next one begins."""


class History:
    """Restores the past, once."""

    def __init__(
        self,
        archive: Archive,
        store: Store,
        server: Server,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Call `beat` again and again meanwhile: with much history this takes minutes."""
        self._archive, self._store, self._server, self._beat = archive, store, server, beat
        self._known = False

    def restore(self, open_requests: Collection[str]) -> None:
        """Restore the jobs of all but some open requests, if the store knows of nothing.

        Raises ServerError where the job server does not answer; nothing is kept then.
        """
        self._known = self._known or self._store.knows_history()
        if self._known:
            return
        requests: dict[str, JobRequest] = {}
        jobs: dict[str, Job] = {}
        made: dict[str, Digests] = {}
        for job, metadata in self._recorded(open_requests):
            jobs[job.id], made[job.id] = job, metadata["outputs_sha256"]
            requests[job.request_id] = _request(metadata)
        recorded = len(jobs)
        for row, workspace in self._reported(open_requests):
            jobs[row.identifier] = _merged(jobs.get(row.identifier), row, workspace)
            known = requests.get(row.job_request_id)
            requests[row.job_request_id] = known or _bare_request(row, workspace)
        past = sorted(jobs.values(), key=lambda job: (job.created_at, job.completed_at or ""))
        judged = list(self._judged(past, made))
        self._store.restore(list(requests.values()), judged)
        self._known = True
        if judged:
            figures = {"jobs": len(judged), "with_record": recorded}
            log.warning("the history was restored after a lost database", extra=figures)

    def _recorded(self, open_requests: Collection[str]) -> Iterator[tuple[Job, Metadata]]:
        """Yield each job that left a record, with the newest one."""
        for job_id, folders in self._archive.folders().items():
            self._beat()
            found = newest(folders)
            try:
                job = _recorded(*found) if found else None
            except (KeyError, TypeError, ValueError, AttributeError):
                log.warning("a record is malformed and left out", extra={"job": job_id})
                continue
            if found and job and job.id == job_id and job.request_id not in open_requests:
                yield job, found[0]

    def _reported(self, open_requests: Collection[str]) -> Iterator[tuple[JobRow, str]]:
        """Yield the ended jobs that the server has of this backend, page by page."""
        after: int | None = 0
        while after is not None:
            self._beat()
            rows, after = self._server.history(after)
            for content in rows:
                row, workspace = JobRow.from_wire(content), content["workspace"]
                ended = State(row.status).final and row.job_request_id not in open_requests
                if ended and _is_ours(row, workspace):
                    yield row, workspace

    def _judged(self, past: list[Job], made: Mapping[str, Digests]) -> Iterator[Job]:
        """Yield jobs, with NO_RECORD for the successes that a later request must not build on.

        Only the latest job of an action can be built on. Where it is a success that is not
        confirmed, earlier ones of the action are none either: their outputs were replaced.
        """
        latest: dict[tuple[str, str], Job] = {}
        for job in past:
            if job.cancelled_at is None and job.reason is not Reason.NOTHING_TO_DO:
                latest[job.workspace, job.action] = job
        manifests: dict[str, Mapping[str, Output]] = {}
        unconfirmed = set()
        for place, job in latest.items():
            self._beat()
            if job.workspace not in manifests:
                manifests[job.workspace] = self._archive.manifest(job.workspace)
            if job.code is StatusCode.SUCCEEDED and not self._is_present(
                job, made.get(job.id, {}), manifests[job.workspace]
            ):
                unconfirmed.add(place)
        for job in past:
            lost = job.code is StatusCode.SUCCEEDED and (job.workspace, job.action) in unconfirmed
            yield replace(job, reason=Reason.NO_RECORD) if lost else job

    def _is_present(self, job: Job, made: Digests, manifest: Mapping[str, Output]) -> bool:
        """Return whether a signed record vouches for a success, and all its outputs are there."""
        folder = self._archive.folder(job)
        return (
            bool(job.files)
            and self._archive.confirmed(folder)
            and all(self._is_stored(job, path, made, manifest.get(path)) for path in job.files)
        )

    def _is_stored(self, job: Job, path: str, made: Digests, entry: Output | None) -> bool:
        return (
            entry is not None
            and entry.job_id == job.id
            and entry.content_hash == made.get(path)
            and self._archive.stored(job.workspace, path, entry.size)
        )


def _recorded(metadata: Metadata, folder: Path) -> Job:
    """Return the job of a record; raise KeyError, TypeError or ValueError for a malformed one."""
    unmatched = list(metadata["unmatched_patterns"])
    job = Job(
        id=job_identifier(metadata["job_definition_request_id"], metadata["action"]),
        request_id=metadata["job_definition_request_id"],
        workspace=metadata["workspace"],
        action=metadata["action"],
        run_command=metadata.get("run_command", ""),
        requires_db=metadata.get("requires_db", bool(metadata["database_name"])),
        outputs=dict.fromkeys(unmatched, ""),
        phase=Phase(metadata["phase"]),
        image=metadata["image"],
        created_at=metadata["created_at"],
        started_at=metadata.get("started_at"),
        updated_at=metadata["completed_at"],
        metrics=metadata["job_metrics"],
        posted=1,
    )
    return as_recorded(job, metadata, folder)


def _is_ours(row: JobRow, workspace: str) -> bool:
    """Return whether a row can be of a job that this runner made."""
    try:
        check_workspace(workspace)
    except InvalidNameError:
        return False
    ours = row.identifier == job_identifier(row.job_request_id, row.action)
    return ours and bool(_REQUEST.fullmatch(row.job_request_id))


def _merged(job: Job | None, row: JobRow, workspace: str) -> Job:
    """Return what a record says, with what only the server knows; or what the server says alone.

    A success of the server's alone is kept for people to see.
    """
    if job is None:
        code = final_code(row)
        return replace(
            bare(workspace, row),
            **times(row),
            code=code,
            reason=Reason.NO_RECORD if code is StatusCode.SUCCEEDED else Reason.NONE,
            server_message=row.status_message,
            cancelled_at=row.completed_at if code is StatusCode.CANCELLED_BY_USER else None,
            metrics=figures(row),
            posted=1,
        )
    if job.state is not State(row.status):
        text = "the job server has another end of a job than its record"
        log.warning(text, extra={"job": job.id, "server": row.status, "record": job.code.value})
        return job
    return replace(
        job,
        run_command=job.run_command or row.run_command,
        started_at=job.started_at or row.started_at,
        server_message=row.status_message,
    )


def _request(metadata: Metadata) -> JobRequest:
    """Return the request of a record: admitted, and without what only the server had."""
    return JobRequest(
        identifier=metadata["job_definition_request_id"],
        payload_digest="",
        workspace=metadata["workspace"],
        repo=metadata["repo"],
        branch=metadata["branch"],
        sha=metadata["commit"],
        requested_actions=[],
        created_by=metadata["user"],
        created_at=metadata["created_at"],
        admitted=True,
    )


def _bare_request(row: JobRow, workspace: str) -> JobRequest:
    return JobRequest(
        identifier=row.job_request_id,
        payload_digest="",
        workspace=workspace,
        repo="",
        branch="",
        sha="",
        requested_actions=[],
        created_at=row.created_at,
        admitted=True,
    )
