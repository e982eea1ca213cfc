"""Files by hash: frozen copies of what is under review, and the tree of what was approved."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from sallyport_common.errors import SallyportError
from sallyport_common.manifests import ApprovedManifest, approved
from sallyport_common.paths import open_beneath, write_atomic


class DamagedFileError(SallyportError):
    """A stored file is gone or is not what its name says."""


class FrozenFiles:
    """Keeps `<workspace>/<request>/<sha256>`; what is read is checked against its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, workspace: str, request: str, data: bytes) -> str:
        """Keep bytes and return their SHA-256."""
        digest = hashlib.sha256(data).hexdigest()
        folder = self._folder / workspace / request
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / digest, data, 0o600)
        return digest

    def read(self, workspace: str, request: str, digest: str) -> bytes:
        """Return bytes that were kept; raise DamagedFileError if they are not the same any more."""
        try:
            with open_beneath(self._folder, f"{workspace}/{request}/{digest}") as stream:
                data = stream.read()
        except OSError:
            data = b""
        if hashlib.sha256(data).hexdigest() != digest:
            raise DamagedFileError(f"the frozen copy {digest[:12]} of {request} is damaged")
        return data

    def discard(self, workspace: str, request: str) -> None:
        """Forget the copies of a request that did not come about."""
        shutil.rmtree(self._folder / workspace / request, ignore_errors=True)


class ApprovedTree:
    """Hands approved requests over: each is one folder that appears at once and never changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, request: str) -> bool:
        """Return whether a request was handed over."""
        return (self._folder / request).exists()

    def add(self, manifest: ApprovedManifest, files: Mapping[str, bytes]) -> None:
        """Write manifest and files, by hash, and let them appear by one rename."""
        content = manifest.to_json()
        draft = self._folder / f".{manifest.request}.draft"
        shutil.rmtree(draft, ignore_errors=True)
        # The folder inherits the publisher's group from its parent, the files from the folder. Its
        # mode is set last: setting it drops the inheriting bit, which nothing needs from then on.
        draft.mkdir(mode=0o700)
        for digest, data in files.items():
            write_atomic(draft / digest, data, 0o640)
        write_atomic(draft / approved.FILE, content, 0o640)
        draft.chmod(0o750)
        _sync(draft)
        draft.rename(self._folder / manifest.request)
        _sync(self._folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
