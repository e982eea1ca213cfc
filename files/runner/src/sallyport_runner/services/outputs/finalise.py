"""The end of a job: what its files are, where they go, what is written down about it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sallyport_common.paths import open_beneath, sha256_file
from sallyport_common.protocol import StatusCode, utc_now_text
from sallyport_common.redaction import Redactor
from sallyport_records.runs import Container
from sallyport_runner.models import (
    KILLED_EXIT,
    ContainerStatus,
    Job,
    JobRequest,
    Metadata,
    Outcome,
    Phase,
    Reason,
    Stop,
    container_name,
)
from sallyport_runner.services.executor import Executor
from sallyport_runner.services.outputs import inspection, isolation, plan
from sallyport_runner.services.outputs.archive import RUN_RECORD, Archive, read_record
from sallyport_runner.services.outputs.hints import hint, links
from sallyport_runner.services.outputs.manifest import FullManifestError
from sallyport_runner.services.outputs.matching import Matcher
from sallyport_runner.services.outputs.publish import PrivacyTrees
from sallyport_runner.services.outputs.record import RunRecords
from sallyport_runner.services.outputs.recorder import Recorder
from sallyport_runner.services.outputs.scan import MAX_DEPTH, MAX_FILES, Found, Scan, shown
from sallyport_runner.services.outputs.volumes import Volume, Volumes
from sallyport_runner.services.sentences import DATABASE_EXITS, sentence
from sallyport_runner.settings import Settings

MAX_HINTS = 100
TOO_MANY = (
    f"Not all files were looked at: there are more than {MAX_FILES}, or more than {MAX_DEPTH} "
    "folders within each other."
)


ASK_EVERY = 1.0
"""Seconds between two looks whether a person stopped the job whose outputs are collected."""


class ContainerGoneError(Exception):
    """The container of a job that has no record is gone, so that the job has to run again."""


class StoppedError(Exception):
    """A person stopped the job before its outputs got their names."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.value)
        self.stop = stop


def _nobody() -> Stop:
    return Stop.NONE


