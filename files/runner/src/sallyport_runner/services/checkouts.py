"""The files of commits, written once each, from which the workspaces of jobs are copied."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

from sallyport_runner.services.git import Code, Git
from sallyport_runner.services.outputs.disk import flush_tree

KEPT = 20
"""Commits whose files are kept; the one that was used longest ago goes first."""
DAY = 86400.0
_NOT_BETWEEN_THESE = frozenset({errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})
"""Why the kernel does not copy between two file systems; nothing has been copied then."""


class Checkouts:
    """Folders with the files of commits; nobody but the runner may write to them.

    A job gets a copy of its own, which shares its blocks where the file system can: a hard link
    would let one job change the code of the next.
    """

    def __init__(self, folder: Path, source: Git) -> None:
        self._folder, self._source = folder, source
        self._checked: dict[Code, Path] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def check(self, code: Code) -> Path:
        """Return the repository that holds a commit, after a look at its branch."""
        self._checked[code] = self._source.fetch(code)
        return self._checked[code]

    def read(self, code: Code, path: str) -> bytes:
        """Return a file of a commit; raise CodeError as `Git.read` does."""
        repository = self._checked.get(code) or self.check(code)
        return self._source.read(repository, code.sha, path)

    def copy(self, code: Code, target: Path) -> None:
        """Write the files of a commit into an empty folder; links stay links.

        The branch was looked at when the request was admitted; after a restart of this process it
        is looked at once more.
        """
        repository = self._checked.get(code) or self.check(code)
        with self._locks[code.sha]:
            made = self._made(code, repository)
        _copy_tree(made, target)

    def _made(self, code: Code, repository: Path) -> Path:
        """Return the folder with the files of a commit; the caller holds its lock."""
        made = self._folder / code.repository.path.replace("/", "--") / code.sha
        if made.exists():
            os.utime(made)
            return made
        made.parent.mkdir(parents=True, exist_ok=True)
        self._prune()
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="new-") as folder:
            files = Path(folder) / "files"
            files.mkdir(mode=0o750)
            self._source.check_out(repository, code.sha, files)
            flush_tree(files)  # after a power cut the folder is whole, or not there
            files.replace(made)
        return made

    def _prune(self) -> None:
        """Remove the oldest checkouts that no job was given for a day."""
        commits = sorted(self._folder.glob("*--*/*"), key=lambda path: path.stat().st_mtime)
        for path in commits[:-KEPT]:
            if time.time() - path.stat().st_mtime > DAY:
                shutil.rmtree(path, ignore_errors=True)


def _copy_tree(source: Path, target: Path) -> None:
    """Copy what is in a folder into another; a fault is raised as it is, with its number."""
    for entry in source.iterdir():
        copied = target / entry.name
        if entry.is_symlink():
            copied.symlink_to(entry.readlink())
        elif entry.is_dir():
            copied.mkdir(mode=0o750)
            _copy_tree(entry, copied)
        else:
            _copy(entry, copied)


def _copy(source: Path, target: Path) -> None:
    """Copy a file and its mode within the kernel; a file system may share the blocks."""
    with source.open("rb") as given, target.open("xb") as taken:
        status = os.fstat(given.fileno())
        left = status.st_size
        try:
            while left > 0 and (moved := os.copy_file_range(given.fileno(), taken.fileno(), left)):
                left -= moved
        except OSError as error:
            if error.errno not in _NOT_BETWEEN_THESE:
                raise
            shutil.copyfileobj(given, taken)
        os.fchmod(taken.fileno(), status.st_mode & 0o777)
