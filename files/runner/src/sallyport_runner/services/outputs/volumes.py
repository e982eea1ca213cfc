"""The folders of a job while it lives; `sallyport-job` owns what is mounted, nothing else."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.paths import open_beneath, write_atomic
from sallyport_runner.profile import JOB_USER
from sallyport_runner.services.outputs import plan, trees
from sallyport_runner.services.outputs.disk import flush_folder, flush_tree
from sallyport_runner.services.outputs.faults import Room


@dataclass(frozen=True)
class Volume:
    """The folder of one job."""

    root: Path
    owner: tuple[int, int]

    @property
    def workspace(self) -> Path:
        """Code and inputs; outputs too, where the job has one phase."""
        return self.root / "workspace"

    @property
    def plan(self) -> Path:
        """What the compile phase writes."""
        return self.root / "plan"

    @property
    def execution(self) -> Path:
        """The workspace of the execute phase: outputs are taken from here alone."""
        return self.root / "execution"

    @property
    def secret(self) -> Path:
        """The file with the database's address."""
        return self.root / "database_url"

    @property
    def prepared_at(self) -> int | None:
        """When the workspace was complete, in nanoseconds; None before that.

        The marker lies outside all that a job can write to.
        """
        try:
            return int((self.root / "prepared").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def make(self) -> None:
        """Start from an empty folder; a full disk is a TransientError, here and below."""
        trees.remove_tree(self.root)
        with Room("no folder for a job"):
            self.root.mkdir(mode=0o750, parents=True)
            self.workspace.mkdir(mode=0o750)

    def add(self, folder: Path) -> None:
        """Make a further, empty folder."""
        trees.remove_tree(folder)
        with Room("no folder for a job"):
            folder.mkdir(mode=0o750)

    def mark_prepared(self) -> None:
        """Say that the workspace is complete, once it is on disk: jobs start after a power cut."""
        with Room("the volume of a job is not on disk"):
            flush_tree(self.root)
            write_atomic(self.root / "prepared", str(time.time_ns()).encode())

    def keep_plan(self) -> None:
        """Bring the plan and the workspace of the execute phase to disk, for after a power cut.

        Of the folder of the plan, in which a job may have left anything, the plan alone is opened.
        """
        with Room("the volume of a job is not on disk"):
            flush_tree(self.execution)
            with open_beneath(self.plan, plan.NAME) as stream:
                os.fsync(stream.fileno())
            for folder in (self.plan, self.root):
                flush_folder(folder)

    def write_secret(self, text: str) -> None:
        """Write the database's address for the job alone."""
        with Room("the volume of a job is not on disk"):
            write_atomic(self.secret, text.encode(), 0o400)
            os.chown(self.secret, *self.owner)

    def hand_over(self, folder: Path) -> None:
        """Give a folder and all in it to the job's account; links themselves, not their targets."""
        os.chown(folder, *self.owner, follow_symlinks=False)
        for _path, folders, files, handle in os.fwalk(folder):
            for name in (*folders, *files):
                os.chown(name, *self.owner, dir_fd=handle, follow_symlinks=False)

    def remove(self) -> None:
        """Remove everything."""
        trees.remove_tree(self.root)


@dataclass(frozen=True)
class Leftover:
    """A volume that no active job has: since when, in seconds since 1970, and its bytes on disk."""

    job_id: str
    since: float
    size: int


class Volumes:
    """All volumes, below one folder of the high-privacy tree."""

    def __init__(self, base: Path, owner: tuple[int, int] = (JOB_USER, JOB_USER)) -> None:
        self._base, self._owner = base, owner

    def of(self, job_id: str) -> Volume:
        """Return the volume of a job, which may not exist yet."""
        return Volume(self._base / job_id, self._owner)

    def all(self) -> list[str]:
        """Return the ids of the jobs that have a volume."""
        return [path.name for path in self._base.iterdir()] if self._base.exists() else []

    def leftovers(self, active: Collection[str], before: float = math.inf) -> list[Leftover]:
        """Return the volumes of all jobs but `active` ones, the oldest first.

        With `before`, in seconds since 1970, only older ones: no other is measured.
        """
        names = (job_id for job_id in self.all() if job_id not in active)
        found = (self._leftover(job_id, before) for job_id in names)
        return sorted(filter(None, found), key=lambda leftover: leftover.since)

    def _leftover(self, job_id: str, before: float) -> Leftover | None:
        root = self._base / job_id
        try:
            since = root.lstat().st_mtime
            return Leftover(job_id, since, trees.size_of(root)) if since < before else None
        except FileNotFoundError:  # removed meanwhile
            return None
