"""Files of one job before they have their names: complete and on disk, outside of every workspace.

Their folder is beside the workspaces of a tree, on the same file system and open to the runner
alone, so that a rename gives a file its name in one step. All that a run leaves which was cut off
is in there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import itertools
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sallyport_common.paths import CHUNK
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.outputs.faults import READING, WRITING, Needed
from sallyport_runner.services.outputs.trees import remove_tree

FOLDER = "staging"
"""Below the base of a privacy tree."""
EMPTY = hashlib.sha256().hexdigest()
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that waits for its name: its name meanwhile, its SHA-256 and its size in bytes."""

    name: str
    sha256: str
    size: int


class Staging:
    """The staged files of one job for one tree; its methods raise FileFault and TransientError.

    Its length is the number of files whose content is not on disk (`disk.Unflushed`). Several
    threads may stage files at a time.
    """

    def __init__(self, base: Path, job_id: str) -> None:
        self.path = base / FOLDER / job_id
        self._numbers = itertools.count(1)  # no two threads get the same
        self._unflushed: set[str] = set()

    def __enter__(self) -> Staging:
        try:
            remove_tree(self.path)
        except subprocess.SubprocessError as error:
            raise TransientError(f"earlier copies are not removed: {error}") from error
        with Needed("no folder for copies"):
            self.path.mkdir(mode=0o700, parents=True)
            self.handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self

    def __exit__(self, *_fault: object) -> None:
        os.close(self.handle)
        with contextlib.suppress(OSError, subprocess.SubprocessError):  # the next run or start does
            remove_tree(self.path)

    def _create(self) -> tuple[str, int]:
        name = str(next(self._numbers))
        with WRITING:
            handle = os.open(name, _CREATE, 0o640, dir_fd=self.handle)
            os.fchmod(handle, 0o640)  # whatever the umask is
        self._unflushed.add(name)
        return name, handle

    @contextlib.contextmanager
    def file(self) -> Iterator[tuple[str, BinaryIO]]:
        """Give a new file for writing and reading, and its name; it is dropped after a fault."""
        name, handle = self._create()
        try:
            with os.fdopen(handle, "w+b", 0) as stream:
                yield name, stream
        except BaseException:
            self.drop(name)
            raise

    def write(self, data: bytes) -> Staged:
        """Stage bytes."""
        name, handle = self._create()
        try:
            with WRITING:
                _write_all(handle, data)
        except BaseException:
            self.drop(name)
            raise
        finally:
            os.close(handle)
        return Staged(name, hashlib.sha256(data).hexdigest(), len(data))

    def copy(self, source: int) -> Staged:
        """Stage all that a descriptor gives from its start; what is stored is what is hashed."""
        with self.file() as (name, stream):
            target = stream.fileno()
            with WRITING:
                cloned = _clone(source, target)
            if not cloned:
                _copy(source, target)
            os.lseek(target, 0, os.SEEK_SET)
            with READING:
                digest = hashlib.file_digest(io.FileIO(target, closefd=False), "sha256")
            return Staged(name, digest.hexdigest(), os.fstat(target).st_size)

    def drop(self, name: str) -> None:
        """Remove a staged file that gets no name."""
        self._unflushed.discard(name)
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self.handle)

    def __len__(self) -> int:
        return len(self._unflushed)

    def handles(self) -> Iterator[int]:
        """See Unflushed."""
        for name in self._unflushed:
            yield os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.handle)

    def forget(self) -> None:
        """See Unflushed."""
        self._unflushed.clear()


def sweep(base: Path) -> int:
    """Remove what runs that were cut off left staged below `base`; return how many jobs left it."""
    folder = base / FOLDER
    left = list(folder.iterdir()) if folder.exists() else []
    for path in left:
        remove_tree(path)
    return len(left)


def _write_all(handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


def _clone(source: int, target: int) -> bool:
    """Copy in the kernel, which may share the blocks; return whether it can do this here."""
    try:
        os.lseek(source, 0, os.SEEK_SET)
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except OSError as error:
        if error.errno in _FULL:
            raise
        os.ftruncate(target, 0)
        os.lseek(target, 0, os.SEEK_SET)
        return False
    return True


def _copy(source: int, target: int) -> None:
    os.lseek(source, 0, os.SEEK_SET)
    while True:
        with READING:
            block = os.read(source, CHUNK)
        if not block:
            return
        with WRITING:
            _write_all(target, block)
