"""Bringing files and folders to disk: together, which takes far less time than one by one."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sallyport_runner.services.executor import TransientError

MANY = 128
"""Files or folders up to which each is flushed; the whole file system is, where there are more."""
_flushing = True


def leave_to_kernel() -> None:
    """Flush nothing more in this process: for runs that nobody continues after a power cut."""
    global _flushing
    _flushing = False


class Unflushed(Protocol):
    """Files or folders of one file system that are not on disk; its length is their number."""

    path: Path

    def __len__(self) -> int: ...

    def handles(self) -> Iterator[int]:
        """Yield a descriptor of each, which the caller closes."""

    def forget(self) -> None:
        """Take note that all are on disk."""


def flush(*sources: Unflushed) -> None:
    """Bring what is not on disk there; raise OSError and TransientError."""
    handles: list[int] = []
    try:
        for source in sources if _flushing else ():
            if len(source) > MANY:
                sync_file_system(source.path)
            else:
                handles.extend(source.handles())
        _flush(handles)
    finally:
        for handle in handles:
            os.close(handle)
    for source in sources:
        source.forget()


def _flush(handles: list[int]) -> None:
    """Start writing everything, then wait: so one commit of the journal serves all."""
    for handle in handles:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)  # begins to write what is dirty
    for handle in handles:
        os.fsync(handle)


def sync_file_system(path: Path) -> None:
    """Bring everything of the file system of `path` to disk; raise TransientError."""
    command = ["/usr/bin/sync", "--file-system", "--", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=600)
    except subprocess.SubprocessError as error:
        raise TransientError(f"the file system is not flushed: {error}") from error


def flush_folder(path: Path) -> None:
    """Bring the names in a folder to disk; raise OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_tree(root: Path) -> None:
    """Bring a tree that nobody changes meanwhile to disk; raise OSError and TransientError."""
    if not _flushing:
        return
    paths = list(itertools.islice(_all(root), MANY + 1))
    if len(paths) > MANY:
        sync_file_system(root)
        return
    handles: list[int] = []
    try:
        handles.extend(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC) for path in paths)
        _flush(handles)
    finally:
        for handle in handles:
            os.close(handle)


def _all(root: Path) -> Iterator[Path]:
    """Yield a folder and all in it that has content; a link is in the content of its folder."""
    for folder, _folders, files in os.walk(root):
        yield Path(folder)
        yield from (path for name in files if not (path := Path(folder, name)).is_symlink())
