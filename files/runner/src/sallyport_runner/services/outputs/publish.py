"""Outputs on their way into the two privacy trees."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

from sallyport_common.manifests import Output
from sallyport_common.outputs import PrivacyLevel
from sallyport_common.paths import open_beneath
from sallyport_disclosure.engine import check_file
from sallyport_disclosure.findings import Finding, Severity, Verdict
from sallyport_runner.models import Job, JobRequest
from sallyport_runner.services.outputs import trees
from sallyport_runner.services.outputs.manifest import Manifest
from sallyport_runner.settings import Settings

log = logging.getLogger(__name__)
MAX_NAME = 255
"""Bytes of a file's name that Linux file systems take."""


class PrivacyTrees:
    """Copies outputs to the high tree, and what may be reviewed to the medium tree."""

    def __init__(self, settings: Settings) -> None:
        self._high = settings.high_privacy_storage_base / "workspaces"
        self._medium = settings.medium_privacy_storage_base / "workspaces"
        self._policy = settings.output_policy

    def workspaces(self, workspace: str) -> tuple[Path, Path]:
        """Return the high and the medium folder of a workspace, which exist afterwards."""
        folders = self._high / workspace, self._medium / workspace
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        return folders

    def remove_partial(self) -> None:
        """Remove what copies left that were cut off; for the start, when nothing is copied."""
        for folder in (self._high, self._medium):
            if folder.exists() and (number := trees.remove_partial(folder)):
                log.warning("incomplete copies removed", extra={"number": number})

    def publish(
        self, job: Job, request: JobRequest, root: Path, matched: dict[str, str]
    ) -> dict[str, str]:
        """Copy the matched files of a volume; return why some were withheld, by path."""
        high, medium = self.workspaces(job.workspace)
        manifest = Manifest(medium, job.workspace)
        entries: dict[str, Output] = {}
        for path, level in matched.items():
            with open_beneath(root, path) as stream:
                modified = os.fstat(stream.fileno()).st_mtime
                copied = trees.write_beneath(high, path, stream)
            checked = self._review(high, medium, path, level, manifest)
            entries[path] = Output(
                level=PrivacyLevel(level),
                job_id=job.id,
                job_request=job.request_id,
                action=job.action,
                user=request.created_by,
                repo=request.repo,
                commit=request.sha,
                size=copied.size,
                timestamp=modified,
                content_hash=copied.sha256,
                excluded=bool(checked.blocking),
                message=" ".join(checked.reasons) or None,
                row_count=checked.rows,
                col_count=checked.columns,
            )
        manifest.record(job.action, entries)
        manifest.flag_actions(request.actions or [job.action])
        manifest.save()
        return {path: str(entry.message) for path, entry in entries.items() if entry.excluded}

    def _review(
        self, high: Path, medium: Path, path: str, level: str, manifest: Manifest
    ) -> Verdict:
        """Check a file of the high tree and copy the very bytes that passed, or withdraw it."""
        note = f"{path}.txt"
        if level == PrivacyLevel.MODERATE and len(os.fsencode(Path(note).name)) > MAX_NAME:
            # There would be no room for the note that says why a file is withheld.
            trees.remove_beneath(medium, path)
            message = f"the file's name has more than {MAX_NAME - 4} bytes"
            return Verdict((Finding("NAME_TOO_LONG", Severity.BLOCK, message),))
        if level != PrivacyLevel.MODERATE:
            trees.remove_beneath(medium, path)
            return Verdict()
        with open_beneath(high, path) as stream:
            data = stream.read(self._policy.max_bytes + 1)
        checked = check_file(path, data, self._policy)
        if checked.blocking:
            trees.remove_beneath(medium, path)
            text = f"This file was not copied here. {' '.join(checked.reasons)}\n"
            trees.write_beneath(medium, note, io.BytesIO(text.encode()))
            return checked
        trees.write_beneath(medium, path, io.BytesIO(data))
        if note not in manifest.outputs:
            trees.remove_beneath(medium, note)
        return checked
