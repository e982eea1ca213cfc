"""The end of a job: what its files are, where they go, what is written down about it."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from sallyport_common.paths import open_beneath, sha256_file, write_atomic
from sallyport_common.protocol import StatusCode, utc_now_text
from sallyport_runner.models import (
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
from sallyport_runner.services.outputs import inspection, joblog, plan, trees
from sallyport_runner.services.outputs.archive import RECORD, Archive, read_record
from sallyport_runner.services.outputs.publish import PrivacyTrees
from sallyport_runner.services.outputs.volumes import Volume, Volumes
from sallyport_runner.services.sentences import DATABASE_EXITS, sentence
from sallyport_runner.settings import Settings
from sallyport_study.patterns import matches

MAX_HINTS = 100


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
        self._lock = threading.Lock()

    def finalise(self, job: Job, request: JobRequest, status: ContainerStatus | None) -> Outcome:
        """Record the end of a job once; a second call returns what the first one recorded."""
        folder = self._archive.folder(job)
        known = read_record(folder)
        if known is not None and known.get("attempt") == job.attempt:
            return outcome(known, folder)
        metadata = self._metadata(job, request, status)
        if job.stop not in {Stop.CANCELLED, Stop.ADMIN}:
            with self._lock:  # workspaces are shared by jobs
                self._collect(job, request, metadata)
        code, reason = verdict(job, status, metadata)
        metadata |= {"status_code": code.value, "reason": reason.value}
        metadata["status_message"] = sentence(code, reason)
        self._write(folder, job, metadata)
        return outcome(metadata, folder)

    def _metadata(self, job: Job, request: JobRequest, status: ContainerStatus | None) -> Metadata:
        container = inspection.redacted(self._executor.inspect(job.container))
        return {
            "job_definition_id": job.id,
            "job_definition_request_id": job.request_id,
            "attempt": job.attempt,
            "phase": job.phase.value,
            "workspace": job.workspace,
            "action": job.action,
            "user": request.created_by,
            "created_at": job.created_at,
            "completed_at": self._now(),
            "timestamp_ns": self._volumes.of(job.id).prepared_at,
            "docker_image_id": container.get("Image"),
            "image": job.image,
            "exit_code": "" if status is None else str(status.exit_code),
            "oom_killed": status is not None and status.out_of_memory,
            "cancelled": job.stop is Stop.CANCELLED,
            "container_metadata": container,
            "commit": request.sha,
            "repo": request.repo,
            "database_name": request.database_name if job.requires_db else None,
            "outputs": {},
            "unmatched_patterns": [],
            "unmatched_outputs": [],
            "level4_excluded_files": {},
            "hint": "",
            "plan_sha256": None,
            "job_metrics": job.metrics,
        } | inspection.versions(container)

    def _collect(self, job: Job, request: JobRequest, metadata: Metadata) -> None:
        """Match files with patterns and publish them; nothing else of the volume is looked at."""
        volume = self._volumes.of(job.id)
        root = volume.execution if job.phase is Phase.EXECUTE else volume.workspace
        if job.phase is Phase.COMPILE or not root.exists():
            return
        if job.phase is Phase.EXECUTE:
            metadata["plan_sha256"] = plan.digest(volume.plan)
        matched, fresh = _match(root, job, volume)
        unmatched = [p for p in job.outputs if not any(matches(p, path) for path in matched)]
        metadata["unmatched_patterns"] = unmatched
        metadata["unmatched_outputs"] = fresh if unmatched else []
        if unmatched and fresh:
            metadata["hint"] = "Files that were written and match nothing: " + ", ".join(fresh)
        metadata["outputs"] = matched
        metadata["level4_excluded_files"] = self._trees.publish(job, request, root, matched)

    def _write(self, folder: Path, job: Job, metadata: Metadata) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as stream:
            log = cast(BinaryIO, stream)
            self._copy_logs(job, log)
            log.write(joblog.summary(metadata))
            _store(log, folder, "logs.txt")
            if job.stop not in {Stop.CANCELLED, Stop.ADMIN}:
                for workspace in self._trees.workspaces(job.workspace):
                    _store(log, workspace, f"metadata/{job.action}.log")
        if metadata["plan_sha256"]:
            write_atomic(folder / plan.NAME, plan.read_plan(self._volumes.of(job.id).plan))
        write_atomic(folder / RECORD, json.dumps(metadata, indent=2).encode())

    def _copy_logs(self, job: Job, target: BinaryIO) -> None:
        if job.phase is Phase.EXECUTE:
            name = container_name(job.id, Phase.COMPILE)
            joblog.copy_output(target, self._executor.logs(name))
        joblog.copy_output(target, self._executor.logs(job.container))


def _match(root: Path, job: Job, volume: Volume) -> tuple[dict[str, str], list[str]]:
    """Return the files that match, with their level, and the newer ones that match nothing."""
    since = volume.prepared_at or 0
    matched: dict[str, str] = {}
    fresh: list[str] = []
    for found in trees.scan(root):
        level = next((job.outputs[p] for p in job.outputs if matches(p, found.path)), None)
        if level is not None:
            matched[found.path] = level
        elif found.modified_ns > since and len(fresh) < MAX_HINTS:
            fresh.append(found.path)
    return dict(sorted(matched.items())), sorted(fresh)


def _store(stream: BinaryIO, root: Path, path: str) -> None:
    stream.seek(0)
    root.mkdir(parents=True, exist_ok=True)
    trees.write_beneath(root, path, stream)


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
    if metadata["unmatched_patterns"]:
        return StatusCode.UNMATCHED_PATTERNS, Reason.NONE
    withheld = metadata["level4_excluded_files"]
    return StatusCode.SUCCEEDED, Reason.WITHHELD if withheld else Reason.NONE


def _exit_reason(job: Job, status: ContainerStatus) -> Reason:
    if status.out_of_memory:
        return Reason.OUT_OF_MEMORY
    known = DATABASE_EXITS.get(status.exit_code or 0, Reason.NONE)
    return known if job.requires_db else Reason.NONE


def outcome(metadata: Metadata, folder: Path) -> Outcome:
    """Return what the store keeps of a record in `folder`."""
    record = open_beneath(folder, RECORD)
    with record:
        digest = sha256_file(record)
    return Outcome(
        code=StatusCode(metadata["status_code"]),
        reason=Reason(metadata["reason"]),
        unmatched=metadata["unmatched_patterns"],
        files=metadata["outputs"],
        run_record=digest,
    )
