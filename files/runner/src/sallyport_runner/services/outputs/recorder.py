"""What is written down about a job that ended: its log, then the record as the mark of all."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from sallyport_common.outputs import METADATA_FOLDER
from sallyport_common.paths import sha256_file
from sallyport_common.redaction import Redactor
from sallyport_records import runs
from sallyport_records.runs import Container
from sallyport_runner.models import Job, Metadata, Phase, container_name
from sallyport_runner.services.executor import Executor
from sallyport_runner.services.outputs import joblog, plan
from sallyport_runner.services.outputs.archive import RECORD, RUN_RECORD, Archive
from sallyport_runner.services.outputs.disk import flush
from sallyport_runner.services.outputs.faults import WRITING, FileFault, Needed
from sallyport_runner.services.outputs.folders import Folders
from sallyport_runner.services.outputs.publish import PrivacyTrees
from sallyport_runner.services.outputs.record import RunRecords, Signed
from sallyport_runner.services.outputs.staging import Staging
from sallyport_runner.services.outputs.volumes import Volumes

logger = logging.getLogger(__name__)
LOG = "logs.txt"


class Recorder:
    """Writes logs and records; raises TransientError where all of it has to be repeated."""

    def __init__(
        self,
        archive: Archive,
        executor: Executor,
        volumes: Volumes,
        privacy_trees: PrivacyTrees,
        records: RunRecords,
        redactor: Redactor,
    ) -> None:
        self._archive, self._executor = archive, executor
        self._volumes, self._trees, self._records = volumes, privacy_trees, records
        self._redactor = redactor

    def write(self, job: Job, metadata: Metadata, containers: Mapping[str, Container]) -> None:
        """Write log and records to the folder of the job, and the log to both workspaces.

        The medium workspace gets the run record for reviewers as well. None has a secret of this
        backend, although a job's own program may know and print one.
        """
        metadata = self._redactor.value(metadata)
        with Needed("no folder for logs"):
            self._archive.logs.mkdir(parents=True, exist_ok=True)
        place = self._archive.place(job)
        with self._trees.staging(job) as (high, medium), ExitStack() as stack:
            folders = stack.enter_context(Folders(self._archive.logs))
            shown = [
                (staging, stack.enter_context(Folders(root)))
                for staging, root in zip((high, medium), self._roots(job), strict=False)
            ]
            with high.file() as (log, stream):
                self._write_log(job, metadata, stream)
                copies = [self._copy(stream, staging) for staging, _workspace in shown]
                digest = sha256_file(stream)
            files = self._contents(job, metadata)
            signed = self._sign(job, metadata, containers, digest, files)
            with Needed("no record"):
                staged = {name: high.write(content).name for name, content in files.items()}
                mark, for_review = staged.pop(RECORD), signed and medium.write(signed.shown)
                flush(high, medium)
                for name, one in {LOG: log, **staged}.items():
                    folders.place(high.handle, one, f"{place}/{name}")
                for copied, (staging, workspace) in zip(copies, shown, strict=True):
                    self._show(job, copied, staging, workspace)
                if for_review and shown:
                    target = f"{runs.FOLDER}/{job.id}.json"
                    shown[-1][1].place(medium.handle, for_review.name, target)
                flush(folders, *(workspace for _staging, workspace in shown))
                folders.place(high.handle, mark, f"{place}/{RECORD}")
                flush(folders)

    def _roots(self, job: Job) -> tuple[Path, ...]:
        """Return the workspaces that get the log, the high one first."""
        return () if job.stop.by_hand else self._trees.workspaces(job.workspace)

    def _contents(self, job: Job, metadata: Metadata) -> dict[str, bytes]:
        """Return what is kept beside the log, by name."""
        files = {}
        if metadata["plan_sha256"]:
            with Needed("no record"):
                files[plan.NAME] = plan.read_plan(self._volumes.of(job.id).plan)
        return files | {RECORD: json.dumps(metadata, indent=2).encode()}

    def _sign(
        self,
        job: Job,
        metadata: Metadata,
        containers: Mapping[str, Container],
        log: str,
        files: dict[str, bytes],
    ) -> Signed | None:
        """Sign the run records, and put the full one among the files."""
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        signed = self._records.sign(job, metadata, containers, log, digests)
        if signed:
            files[RUN_RECORD] = signed.full
        return signed

    def _write_log(self, job: Job, metadata: Metadata, stream: BinaryIO) -> None:
        with Needed("no log"):
            log = io.BufferedWriter(cast(io.RawIOBase, stream))
            if job.phase is Phase.EXECUTE:
                name = container_name(job.id, Phase.COMPILE)
                joblog.copy_output(log, self._redactor.stream(self._executor.logs(name)))
            joblog.copy_output(log, self._redactor.stream(self._executor.logs(job.container)))
            log.write(joblog.summary(metadata))
            log.detach()

    def _copy(self, log: BinaryIO, staging: Staging) -> str:
        with Needed("no log in the workspace"):
            return staging.copy(log.fileno()).name

    def _show(self, job: Job, copied: str, source: Staging, workspace: Folders) -> None:
        """Give a copy of the log its name in a workspace, where that is possible."""
        try:
            with WRITING:
                workspace.place(source.handle, copied, f"{METADATA_FOLDER}/{job.action}.log")
        except FileFault as fault:  # an action's name may be too long for a file
            extra = {"job": job.id, "fault": str(fault)}
            logger.warning("no log in the workspace", extra=extra)
