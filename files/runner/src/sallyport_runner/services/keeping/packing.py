"""A tree of plain files as one compressed tar file, and back; each file by its digest."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

from sallyport_common.errors import SallyportError
from sallyport_common.paths import sha256_file
from sallyport_runner.services.outputs.folders import Folders, open_file, split
from sallyport_runner.services.outputs.trees import write_beneath

LEVEL = 1
"""Of gzip: outputs are large tables, and a higher level takes far longer for little."""


class PackingError(SallyportError):
    """A tree cannot be packed, or an archive is not what its list says."""


class _Hashed:
    """A file that is read once, and its digest."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self._digest = source, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        data = self._source.read(size)
        self._digest.update(data)
        return data

    def sha256(self) -> str:
        """Return the digest of what was read, in hexadecimal."""
        return self._digest.hexdigest()


def files_of(root: Path) -> list[str]:
    """Return the paths of all files of a tree; raise PackingError for links and other kinds."""
    found: list[str] = []
    pending = [root] if root.exists() else []
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    found.append(str(Path(entry.path).relative_to(root)))
                else:
                    raise PackingError(f"{entry.path} is a link or not a file; remove it first.")
    return sorted(found)


def pack(root: Path, target: Path) -> dict[str, str]:
    """Pack all files of a tree, flushed to disk; return the SHA-256 of each by path."""
    digests: dict[str, str] = {}
    paths = files_of(root)
    with target.open("xb") as stream:
        with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=LEVEL) as tar:
            for path in paths:
                digests[path] = _add(tar, root, path)
        stream.flush()
        os.fsync(stream.fileno())
    return digests


def _add(tar: tarfile.TarFile, root: Path, path: str) -> str:
    parts, name = split(path)
    with Folders(root) as folders:
        handle = open_file(folders.get(parts), name)
    with os.fdopen(handle, "rb") as source:
        status, entry, hashed = os.fstat(handle), tarfile.TarInfo(path), _Hashed(source)
        entry.size, entry.mtime, entry.mode = status.st_size, status.st_mtime, 0o640
        tar.addfile(entry, cast(BinaryIO, hashed))
    return hashed.sha256()


def _members(
    source: Path, expected: Mapping[str, str]
) -> Iterator[tuple[tarfile.TarInfo, BinaryIO]]:
    """Yield the files of an archive; raise PackingError unless they are those expected."""
    seen = set()
    with tarfile.open(source, "r:gz") as tar:
        for entry in tar:
            stream = tar.extractfile(entry) if entry.isreg() else None
            if stream is None or entry.name not in expected:
                raise PackingError(f"{source.name} has something that its list does not name.")
            seen.add(entry.name)
            yield entry, cast(BinaryIO, stream)
    if seen != expected.keys():
        raise PackingError(f"{source.name} lacks files that its list names.")


def _same(source: Path, entry: tarfile.TarInfo, sha256: str, expected: Mapping[str, str]) -> None:
    if sha256 != expected[entry.name]:
        raise PackingError(f"{source.name} has other bytes of {entry.name} than its list says.")


def verify(source: Path, expected: Mapping[str, str]) -> None:
    """Read an archive back; raise PackingError unless each file has its digest."""
    try:
        for entry, stream in _members(source, expected):
            hashed = _Hashed(stream)
            while hashed.read(1 << 20):
                pass
            _same(source, entry, hashed.sha256(), expected)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise PackingError(f"{source.name} cannot be read: {error}.") from error


def unpack(source: Path, root: Path, expected: Mapping[str, str]) -> None:
    """Write the files of an archive below an empty folder; raise PackingError, and OSError."""
    try:
        for entry, stream in _members(source, expected):
            _same(source, entry, write_beneath(root, entry.name, stream).sha256, expected)
            os.utime(root / entry.name, (entry.mtime, entry.mtime), follow_symlinks=False)
    except (tarfile.TarError, EOFError) as error:
        raise PackingError(f"{source.name} cannot be read: {error}.") from error


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return sha256_file(stream)
