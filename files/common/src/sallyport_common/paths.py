"""File names from outside and files we do not trust: no climbing, no links, no surprises."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from sallyport_common.errors import SallyportError

CHUNK = 1024 * 1024
_NOT_PARTS = frozenset({"", ".", ".."})


class UnsafePathError(SallyportError):
    """A name or file is refused: it climbs, hides, links or is not a regular file."""


def check_relative(name: str, *, hidden: bool = False) -> PurePosixPath:
    """Return a clean relative path, or raise UnsafePathError naming the rule that is broken."""
    return PurePosixPath(*relative_parts(name, hidden=hidden))


def relative_parts(name: str, *, hidden: bool = False) -> list[str]:
    """Return the parts of what `check_relative` accepts; a path costs ten times as much."""
    if not name or "\0" in name or "\\" in name:
        raise UnsafePathError("a file name must not be empty or hold NUL or backslash")
    parts = name.split("/")
    if not _NOT_PARTS.isdisjoint(parts):
        raise UnsafePathError("a file name must be relative and without '.', '..' or '//'")
    if not hidden and any(part.startswith(".") for part in parts):
        raise UnsafePathError("a file name must not start with a dot")
    return parts


def open_beneath(root: Path, relative: str | PurePosixPath) -> BinaryIO:
    """Open a regular file with one link below `root` for reading, following no link on the way.

    Raises UnsafePathError for links, other kinds of file and further hard links, and
    FileNotFoundError when there is nothing.
    """
    path = check_relative(str(relative), hidden=True)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in path.parts[:-1]:
            inner = _open_at(folder, part, os.O_DIRECTORY)
            os.close(folder)
            folder = inner
        handle = _open_at(folder, path.name, os.O_NONBLOCK)
    finally:
        os.close(folder)
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(handle)
        raise UnsafePathError(f"{path} is not a regular file with a single link")
    return os.fdopen(handle, "rb")


def _open_at(folder: int, name: str, flags: int) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnsafePathError(f"{name} is a link or not what was expected") from error


def sha256_file(stream: BinaryIO) -> str:
    """Return the SHA-256 of a stream from its start, in hexadecimal; rewinds it."""
    stream.seek(0)
    digest = hashlib.file_digest(cast(BufferedReader, stream), "sha256").hexdigest()
    stream.seek(0)
    return digest


def write_atomic(path: Path, data: bytes, mode: int = 0o640) -> None:
    """Replace a file in one step and durably: temporary name, flush to disk, rename."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
