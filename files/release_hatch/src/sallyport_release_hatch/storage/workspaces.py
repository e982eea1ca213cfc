"""The medium-privacy workspaces that the runner writes: read here, never written."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sallyport_common.manifests import ManifestError, Output, WorkspaceManifest, workspace
from sallyport_common.names import WORKSPACE
from sallyport_common.outputs import MAX_FILE_BYTES, METADATA_FOLDER, PrivacyLevel
from sallyport_common.paths import UnsafePathError, check_relative, open_beneath
from sallyport_common.problems import NotFoundError, UnavailableError
from sallyport_release_hatch.models import WorkspaceFile

LOG_PART = 256 * 1024
"""Bytes of a log that are read at once, from its end or its beginning."""
LATEST = 1e11
"""Seconds since 1970 of the latest time that can be shown, some 3,000 years from now."""
HIDDEN_ROOTS = {"releases", METADATA_FOLDER}


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
        folders = (path.parents[1] for path in self._root.glob(f"*/{workspace.FILE}"))
        return sorted(folder.name for folder in folders if WORKSPACE.fullmatch(folder.name))

    def index(self, name: str) -> list[WorkspaceFile]:
        """Return the outputs of a workspace by name, withheld ones included, stale ones not.

        Raises NotFoundError, and UnavailableError where the manifest cannot be read.
        """
        outputs = self._manifest(name).outputs.items()
        files = [_file(path, output) for path, output in outputs if _is_shown(path, output)]
        return sorted(files, key=lambda file: file.name)

    def find(self, name: str, path: str) -> WorkspaceFile:
        """Return one file of the index that can be read, or raise NotFoundError."""
        for file in self.index(name):
            if file.name == path and not file.excluded:
                return file
        raise NotFoundError(f"File {path} not found in workspace {name}")

    def read(self, name: str, file: WorkspaceFile) -> bytes:
        """Return the bytes of an indexed file, if they are what the index says."""
        data = self._bytes(name, file.name, MAX_FILE_BYTES)
        if data is None or hashlib.sha256(data).hexdigest() != file.sha256:
            raise NotFoundError(
                f"File {file.name} not found in workspace {name} as its manifest describes it"
            )
        return data

    def logs(self, name: str) -> list[str]:
        """Return the actions that left a log."""
        self._manifest(name)
        return sorted(path.stem for path in (self._root / name / METADATA_FOLDER).glob("*.log"))

    def log(self, name: str, action: str, *, beginning: bool = False) -> Log:
        """Return the end of an action's log, or its beginning; raise NotFoundError."""
        try:
            with open_beneath(self._root, f"{name}/{METADATA_FOLDER}/{action}.log") as stream:
                size = os.fstat(stream.fileno()).st_size
                stream.seek(0 if beginning else max(0, size - LOG_PART))
                data = stream.read(LOG_PART)
        except (OSError, UnsafePathError):
            raise NotFoundError(f"There is no log of {action} in workspace {name}") from None
        return Log(data.decode("utf-8", "replace"), size, complete=size <= LOG_PART)

    def _manifest(self, name: str) -> WorkspaceManifest:
        data = None
        if WORKSPACE.fullmatch(name):
            data = self._bytes(name, workspace.FILE, workspace.LONGEST)
        if data is None:
            raise NotFoundError(f"Workspace {name} not found")
        try:
            return WorkspaceManifest.from_json(data)
        except ManifestError as error:
            raise UnavailableError(
                f"The outputs of workspace {name} cannot be shown. {error} Ask an administrator of "
                "this backend: the runner and the release hatch may be of different versions."
            ) from error

    def _bytes(self, name: str, path: str, limit: int) -> bytes | None:
        try:
            with open_beneath(self._root, f"{name}/{path}") as stream:
                data = stream.read(limit + 1)
        except (OSError, UnsafePathError):
            return None
        return data if len(data) <= limit else None


def _is_shown(path: str, output: Output) -> bool:
    """Return whether people at this level may see an output."""
    if output.level is not PrivacyLevel.MODERATE or output.out_of_date_output:
        return False
    try:
        return check_relative(path).parts[0] not in HIDDEN_ROOTS and path.isprintable()
    except UnsafePathError:
        return False


def _file(path: str, output: Output) -> WorkspaceFile:
    return WorkspaceFile(
        name=path,
        size=output.size,
        sha256=output.content_hash,
        date=_date(output.timestamp),
        job_id=output.job_id,
        commit=output.commit,
        excluded=output.excluded,
        message=output.message or "",
        stale=output.out_of_date_action,
    )


def _date(moment: float) -> str:
    """Return the time of a file's last change, which its job may have set to anything."""
    usable = 0 <= moment < LATEST
    return datetime.fromtimestamp(moment if usable else 0, UTC).isoformat()
