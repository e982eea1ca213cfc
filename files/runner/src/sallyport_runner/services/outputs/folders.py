"""Folders below a root that somebody else may have shaped: kept open, and no link is followed."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from sallyport_common.paths import UnsafePathError, relative_parts

Parts = tuple[str, ...]
KEPT = 64
"""Folders that one walk keeps open."""
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Folders:
    """Descriptors of folders below one root, each opened once while it is among the last used.

    Raises FileNotFoundError where a folder is missing, UnsafePathError where a part of the path is
    a link or not a folder, and OSError. Its length is the number of folders that changed and are
    not on disk (`disk.Unflushed`).
    """

    def __init__(self, root: Path) -> None:
        self._handles: dict[Parts, int] = {}
        self._changed: set[Parts] = set()
        self.path = root
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Folders:
        return self

    def __exit__(self, *_fault: object) -> None:
        for handle in (self._root, *self._handles.values()):
            os.close(handle)

    def get(self, parts: Parts, *, make: bool = False) -> int:
        """Return a descriptor that is valid until the next call; folders are made where wanted."""
        if not parts:
            return self._root
        handle = self._handles.pop(parts, None)
        if handle is None:
            handle = self._open(self.get(parts[:-1], make=make), parts, make=make)
        self._handles[parts] = handle  # at the end: it was used last
        if len(self._handles) > KEPT:
            os.close(self._handles.pop(next(iter(self._handles))))
        return handle

    def _open(self, outer: int, parts: Parts, *, make: bool) -> int:
        name = parts[-1]
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o750, dir_fd=outer)
                self._changed.add(parts[:-1])
        try:
            return os.open(name, _FLAGS, dir_fd=outer)
        except OSError as error:
            if error.errno in {errno.ENOTDIR, errno.ELOOP}:
                raise UnsafePathError(f"{name} is a link or not a folder") from error
            raise

    def place(self, source: int, staged: str, path: str) -> None:
        """Give the file `staged` of the folder `source` its name below this root, in one step."""
        parts, name = split(path)
        os.rename(staged, name, src_dir_fd=source, dst_dir_fd=self.get(parts, make=True))
        self._changed.add(parts)

    def remove(self, path: str) -> None:
        """Remove a file or link; no complaint when nothing or a folder is there."""
        parts, name = split(path)
        try:
            os.unlink(name, dir_fd=self.get(parts))
        except (FileNotFoundError, IsADirectoryError, UnsafePathError):
            return
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # nothing can have this name
                return
            raise
        self._changed.add(parts)

    def __len__(self) -> int:
        return len(self._changed)

    def handles(self) -> Iterator[int]:
        """See Unflushed."""
        for parts in self._changed:
            yield os.dup(self.get(parts))

    def forget(self) -> None:
        """See Unflushed."""
        self._changed.clear()


@functools.lru_cache(maxsize=256)
def split(path: str) -> tuple[Parts, str]:
    """Return the folders and the name of a relative path; raise UnsafePathError if it climbs."""
    *folders, name = relative_parts(path, hidden=True)
    return tuple(folders), name


def open_file(folder: int, name: str) -> int:
    """Open a regular file with one link for reading; raise UnsafePathError for anything else."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:  # a link, a socket
            raise UnsafePathError(f"{name} is a link or not a file") from error
        raise
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(handle)
        raise UnsafePathError(f"{name} is not a regular file with a single link")
    return handle
