"""Local copies of repositories: one writer at a time, and a killed git's remains are removed.

A git that is killed (at its time limit, with its service, by a power cut) leaves lock files that
stop every later git indefinitely, temporary files, and empty files.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.closed_git.faults import Fault, GitError

log = logging.getLogger(__name__)
LOOK_EVERY = 0.2
READERS = (
    b"http-backend", b"upload-pack", b"pack-objects", b"cat-file", b"rev-parse", b"merge-base",
    b"checkout",
)  # fmt: skip
"""Commands that take no lock in a bare repository; our own run beside the one writer."""
_REFERENCE = re.compile(rb"[0-9a-f]{40}\n?|ref: refs/\S+\n?")
_TEMPORARY = re.compile(r"\.?tmp[-_].*")
_LOOSE = re.compile(r"[0-9a-f]{2}")


class State(enum.Enum):
    """What a look at a repository found."""

    ABSENT = "absent"
    SOUND = "sound"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class LocalCopy:
    """A copy that its holder alone may change; `lock` is for ClosedGit.run."""

    path: Path
    lock: int
    state: State


class Copies:
    """The copies below a folder; waiting for one longer than `patience` seconds is a fault."""

    def __init__(self, folder: Path, patience: float) -> None:
        self._folder, self._patience = folder, patience
        self._locks = folder / ".locks"
        self._locks.mkdir(parents=True, exist_ok=True)
        self._checked: set[Path] = set()
        self._guard = threading.Lock()
        self.sweep()

    def path(self, name: str) -> Path:
        """Return where the copy of `OWNER/NAME` is or would be; forges ignore case."""
        return self._folder / f"{name.lower()}.git"

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[LocalCopy]:
        """Yield the copy, healed, while no other thread or process may change it.

        Objects are looked at when the copy is held for the first time, and after `suspect`.
        """
        path = self.path(name)
        lock_file = self._locks / name.lower().replace("/", "__")
        with exclusive(lock_file, self._patience) as lock:
            with self._guard:
                thorough = path not in self._checked
            state = heal(path, thorough)
            with self._guard:
                self._checked.add(path)
            yield LocalCopy(path, lock, state)

    def suspect(self, name: str) -> None:
        """Have the objects of a copy looked at again when it is held next."""
        with self._guard:
            self._checked.discard(self.path(name))

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a new folder on the same file system; it is removed, after a crash by `sweep`."""
        with tempfile.TemporaryDirectory(
            dir=self._folder, prefix=".new-", ignore_cleanup_errors=True
        ) as folder:
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield Path(folder)
            finally:
                os.close(descriptor)

    def replace(self, copy: LocalCopy, fresh: Path) -> None:
        """Put a fresh repository where the copy is; readers of the old one may finish."""
        copy.path.parent.mkdir(parents=True, exist_ok=True)
        with self.scratch() as folder:
            if copy.path.exists():
                copy.path.rename(folder / "old.git")
            fresh.rename(copy.path)

    def discard(self, path: Path) -> None:
        """Remove a damaged copy, so that it is cloned again when it is next needed."""
        name = str(path.relative_to(self._folder)).removesuffix(".git")
        with self.hold(name) as copy, self.scratch() as folder:
            if copy.path.exists():
                copy.path.rename(folder / "old.git")

    def sweep(self) -> None:
        """Remove scratch folders that nobody holds."""
        for folder in self._folder.glob(".new-*"):
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            except BlockingIOError:
                continue
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def exclusive(lock_file: Path, patience: float) -> Iterator[int]:
    """Yield the descriptor of a held lock, shared by threads and processes; raise GitError."""
    descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise GitError(Fault.LOCKED) from None
                time.sleep(LOOK_EVERY)
        yield descriptor
    finally:
        os.close(descriptor)


def heal(repository: Path, thorough: bool) -> State:
    """Remove what a killed git left and return the state; call it under the lock only.

    A lock of a git that is running, started by hand perhaps, stays. Whoever calls is the only
    writer of ours. `thorough` looks at every object too.
    """
    if not repository.exists():
        return State.ABSENT
    leftovers, broken = _look(repository, thorough)
    if (leftovers or broken) and _live_git(repository):
        return State.SOUND
    for path in leftovers:
        log.warning("removed what a killed git left", extra={"path": str(path)})
        _remove(path)
    references = [path for path in broken if repository / "refs" in path.parents]
    for path in references:
        log.warning("removed a broken reference", extra={"path": str(path)})
        path.unlink(missing_ok=True)
    return State.DAMAGED if len(references) < len(broken) else State.SOUND


def _look(repository: Path, thorough: bool) -> tuple[list[Path], list[Path]]:
    """Return the leftovers below a repository, and the files without the content they need."""
    needed = [repository / name for name in ("HEAD", "objects", "refs")]
    leftovers, broken = [], [path for path in needed if not path.exists()]
    for folder, folders, files in os.walk(repository):
        here = Path(folder)
        inside = here.relative_to(repository).parts
        in_objects = inside[:1] == ("objects",)
        if inside == ("objects",):
            leftovers += [here / name for name in folders if _TEMPORARY.fullmatch(name)]
            folders[:] = [name for name in folders if thorough or not _LOOSE.fullmatch(name)]
        for name in files:
            if name.endswith(".lock") or (in_objects and _TEMPORARY.fullmatch(name)):
                leftovers.append(here / name)
            elif _is_broken(here / name, inside, thorough):
                broken.append(here / name)
    return leftovers, broken


def _is_broken(path: Path, inside: tuple[str, ...], thorough: bool) -> bool:
    """Return whether a file of a repository lacks what it must hold."""
    if inside[:1] == ("refs",) or (path.name == "HEAD" and not inside):
        if thorough or not inside:
            return not _REFERENCE.fullmatch(path.read_bytes())
        return path.stat().st_size == 0
    must_hold = path.name in {"config", "shallow"} and not inside
    must_hold |= inside == ("objects", "pack") and path.suffix in {".pack", ".idx"}
    must_hold |= len(inside) == 2 and _LOOSE.fullmatch(inside[1]) is not None
    return must_hold and path.stat().st_size == 0


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _live_git(repository: Path) -> bool:
    """Return whether a git that writes, and is not ours, is at work in a repository."""
    names = {os.fsencode(repository), os.fsencode(repository.resolve())}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            program = words[0].rpartition(b"/")[2]
            if not program.startswith(b"git") or any(word in READERS for word in words):
                continue
            if any(name in word for name in names for word in words):
                return True
            if repository.resolve() in [(cwd := (process / "cwd").readlink()), *cwd.parents]:
                return True
        except OSError:
            continue
    return False