class Finaliser:
    """Collects outputs and writes logs; `metadata.json` is the mark that all of it is done."""

    def __init__(
        self,
        settings: Settings,
        executor: Executor,
        volumes: Volumes,
        privacy_trees: PrivacyTrees,
        now: Callable[[], str] = utc_now_text,
    ) -> None:
        self._archive, self._executor, self._volumes = Archive(settings), executor, volumes
        self._trees, self._now = privacy_trees, now
        records = RunRecords(settings, volumes)
        redactor = Redactor(settings.secrets())
        self._recorder = Recorder(
            self._archive, executor, volumes, privacy_trees, records, redactor
        )
        self._progress: dict[str, tuple[int, int]] = {}

    def finalise(
        self,
        job: Job,
        request: JobRequest,
        status: ContainerStatus | None,
        stopped: Callable[[], Stop] = _nobody,
    ) -> Outcome:
        """Record the end of a job once; a second call returns what the first one recorded.

        `stopped` says whether a person has stopped the job meanwhile. Until the outputs get their
        names that counts, and none is kept; afterwards the job ends as its program did.

        Raises ContainerGoneError where there is neither a record nor a container, unless the runner
        itself ended the job. A call that was cut off, by a crash or by TransientError (a full disk,
        an engine that does not answer), recorded nothing: the next one takes every step again.
        """
        folder = self._archive.folder(job)
        known = read_record(folder)
        if known is not None and known.get("attempt") == job.attempt:
            return outcome(known, folder)
        if status is None and job.stop is Stop.NONE:
            raise ContainerGoneError("nobody can say how the program ended")
        seen = status.details if status else {}
        inspected = seen or self._executor.inspect(job.container)
        metadata = self._metadata(job, request, status, inspected)
        try:
            job = self._collect(job, request, metadata, stopped)
            code, reason = verdict(job, status, metadata)
            metadata |= {"status_code": code.value, "reason": reason.value}
            metadata["status_message"] = sentence(code, reason)
            self._recorder.write(job, metadata, self._containers(job, inspected))
        finally:
            self._progress.pop(job.id, None)
        return outcome(metadata, folder)

    def progress(self, job_id: str) -> tuple[int, int] | None:
        """Return how many of how many matched files are collected; None when none are.

        Any thread may ask. The numbers stay in the secure zone: they are for operators.
        """
        return self._progress.get(job_id)

    def _containers(self, job: Job, inspected: dict[str, Any]) -> dict[str, Container]:
        """Return what is known of each container of the job, by phase."""
        found = {job.phase: inspected}
        if job.phase is Phase.EXECUTE:
            found[Phase.COMPILE] = self._executor.inspect(container_name(job.id, Phase.COMPILE))
        return {phase.value: isolation.container(one, job=job.id) for phase, one in found.items()}

    def _metadata(
        self,
        job: Job,
        request: JobRequest,
        status: ContainerStatus | None,
        inspected: dict[str, Any],
    ) -> Metadata:
        container = inspection.redacted(inspected)
        return {
            "job_definition_id": job.id,
            "job_definition_request_id": job.request_id,
            "attempt": job.attempt,
            "phase": job.phase.value,
            "workspace": job.workspace,
            "action": job.action,
            "user": request.created_by,
            "run_command": job.run_command,
            "requires_db": job.requires_db,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "completed_at": self._now(),
            "timestamp_ns": self._volumes.of(job.id).prepared_at,
            "docker_image_id": container.get("Image"),
            "image": job.image,
            "exit_code": "" if status is None else str(status.exit_code),
            "oom_killed": status is not None and status.out_of_memory,
            "cancelled": job.stop is Stop.CANCELLED,
            "container_metadata": container,
            "branch": request.branch,
            "commit": request.sha,
            "repo": request.repo,
            **{f"action_{name}": job.origin.get(name, "") for name in ("repo", "tag", "commit")},
            "database_name": request.database_name if job.requires_db else None,
            "outputs": {},
            "outputs_sha256": {},
            "unmatched_patterns": [],
            "unmatched_outputs": [],
            "level4_excluded_files": {},
            "hint": "",
            "plan_sha256": None,
            "job_metrics": job.metrics,
        } | (inspection.versions(container) | _task(job))

    def _collect(
        self, job: Job, request: JobRequest, metadata: Metadata, stopped: Callable[[], Stop]
    ) -> Job:
        """Publish the outputs of a job, unless a person stopped it; return it as it is now."""
        if not job.stop.by_hand:
            before = dict(metadata)
            try:
                self._publish(job, request, metadata, stopped)
            except StoppedError as error:
                job = replace(job, stop=error.stop)
                metadata.update(before, cancelled=job.stop is Stop.CANCELLED)
        return job

    def _publish(
        self, job: Job, request: JobRequest, metadata: Metadata, stopped: Callable[[], Stop]
    ) -> None:
        """Match files with patterns and publish them; nothing else of the volume is looked at."""
        volume = self._volumes.of(job.id)
        root = volume.execution if job.phase is Phase.EXECUTE else volume.workspace
        if job.phase is Phase.COMPILE:
            return
        if job.phase is Phase.EXECUTE:
            metadata["plan_sha256"] = plan.digest(volume.plan)
        scan = Scan(root)
        matched, unmatched, fresh = _match(scan, job, volume)
        metadata["unmatched_patterns"] = unmatched
        metadata["unmatched_outputs"] = fresh if unmatched else []
        if unmatched:
            metadata["hint"] = hint(unmatched, fresh)
        left_out = "" if scan.complete else TOO_MANY
        also = [metadata["hint"], left_out, links(scan.others, job.outputs)]
        metadata["hint"] = " ".join(filter(None, also))

        asked = -ASK_EVERY

        def report(done: int, number: int) -> None:
            nonlocal asked
            self._progress[job.id] = done, number
            if done == number or time.monotonic() - asked > ASK_EVERY:
                asked = time.monotonic()
                if (stop := stopped()).by_hand:
                    raise StoppedError(stop)

        try:
            published = self._trees.publish(job, request, root, matched, report)
        except FullManifestError:
            metadata["full_workspace"] = True
            return
        metadata["outputs"] = published.outputs
        metadata["outputs_sha256"] = published.digests
        metadata["level4_excluded_files"] = published.withheld


