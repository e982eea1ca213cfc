"""What jobs that ended left on disk: the record of each, and the present outputs of an action."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from sallyport_common.manifests import ManifestError, Output
from sallyport_common.paths import UnsafePathError, open_beneath
from sallyport_common.protocol import StatusCode
from sallyport_records import keys, runs
from sallyport_runner.models import Job, Metadata
from sallyport_runner.services.outputs.manifest import Manifest
from sallyport_runner.settings import Settings

RECORD = "metadata.json"
RUN_RECORD = "run_record.json"
"""The full run record, beside the log of the job."""
_PREFIX = "os-job-"


class Archive:
    """Reads the logs of the high tree and the manifests of the medium tree."""

    def __init__(self, settings: Settings) -> None:
        self.logs = settings.high_privacy_storage_base / "logs"
        self._high = settings.high_privacy_storage_base / "workspaces"
        self._medium = settings.medium_privacy_storage_base / "workspaces"
        pem = settings.record_signing_key.reveal().encode()
        self._trusted = [keys.load_private(pem).public_key()] if pem else []

    @staticmethod
    def place(job: Job) -> str:
        """Return where, below `logs`, the record and the log of a job are."""
        return f"{job.created_at[:7]}/os-job-{job.id}"

    def folder(self, job: Job) -> Path:
        """Return the folder for the record and the log of a job, which may not exist yet."""
        return self.logs / self.place(job)

    def folders(self, since: str = "") -> dict[str, list[Path]]:
        """Return the folders of each job by its id, newest first; `since` is a time in wire form.

        The names of each month are read once, and no folder is looked into. Months before that of
        `since` are left out.
        """
        found: dict[str, list[Path]] = {}
        for month in self._months():
            for folder in month.iterdir() if month.name >= since[:7] else ():
                if folder.name.startswith(_PREFIX):
                    found.setdefault(folder.name.removeprefix(_PREFIX), []).append(folder)
        return found

    def _months(self) -> list[Path]:
        """Return the folders of all months, newest first."""
        return sorted(self.logs.iterdir(), reverse=True) if self.logs.exists() else []

    def record(self, job_id: str) -> tuple[Metadata, Path] | None:
        """Return the newest record of a job and its folder; None when it was never finalised."""
        return newest(month / f"{_PREFIX}{job_id}" for month in self._months())

    def confirmed(self, folder: Path) -> bool:
        """Return whether a run record with the key of this backend vouches for `metadata.json`."""
        try:
            raw = (folder / RECORD).read_bytes()
            record = runs.verify((folder / RUN_RECORD).read_bytes(), self._trusted)
        except (OSError, runs.RunRecordError):
            return False
        is_of_job = folder.name == f"{_PREFIX}{record.job}"
        return is_of_job and record.byproducts.get(RECORD) == hashlib.sha256(raw).hexdigest()

    def manifest(self, workspace: str) -> Mapping[str, Output]:
        """Return the entries of a workspace's manifest; none where it cannot be read."""
        try:
            return Manifest(self._medium / workspace, workspace).outputs
        except (OSError, ManifestError):
            return {}

    def stored(self, workspace: str, path: str, size: int) -> bool:
        """Return whether the high tree has a file of `size` bytes at a path of a workspace."""
        try:
            with open_beneath(self._high / workspace, path) as stream:
                return os.fstat(stream.fileno()).st_size == size
        except (OSError, UnsafePathError):
            return False

    def outputs_of(self, workspace: str, job_id: str) -> list[str]:
        """Return the paths of what a job of a workspace made; none unless it succeeded."""
        found = self.record(job_id)
        if found is None or found[0].get("workspace") != workspace:
            return []
        succeeded = found[0].get("status_code") == StatusCode.SUCCEEDED
        return list(found[0]["outputs"]) if succeeded else []

    def files(self, workspace: str) -> frozenset[str]:
        """Return the paths of all outputs that a workspace has."""
        return frozenset(Manifest(self._medium / workspace, workspace).outputs)

    def outputs(self, workspace: str, action: str) -> dict[str, str]:
        """Return path and level of an action's present outputs.

        There are none unless signed records say that every job which made one succeeded.
        """
        current = {
            path: entry
            for path, entry in self.manifest(workspace).items()
            if entry.action == action and not entry.out_of_date_output
        }
        kept: set[str] = set()
        for maker in {entry.job_id for entry in current.values()}:
            found = self.record(maker)
            if found is None or found[0].get("status_code") != StatusCode.SUCCEEDED:
                return {}
            if not self.confirmed(found[1]):
                return {}
            kept |= found[0]["outputs"].keys()
        return {path: entry.level for path, entry in current.items() if path in kept}


def newest(folders: Iterable[Path]) -> tuple[Metadata, Path] | None:
    """Return the first record in some folders, which may not exist, and the folder that has it."""
    for folder in folders:
        metadata = read_record(folder)
        if metadata is not None:
            return metadata, folder
    return None


def read_record(folder: Path) -> Metadata | None:
    """Return the record in a folder; None when it is missing or incomplete."""
    try:
        return dict(json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
