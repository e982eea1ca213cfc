"""Trees of folders as a whole, and single files in them; no link is ever followed."""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sallyport_common.paths import CHUNK, UnsafePathError, check_relative
from sallyport_runner.services.outputs.faults import Room
from sallyport_runner.services.outputs.folders import Folders, Parts, split

SMALL = 1000
"""Entries of a tree up to which it is handled here; starting a program costs more than that."""
SHALLOW = 40
BLOCK = 512
"""Bytes of a block as `stat` counts them."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _LargeError(Exception):
    """A tree is not small."""


@dataclass(frozen=True)
class Copied:
    """What was written: digest and size."""

    sha256: str
    size: int


def write_beneath(root: Path, relative: str, source: BinaryIO) -> Copied:
    """Copy a stream to `relative` below `root` under a temporary name, which is then replaced.

    Nothing is flushed to disk. A full disk is a TransientError.
    """
    parts, name = split(relative)
    with Room("a file is not copied"), Folders(root) as folders:
        folder = folders.get(parts, make=True)
        temporary = f".{secrets.token_hex(8)}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        handle = os.open(temporary, flags, 0o640, dir_fd=folder)
        try:
            with os.fdopen(handle, "wb") as target:
                copied = _copy(source, target)
                os.fchmod(target.fileno(), 0o640)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
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


def make_folder(root: Path, relative: str) -> None:
    """Make a folder below `root`, following no link."""
    if relative not in {"", "."}:
        with Folders(root) as folders:
            folders.get(check_relative(relative, hidden=True).parts, make=True)


def remove_tree(path: Path) -> None:
    """Remove a folder, if it exists, whatever a job left in it."""
    try:
        _remove(None, str(path), SMALL, SHALLOW)
    except (_LargeError, OSError):
        if path.is_symlink() or path.exists():
            command = ["/bin/rm", "-rf", "--one-file-system", "--", str(path)]
            subprocess.run(command, check=True, timeout=600)


def _remove(outer: int | None, name: str, left: int, depth: int) -> int:
    """Remove a small folder of the folder `outer`; return how many entries may still follow."""
    handle = os.open(name, _FOLDER, dir_fd=outer)
    try:
        found = _entries(handle, left)
        if not depth or (outer and os.fstat(handle).st_dev != os.fstat(outer).st_dev):
            raise _LargeError
        left -= len(found)
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                left = _remove(handle, entry.name, left, depth - 1)
            else:
                os.unlink(entry.name, dir_fd=handle)
    finally:
        os.close(handle)
    os.rmdir(name, dir_fd=outer)
    return left


def _entries(folder: int, most: int) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        found = list(itertools.islice(entries, most + 1))
    if len(found) > most:
        raise _LargeError
    return found


def size_of(path: Path) -> int:
    """Return the bytes that a folder takes on disk, which a running job may change meanwhile."""
    try:
        return _size(path)
    except (_LargeError, OSError, UnsafePathError):
        command = ["/usr/bin/du", "-s", "-x", "--block-size=1", "--", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        words = done.stdout.split()
        return int(words[0]) if words else 0


def _size(root: Path) -> int:
    """Return the bytes of a small tree, where a file with several names counts once."""
    pending: list[Parts] = [()]
    blocks: dict[int, int] = {}
    with Folders(root) as folders:
        while pending:
            here = pending.pop()
            handle = folders.get(here)
            for entry in _entries(handle, SMALL - len(blocks)):
                status = os.stat(entry.name, dir_fd=handle, follow_symlinks=False)
                blocks[status.st_ino] = status.st_blocks
                if stat.S_ISDIR(status.st_mode):
                    pending.append((*here, entry.name))
        return BLOCK * (root.stat().st_blocks + sum(blocks.values()))