def _task(job: Job) -> Metadata:
    """Return what the record says about a job of the task API beyond any other."""
    if not job.terms:
        return {}
    return {
        "task_id": job.terms["task_id"],
        "job_definition_rap_id": job.request_id,
        "expected_image_id": job.terms["image_sha"],
        "error": None,
    }


def _match(
    files: Iterable[Found], job: Job, volume: Volume
) -> tuple[dict[str, str], list[str], list[str]]:
    """Return the files that match, with their level, the patterns that match none, and new files.

    The latter are newer than the job and match nothing; they are as they are shown.
    """
    since = volume.prepared_at or 0
    matcher, unmatched = Matcher(job.outputs), dict.fromkeys(job.outputs)
    matched: dict[str, str] = {}
    fresh: list[str] = []
    for found in files:
        patterns = matcher.of(found.path)
        if patterns:
            matched[found.path] = job.outputs[patterns[0]]
            for pattern in patterns:
                unmatched.pop(pattern, None)
        elif found.modified_ns > since and len(fresh) < MAX_HINTS:
            fresh.append(shown(found.path))
    return matched, list(unmatched), sorted(fresh)


def verdict(
    job: Job, status: ContainerStatus | None, metadata: dict[str, Any]
) -> tuple[StatusCode, Reason]:
    """Return how a job ended."""
    stopped = {
        Stop.CANCELLED: (StatusCode.CANCELLED_BY_USER, Reason.NONE),
        Stop.ADMIN: (StatusCode.KILLED_BY_ADMIN, Reason.NONE),
        Stop.TIME_LIMIT: (StatusCode.NONZERO_EXIT, Reason.TIME_LIMIT),
        Stop.DISK_LIMIT: (StatusCode.NONZERO_EXIT, Reason.DISK_LIMIT),
    }.get(job.stop)
    if stopped:
        return stopped
    if status is None or status.exit_code is None:
        return StatusCode.INTERNAL_ERROR, Reason.NONE
    if status.exit_code != 0:
        return StatusCode.NONZERO_EXIT, _exit_reason(job, status)
    if metadata.get("full_workspace"):
        return StatusCode.JOB_ERROR, Reason.FULL_WORKSPACE
    # Only a child of the program was killed: it ended well, and what it wrote may be incomplete.
    killed = Reason.PART_KILLED if status.out_of_memory else Reason.NONE
    if metadata["unmatched_patterns"]:
        return StatusCode.UNMATCHED_PATTERNS, killed
    withheld = Reason.WITHHELD if metadata["level4_excluded_files"] else Reason.NONE
    return StatusCode.SUCCEEDED, killed or withheld


def _exit_reason(job: Job, status: ContainerStatus) -> Reason:
    if status.out_of_memory:
        return Reason.OUT_OF_MEMORY
    if status.exit_code == KILLED_EXIT:  # some engines do not say that memory ran out
        return Reason.KILLED
    known = DATABASE_EXITS.get(status.exit_code or 0, Reason.NONE)
    return known if job.requires_db else Reason.NONE


def outcome(metadata: Metadata, folder: Path) -> Outcome:
    """Return what the store keeps of a record in `folder`."""
    digest = ""
    with contextlib.suppress(FileNotFoundError), open_beneath(folder, RUN_RECORD) as stream:
        digest = sha256_file(stream)
    return Outcome(
        code=StatusCode(metadata["status_code"]),
        reason=Reason(metadata["reason"]),
        unmatched=metadata["unmatched_patterns"],
        files=metadata["outputs"],
        run_record=digest,
    )
