"""The folders of a job while it lives; `sallyport-job` owns what is mounted, nothing else."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.paths import write_atomic
from sallyport_runner.profile import JOB_USER
from sallyport_runner.services.outputs import trees


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
        """Start from an empty folder."""
        trees.remove_tree(self.root)
        self.root.mkdir(mode=0o750, parents=True)
        self.workspace.mkdir(mode=0o750)

    def add(self, folder: Path) -> None:
        """Make a further, empty folder."""
        trees.remove_tree(folder)
        folder.mkdir(mode=0o750)

    def mark_prepared(self) -> None:
        """Say that the workspace is complete."""
        write_atomic(self.root / "prepared", str(time.time_ns()).encode())

    def write_secret(self, text: str) -> None:
        """Write the database's address for the job alone."""
        write_atomic(self.secret, text.encode(), 0o400)
        os.chown(self.secret, *self.owner)

    def hand_over(self, folder: Path) -> None:
        """Give a folder and all in it to the job's account; links themselves, not their targets."""
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, *self.owner, follow_symlinks=False)

    def remove(self) -> None:
        """Remove everything."""
        trees.remove_tree(self.root)


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
