"""What is removed when it is old: the logs of jobs, and archived workspaces; off by default.

The record of a job that made a present output stays as long as the output: it says that the output
is what it seems to be (docs/adr/0032-records-decide-about-the-past.md).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sallyport_common.protocol import parse_utc, utc_text
from sallyport_runner.services import metrics
from sallyport_runner.services.keeping import packing
from sallyport_runner.services.keeping.archives import LIST, Archives
from sallyport_runner.services.keeping.deletions import Deletions
from sallyport_runner.services.outputs import staging
from sallyport_runner.services.outputs.archive import Archive, newest
from sallyport_runner.services.outputs.trees import remove_tree
from sallyport_runner.settings import Settings
from sallyport_runner.storage import Store

log = logging.getLogger(__name__)
DAY = 86400.0
EVERY = 3600.0
"""Seconds between two looks of the daemon."""
RULE = "retention"
"""Who deleted something, where no operator asked for it."""


@dataclass(frozen=True)
class Old:
    """Something that is older than its limit, and its entry in the deletion record."""

    path: Path
    entry: dict[str, Any]


class Retention:
    """Removes what is old, each thing after its entry in the deletion record."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        archives: Archives,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._archives, self._clock = store, archives, clock
        self._archive = Archive(settings)
        self._log_days = settings.log_keep_days
        self._archive_days = settings.archive_keep_days
        self._medium = settings.medium_privacy_storage_base / "workspaces"
        self._staging = settings.high_privacy_storage_base / staging.FOLDER
        self.deletions = Deletions(settings.high_privacy_storage_base)
        self._next = 0.0

    def step(self) -> None:
        """Remove what is old, once an hour."""
        if self._clock() >= self._next:
            self._next = self._clock() + EVERY
            self.run(RULE)

    def run(self, by: str, *, dry_run: bool = False) -> list[dict[str, Any]]:
        """Remove what is old, or only say what is; return the entries of the deletion record."""
        entries = []
        for old in [*self._old_logs(), *self._old_archives()]:
            entry = old.entry | {"by": by, "when": self._time(self._clock())}
            entries.append(entry)
            if not dry_run:
                self._delete(old, entry)
        return entries

    def _delete(self, old: Old, entry: dict[str, Any]) -> None:
        """Record, then remove: where this is cut off, the next run removes what is recorded.

        It goes by one rename to where the next start removes what is left of it.
        """
        self.deletions.add(entry)
        self._staging.mkdir(mode=0o700, exist_ok=True)
        target = self._staging / f"deleted-{old.path.parent.name}-{old.path.name}"
        remove_tree(target)
        if entry["what"] == "archive":
            self._archives.drop(entry["workspace"], target)
        else:
            old.path.rename(target)
        remove_tree(target)
        metrics.DELETIONS.labels(entry["what"]).inc()
        log.info("deleted by retention", extra={"deleted": entry})

    @staticmethod
    def _time(seconds: float) -> str:
        return utc_text(datetime.fromtimestamp(seconds, UTC))

    def _old_logs(self) -> Iterator[Old]:
        """Yield the folders of jobs that ended before the limit, unless they are needed."""
        if not self._log_days:
            return
        before = self._time(self._clock() - self._log_days * DAY)
        needed = self._needed()
        for job_id, folders in self._archive.folders().items():
            found = newest(folders) if job_id not in needed else None
            if found and parse_utc(found[0]["completed_at"]) < parse_utc(before):
                for path in folders:
                    yield Old(path, self._log_entry(job_id, path, found[0]))

    def _log_entry(self, job_id: str, path: Path, metadata: dict[str, Any]) -> dict[str, Any]:
        return {
            "what": "job_log",
            "job": job_id,
            "month": path.parent.name,
            "workspace": metadata["workspace"],
            "action": metadata["action"],
            "completed_at": metadata["completed_at"],
            "sha256": {file.name: packing.digest(file) for file in sorted(path.iterdir())},
            "why": f"runner_log_keep_days is {self._log_days}",
        }

    def _needed(self) -> set[str]:
        """Return the jobs that are active or made an output which is stored or archived."""
        needed = set(self._store.active_revisions())
        for folder in self._medium.iterdir() if self._medium.exists() else []:
            needed |= {entry.job_id for entry in self._archive.manifest(folder.name).values()}
        for one in self._archives.all():
            needed |= set((self._archives.read(one["workspace"]) or {})["jobs"])
        return needed

    def _old_archives(self) -> Iterator[Old]:
        if not self._archive_days:
            return
        before = self._time(self._clock() - self._archive_days * DAY)
        for one in self._archives.all():
            workspace, path = one["workspace"], self._archives.folder / one["workspace"]
            is_old = parse_utc(one["archived_at"]) < parse_utc(before)
            if is_old and not self._archives.busy(workspace):
                content = self._archives.read(workspace) or {}
                entry = {
                    "what": "archive",
                    "workspace": workspace,
                    "archived_at": one["archived_at"],
                    "sha256": content["archives"] | {LIST: packing.digest(path / LIST)},
                    "why": f"runner_archive_keep_days is {self._archive_days}",
                }
                yield Old(path, entry)
