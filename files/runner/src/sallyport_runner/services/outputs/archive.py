"""What jobs that ended left on disk: the record of each, and the present outputs of an action."""

from __future__ import annotations

import json
from pathlib import Path

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Job, Metadata
from sallyport_runner.services.outputs.manifest import Manifest
from sallyport_runner.settings import Settings

RECORD = "metadata.json"


class Archive:
    """Reads the logs of the high tree and the manifests of the medium tree."""

    def __init__(self, settings: Settings) -> None:
        self.logs = settings.high_privacy_storage_base / "logs"
        self._medium = settings.medium_privacy_storage_base / "workspaces"

    @staticmethod
    def place(job: Job) -> str:
        """Return where, below `logs`, the record and the log of a job are."""
        return f"{job.created_at[:7]}/os-job-{job.id}"

    def folder(self, job: Job) -> Path:
        """Return the folder for the record and the log of a job, which may not exist yet."""
        return self.logs / self.place(job)

    def record(self, job_id: str) -> tuple[Metadata, Path] | None:
        """Return the newest record of a job and its folder; None when it was never finalised."""
        for path in sorted(self.logs.glob(f"*/os-job-{job_id}/{RECORD}"), reverse=True):
            metadata = read_record(path.parent)
            if metadata is not None:
                return metadata, path.parent
        return None

    def outputs(self, workspace: str, action: str) -> dict[str, str]:
        """Return path and level of an action's present outputs; none unless its run succeeded."""
        manifest = Manifest(self._medium / workspace, workspace)
        current = {
            path: entry
            for path, entry in manifest.outputs.items()
            if entry.action == action and not entry.out_of_date_output
        }
        kept: set[str] = set()
        for maker in {entry.job_id for entry in current.values()}:
            found = self.record(maker)
            if found is None or found[0].get("status_code") != StatusCode.SUCCEEDED:
                return {}
            kept |= found[0]["outputs"].keys()
        return {path: entry.level for path, entry in current.items() if path in kept}


def read_record(folder: Path) -> Metadata | None:
    """Return the record in a folder; None when it is missing or incomplete."""
    try:
        return dict(json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None
