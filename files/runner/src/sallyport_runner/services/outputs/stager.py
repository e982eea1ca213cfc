"""Outputs of a volume, one by one: read once, checked where people may review them, staged."""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass

from sallyport_common.manifests import Output
from sallyport_common.outputs import PrivacyLevel
from sallyport_common.paths import CHUNK
from sallyport_common.redaction import Redactor
from sallyport_disclosure.engine import check_file
from sallyport_disclosure.findings import Finding, Severity, Verdict
from sallyport_disclosure.policy import Policy
from sallyport_runner.models import Job, JobRequest
from sallyport_runner.services.outputs.faults import READING, FileFault
from sallyport_runner.services.outputs.folders import Folders, open_file, split
from sallyport_runner.services.outputs.scan import is_plain
from sallyport_runner.services.outputs.staging import EMPTY, Staged, Staging

log = logging.getLogger(__name__)
MAX_NAME = 255
"""Bytes of a file's name that Linux file systems take."""
NOTE = ".txt"
"""Follows the name of a withheld file in the name of the note that says why."""


@dataclass
class Item:
    """One output: its path as it is shown, and what is staged of it for each tree.

    What is not staged for the high tree is in neither, and `reasons` has a sentence for that, as
    for a moderately sensitive file that is not staged for the medium tree.
    """

    path: str
    level: PrivacyLevel
    modified: float = 0.0
    high: Staged | None = None
    medium: Staged | None = None
    note: Staged | None = None
    reasons: tuple[str, ...] = ()
    rows: int | None = None
    columns: int | None = None

    def entry(self, job: Job, request: JobRequest) -> Output:
        """Return the entry of the manifest; a file that is in no tree has no bytes there."""
        return Output(
            level=self.level,
            job_id=job.id,
            job_request=job.request_id,
            action=job.action,
            user=request.created_by,
            repo=request.repo,
            commit=request.sha,
            size=self.high.size if self.high else 0,
            timestamp=self.modified,
            content_hash=self.high.sha256 if self.high else EMPTY,
            excluded=bool(self.reasons),
            message=" ".join(self.reasons) or None,
            row_count=self.rows,
            col_count=self.columns,
        )


class Stager:
    """Stages the outputs in `folders`; a fault of one is in the item that stands for it."""

    def __init__(
        self,
        policy: Policy,
        redactor: Redactor,
        folders: Folders,
        high: Staging,
        medium: Staging,
    ) -> None:
        """Withhold from the medium tree what has a secret that `redactor` knows."""
        self._policy, self._redactor, self._folders = policy, redactor, folders
        self._high, self._medium = high, medium

    def stage(self, path: str, item: Item) -> None:
        """Stage the file at `path`, which may have a name that `item` only shows."""
        try:
            if not is_plain(path):
                raise FileFault(
                    "Its name has a backslash or a character that is not printable; change it."
                )
            self._take(item)
        except FileFault as fault:
            item.reasons = (str(fault),)
        if item.reasons and item.level is PrivacyLevel.MODERATE:
            with contextlib.suppress(FileFault):
                item.note = stage_note(self._medium, item)

    def _take(self, item: Item) -> None:
        """Read, check and copy by one descriptor."""
        with READING:
            parts, name = split(item.path)
            handle = open_file(self._folders.get(parts), name)
        try:
            item.modified = os.fstat(handle).st_mtime
            reviewed = item.level is PrivacyLevel.MODERATE
            limit = self._policy.max_bytes if reviewed else CHUNK
            with READING:
                data = _read(handle, limit + 1)
            item.high = self._high.write(data) if len(data) <= limit else self._high.copy(handle)
            if reviewed:
                self._review(item, data)
        finally:
            os.close(handle)

    def _review(self, item: Item, data: bytes) -> None:
        """Stage the very bytes that pass for the medium tree."""
        verdict = self._check(item.path, data)
        item.reasons = verdict.reasons
        item.rows, item.columns = verdict.rows, verdict.columns
        if not verdict.blocking:
            try:
                item.medium = self._medium.write(data)
            except FileFault as fault:
                item.reasons = (str(fault),)

    def _check(self, path: str, data: bytes) -> Verdict:
        if len(os.fsencode(path.rpartition("/")[2] + NOTE)) > MAX_NAME:
            # There would be no room for the note that says why a file is withheld.
            longest = MAX_NAME - len(NOTE)
            return _refused("NAME_TOO_LONG", f"the file's name has more than {longest} bytes")
        if self._redactor.finds(data):
            return _refused("HAS_SECRET", "the file has a password or key of the backend")
        try:
            return check_file(path, data, self._policy)
        except Exception:  # what cannot be judged is not shown, and the other files are
            log.exception("the checks failed on an output")
            return _refused("CHECK_FAILED", "the checks failed on this file")


def stage_note(medium: Staging, item: Item) -> Staged:
    """Stage the note that is put in the medium tree in place of a withheld file."""
    text = f"This file was not copied here. {' '.join(item.reasons)}\n"
    return medium.write(text.encode())


def _refused(code: str, message: str) -> Verdict:
    return Verdict((Finding(code, Severity.BLOCK, message),))


def _read(handle: int, most: int) -> bytes:
    """Return the first `most` bytes, or all where there are fewer."""
    blocks = []
    while most and (block := os.read(handle, min(most, CHUNK + 1))):
        blocks.append(block)
        most -= len(block)
    return b"".join(blocks)
