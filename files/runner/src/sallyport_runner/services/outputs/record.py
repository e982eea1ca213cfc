"""The run record of a job that ended: a full one for the high tree, and a copy for reviewers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sallyport_common.outputs import PrivacyLevel
from sallyport_common.versions import package_version
from sallyport_records import keys, runs
from sallyport_records.runs import Container, File, Reused, RunRecord
from sallyport_runner.models import Job, Metadata
from sallyport_runner.services.outputs import inputs
from sallyport_runner.services.outputs.archive import RUN_RECORD
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.settings import Settings


@dataclass(frozen=True)
class Signed:
    """The contents of both files."""

    full: bytes
    shown: bytes


class RunRecords:
    """Writes records with the key of this backend; with an empty one none, as in local runs."""

    def __init__(self, settings: Settings, volumes: Volumes) -> None:
        pem = settings.record_signing_key.reveal().encode()
        self._private = keys.load_private(pem) if pem else None
        self._backend, self._volumes = settings.backend, volumes
        self._version = package_version("sallyport-runner")

    def sign(
        self,
        job: Job,
        metadata: Metadata,
        containers: Mapping[str, Container],
        log: str,
        byproducts: Mapping[str, str],
    ) -> Signed | None:
        """Return the records of a job; `log` and `byproducts` are SHA-256 digests."""
        if self._private is None:
            return None
        record = replace(
            self._describe(job, metadata, log),
            containers=dict(containers),
            byproducts=dict(byproducts),
        )
        full = runs.sign(record, self._private)
        shown = for_review(record, metadata["level4_excluded_files"], full)
        return Signed(full, runs.sign(shown, self._private))

    def _describe(self, job: Job, metadata: Metadata, log: str) -> RunRecord:
        exit_code, levels = metadata["exit_code"], metadata["outputs"]
        return RunRecord(
            job=job.id,
            attempt=job.attempt,
            epoch=job.epoch,
            status=metadata["status_code"],
            exit_code=int(exit_code) if exit_code.isdecimal() else None,
            started=job.started_at or job.created_at,
            finished=metadata["completed_at"],
            backend=self._backend,
            runner=self._version,
            request=job.request_id,
            user=metadata["user"],
            workspace=job.workspace,
            action=job.action,
            run=job.run_command,
            database=metadata["database_name"],
            repo=metadata["repo"],
            branch=metadata["branch"],
            commit=metadata["commit"],
            reused=Reused(**job.origin) if job.origin else None,
            image=job.image,
            log=log,
            containers={},
            inputs=inputs.kept(self._volumes.of(job.id)),
            outputs={
                path: File(level=PrivacyLevel(levels[path]), sha256=sha256)
                for path, sha256 in metadata["outputs_sha256"].items()
            },
        )


def for_review(record: RunRecord, withheld: Mapping[str, str], full: bytes) -> RunRecord:
    """Return what reviewers may see of a record: the outputs that are in their tree.

    Inputs and other outputs are left out, for their names may be those of highly sensitive files;
    the digest of the full record says which one this is a part of.
    """
    shown = {
        path: file
        for path, file in record.outputs.items()
        if file.level is PrivacyLevel.MODERATE and path not in withheld
    }
    return replace(record, inputs={}, outputs=shown, byproducts={RUN_RECORD: runs.digest(full)})
