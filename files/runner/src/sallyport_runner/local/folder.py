"""A study's folder: the code as it is now, and what local runs keep in it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from sallyport_runner.local.faults import LocalError
from sallyport_runner.services.outputs import trees
from sallyport_study.patterns import matches

KEPT = ".sallyport"
"""The subfolder with all that a local run keeps; git ignores it."""
_NOT_CODE = frozenset({KEPT, ".git", "metadata"})


class Folder:
    """The folder of a study, in which one local run at a time may be under way."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kept = root / KEPT

    @property
    def workspace(self) -> str:
        """The name of the workspace that this folder is: the same in every run."""
        return f"local-{hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]}"

    @property
    def code(self) -> Path:
        """The code as it was when the run began."""
        return self.kept / "code"

    @property
    def reused(self) -> Path:
        """The folder with the code of reusable actions, by commit."""
        return self.kept / "reused"

    def make(self) -> None:
        """Make the subfolder for what is kept; git ignores it."""
        self.kept.mkdir(exist_ok=True)
        (self.kept / ".gitignore").write_text("*\n")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for a run, without what earlier ones left; raise LocalError."""
        try:
            self.make()
            lock = (self.kept / "lock").open("w")
        except OSError as error:
            raise LocalError(f"{self.kept} cannot be written: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LocalError("Another local run of this study is under way.") from None
            self._clear()
            try:
                yield
            finally:
                self._clear()

    def _clear(self) -> None:
        for name in ("code", "reused", "volumes", "high"):
            if (self.kept / name).exists():
                with contextlib.suppress(subprocess.CalledProcessError):
                    trees.remove_tree(self.kept / name)

    def take_code(self, patterns: Iterable[str]) -> str:
        """Copy the code, which is everything but outputs; return the digest of all of it.

        A repository has what git does not ignore, committed or not: a backend will have no more.
        """
        self.code.mkdir()
        digest = hashlib.sha256()
        for path in self._code_files(frozenset(patterns)):
            target = self.code / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.root / path, target, follow_symlinks=False)
            if path != "project.yaml":  # what it says of an action decides by itself
                digest.update(_content(target, path))
        return digest.hexdigest()

    def _code_files(self, patterns: frozenset[str]) -> list[str]:
        globs = [pattern for pattern in patterns if "*" in pattern]
        found = _git_files(self.root)
        listed = _all_files(self.root) if found is None else found
        return [
            path
            for path in sorted(listed)
            if path.partition("/")[0] not in _NOT_CODE
            and path not in patterns
            and not any(matches(pattern, path) for pattern in globs)
            and ((self.root / path).is_file() or (self.root / path).is_symlink())
        ]


def _content(path: Path, name: str) -> bytes:
    """Return a digest of a file or link and its name."""
    content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    executable = os.access(path, os.X_OK, follow_symlinks=False)
    return hashlib.sha256(
        b"\0".join([os.fsencode(name), b"x" if executable else b"", content])
    ).digest()


def _git_files(root: Path) -> list[str] | None:
    """Return what git would keep of a folder; None where it has no repository, or no git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    except OSError:
        return None
    if done.returncode:
        return None
    return list(dict.fromkeys(map(os.fsdecode, filter(None, done.stdout.split(b"\0")))))


def _all_files(root: Path) -> Iterator[str]:
    """Yield every file below a folder but those of repositories and of Python environments."""
    for place, folders, files in os.walk(root):
        folder = Path(place)
        folders[:] = [
            name
            for name in folders
            if name not in _NOT_CODE and not (folder / name / "pyvenv.cfg").exists()
        ]
        yield from (str((folder / name).relative_to(root)) for name in files)
