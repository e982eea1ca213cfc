"""Files in trees of folders that somebody else may have shaped: no link is ever followed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from sallyport_common.paths import CHUNK, UnsafePathError, check_relative

PARTIAL = re.compile(r"\.[0-9a-f]{16}\.part")
"""Names of copies that are not complete."""
MAX_DEPTH = 40
MAX_FILES = 200_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Copied:
    """What was written: digest and size."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Found:
    """A regular file with one link below a root."""

    path: str
    modified_ns: int


@contextlib.contextmanager
def _folder(root: Path, parts: tuple[str, ...], *, make: bool) -> Iterator[int]:
    """Give a descriptor of the folder `parts` below `root`, made where wanted."""
    current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o750, dir_fd=current)
            try:
                inner = os.open(part, _FOLDER, dir_fd=current)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise UnsafePathError(f"{part} is a link or no folder") from error
            os.close(current)
            current = inner
        yield current
    finally:
        os.close(current)


def write_beneath(root: Path, relative: str, source: BinaryIO, mode: int = 0o640) -> Copied:
    """Copy a stream to `relative` below `root`: temporary name, flushed, renamed."""
    path = check_relative(relative, hidden=True)
    with _folder(root, path.parts[:-1], make=True) as folder:
        temporary = f".{secrets.token_hex(8)}.part"
        handle = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder
        )
        try:
            with os.fdopen(handle, "wb") as target:
                copied = _copy(source, target)
                os.fchmod(target.fileno(), mode)
                os.fsync(target.fileno())
            os.rename(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(temporary, dir_fd=folder)
            raise
    return copied


def _copy(source: BinaryIO, target: BinaryIO) -> Copied:
    digest, size = hashlib.sha256(), 0
    while block := source.read(CHUNK):
        digest.update(block)
        size += len(block)
        target.write(block)
    target.flush()
    return Copied(digest.hexdigest(), size)


def remove_partial(root: Path) -> int:
    """Remove what copies that were cut off left anywhere below `root`; return how many files."""
    partial = [path for path in root.rglob(".*.part") if PARTIAL.fullmatch(path.name)]
    for path in partial:
        path.unlink(missing_ok=True)
    return len(partial)


def make_folder(root: Path, relative: str) -> None:
    """Make a folder below `root`, following no link."""
    if relative not in {"", "."}:
        with _folder(root, check_relative(relative, hidden=True).parts, make=True):
            pass


def remove_beneath(root: Path, relative: str) -> None:
    """Remove a file below `root`; no complaint when it is not there."""
    path = check_relative(relative, hidden=True)
    with (
        contextlib.suppress(FileNotFoundError, UnsafePathError),
        _folder(root, path.parts[:-1], make=False) as folder,
    ):
        os.unlink(path.name, dir_fd=folder)


def _is_plain(name: str) -> bool:
    """Return whether a name can be written to a log: printable, and text in UTF-8."""
    return name.isprintable() and "\\" not in name


def scan(root: Path) -> Iterator[Found]:
    """Yield the regular files with one link below `root`; other kinds and odd names are skipped.

    The walk ends at a depth and a number that no study needs.
    """
    pending, count = [PurePosixPath()], 0
    while pending and count < MAX_FILES:
        here = pending.pop()
        for name, status in _entries(root, here):
            path = here / name
            count += 1
            if stat.S_ISDIR(status.st_mode) and len(path.parts) < MAX_DEPTH:
                pending.append(path)
            elif stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                yield Found(str(path), status.st_mtime_ns)


def _entries(root: Path, here: PurePosixPath) -> list[tuple[str, os.stat_result]]:
    try:
        with _folder(root, here.parts, make=False) as folder, os.scandir(folder) as entries:
            return [
                (entry.name, entry.stat(follow_symlinks=False))
                for entry in sorted(entries, key=lambda entry: entry.name)
                if _is_plain(entry.name)
            ]
    except (UnsafePathError, FileNotFoundError):
        return []


def remove_tree(path: Path) -> None:
    """Remove a folder whatever a job left in it."""
    command = ["/bin/rm", "-rf", "--one-file-system", "--", str(path)]
    subprocess.run(command, check=True, timeout=600)


def size_of(path: Path) -> int:
    """Return the bytes that a folder takes on disk."""
    command = ["/usr/bin/du", "-s", "-x", "--block-size=1", "--", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    words = done.stdout.split()
    return int(words[0]) if words else 0
