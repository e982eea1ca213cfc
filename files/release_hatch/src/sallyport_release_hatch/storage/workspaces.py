"""The medium-privacy workspaces that the runner writes: read here, never written."""

from __future__ import annotations

import hashlib
import math
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sallyport_common.manifests import WORKSPACE_MANIFEST, ManifestError, read_object
from sallyport_common.outputs import MAX_FILE_BYTES
from sallyport_common.paths import UnsafePathError, check_relative, open_beneath
from sallyport_release_hatch.models import NotFoundError, WorkspaceFile

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
DIGEST = re.compile(r"[0-9a-f]{64}")
LONGEST_MANIFEST = 64 * 1024 * 1024
LOG_PART = 256 * 1024
"""Bytes of a log that are read at once, from its end or its beginning."""
HIDDEN_ROOTS = {"releases", "metadata"}


@dataclass(frozen=True)
class Log:
    """A part of a log, which has `size` bytes; `complete` where the part is all of it."""

    text: str
    size: int
    complete: bool


class Workspaces:
    """Workspaces below one folder; only what a manifest lists can be read."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def check(self) -> None:
        """Raise when the folder cannot be listed."""
        next(self._root.iterdir(), None)

    def names(self) -> list[str]:
        """Return the names of all workspaces that have a manifest."""
        folders = (path.parents[1] for path in self._root.glob(f"*/{WORKSPACE_MANIFEST}"))
        return sorted(folder.name for folder in folders if NAME.fullmatch(folder.name))

    def index(self, workspace: str) -> list[WorkspaceFile]:
        """Return the outputs of a workspace by name, refused ones included, stale ones not."""
        outputs = self._manifest(workspace).get("outputs")
        entries = outputs.items() if isinstance(outputs, dict) else ()
        found = [_entry(name, entry) for name, entry in entries if isinstance(entry, dict)]
        return sorted((file for file in found if file), key=lambda file: file.name)

    def find(self, workspace: str, name: str) -> WorkspaceFile:
        """Return one file of the index that can be read, or raise NotFoundError."""
        for file in self.index(workspace):
            if file.name == name and not file.excluded:
                return file
        raise NotFoundError(f"File {name} not found in workspace {workspace}")

    def read(self, workspace: str, file: WorkspaceFile) -> bytes:
        """Return the bytes of an indexed file, if they are what the index says."""
        data = self._bytes(workspace, file.name, MAX_FILE_BYTES)
        if data is None or hashlib.sha256(data).hexdigest() != file.sha256:
            raise NotFoundError(
                f"File {file.name} not found in workspace {workspace} as its manifest describes it"
            )
        return data

    def logs(self, workspace: str) -> list[str]:
        """Return the actions that left a log."""
        self._manifest(workspace)
        return sorted(path.stem for path in (self._root / workspace / "metadata").glob("*.log"))

    def log(self, workspace: str, action: str, *, beginning: bool = False) -> Log:
        """Return the end of an action's log, or its beginning; raise NotFoundError."""
        try:
            with open_beneath(self._root, f"{workspace}/metadata/{action}.log") as stream:
                size = os.fstat(stream.fileno()).st_size
                stream.seek(0 if beginning else max(0, size - LOG_PART))
                data = stream.read(LOG_PART)
        except (OSError, UnsafePathError):
            raise NotFoundError(f"There is no log of {action} in workspace {workspace}") from None
        return Log(data.decode("utf-8", "replace"), size, complete=size <= LOG_PART)

    def _manifest(self, workspace: str) -> dict[str, Any]:
        data = None
        if NAME.fullmatch(workspace):
            data = self._bytes(workspace, WORKSPACE_MANIFEST, LONGEST_MANIFEST)
        try:
            return read_object(data or b"", LONGEST_MANIFEST)
        except ManifestError:
            raise NotFoundError(f"Workspace {workspace} not found") from None

    def _bytes(self, workspace: str, name: str, limit: int) -> bytes | None:
        try:
            with open_beneath(self._root, f"{workspace}/{name}") as stream:
                data = stream.read(limit + 1)
        except (OSError, UnsafePathError):
            return None
        return data if len(data) <= limit else None


def _entry(name: str, entry: dict[str, Any]) -> WorkspaceFile | None:
    """Return an output that people at this level may see, or nothing."""
    if entry.get("level") != "moderately_sensitive" or entry.get("out_of_date_output"):
        return None
    try:
        if check_relative(name).parts[0] in HIDDEN_ROOTS:
            return None
    except UnsafePathError:
        return None
    size, digest, moment = entry.get("size"), entry.get("content_hash"), entry.get("timestamp")
    excluded = bool(entry.get("excluded"))
    known = isinstance(digest, str) and DIGEST.fullmatch(digest)
    if not excluded and not (known and isinstance(size, int)):
        return None
    return WorkspaceFile(
        name=name,
        size=size if isinstance(size, int) else 0,
        sha256=str(digest or ""),
        date=_date(moment),
        job_id=str(entry.get("job_id") or ""),
        commit=str(entry.get("commit") or ""),
        excluded=excluded,
        message=str(entry.get("message") or ""),
        stale=bool(entry.get("out_of_date_action")),
    )


def _date(moment: Any) -> str:
    usable = isinstance(moment, int | float) and math.isfinite(moment) and 0 <= moment < 1e11
    return datetime.fromtimestamp(moment if usable else 0, UTC).isoformat()
