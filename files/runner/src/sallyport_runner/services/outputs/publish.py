"""Outputs on their way into the two privacy trees: staged and checked, then named, then listed.

Every file is complete, checked and on disk in a staging folder before the first of them gets its
name by a rename, and the manifest follows. After a cut at any point:

- a name in either tree has the whole bytes of this run or of an earlier one, never a part;
- the medium tree has no file that did not pass its checks;
- nothing shows or releases a file whose digest the manifest does not have. Between the first
  rename and that of the manifest there are names of this run which it has yet to list;
- a repeated run takes every step again from the volume, and ends as if there had been no cut.

A fault of one file withholds this file with the reason, and no other (`faults`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sallyport_common.outputs import METADATA_FOLDER, PrivacyLevel
from sallyport_common.redaction import Redactor
from sallyport_disclosure.policy import Policy
from sallyport_runner.models import Job, JobRequest
from sallyport_runner.services.outputs import staging
from sallyport_runner.services.outputs.beside import side_by_side
from sallyport_runner.services.outputs.disk import MANY, Unflushed, flush
from sallyport_runner.services.outputs.faults import WRITING, FileFault, Needed
from sallyport_runner.services.outputs.folders import Folders
from sallyport_runner.services.outputs.manifest import FILE, Manifest, Manifests
from sallyport_runner.services.outputs.scan import shown
from sallyport_runner.services.outputs.stager import NOTE, Item, Stager, stage_note
from sallyport_runner.services.outputs.staging import Staging
from sallyport_runner.settings import Settings

log = logging.getLogger(__name__)
Report = Callable[[int, int], None]
"""Gets the number of files that are staged, and of all.

What it raises stops the publication; the last call, with both equal, comes before the first name.
"""


@dataclass(frozen=True)
class Published:
    """What became of a run's files, by their paths as they are shown.

    `outputs` has the level of each file in the high tree and `digests` its SHA-256; `withheld` has
    the reason for each that is in only one tree although it belongs in both, or in none.
    """

    outputs: dict[str, str]
    digests: dict[str, str]
    withheld: dict[str, str]


class PrivacyTrees:
    """Copies outputs to the high tree, and what may be reviewed to the medium tree."""

    def __init__(self, settings: Settings) -> None:
        self._high = settings.high_privacy_storage_base
        self._medium = settings.medium_privacy_storage_base
        self._policy, self._redactor = settings.output_policy, Redactor(settings.secrets())
        self._manifests = Manifests(self._medium / "workspaces")
        self._locks: dict[str, threading.Lock] = {}

    def workspaces(self, workspace: str) -> tuple[Path, Path]:
        """Return the high and the medium folder of a workspace, which exist afterwards."""
        folders = tuple(base / "workspaces" / workspace for base in (self._high, self._medium))
        with Needed("no folder for the workspace"):
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
        return folders[0], folders[1]

    def remove_partial(self) -> None:
        """Remove what copies left that were cut off; for the start, when nothing is copied."""
        for base in (self._high, self._medium):
            if number := staging.sweep(base):
                log.warning("incomplete copies removed", extra={"jobs": number})

    @contextmanager
    def staging(self, job: Job) -> Iterator[tuple[Staging, Staging]]:
        """Give the empty staging folders of a job in the high and in the medium tree."""
        with Staging(self._high, job.id) as high, Staging(self._medium, job.id) as medium:
            yield high, medium

    def publish(
        self,
        job: Job,
        request: JobRequest,
        root: Path,
        matched: Mapping[str, str],
        report: Report = lambda _done, _total: None,
    ) -> Published:
        """Copy files of a volume, given with their level by the paths that the job spelt.

        Raises TransientError where all of it has to be repeated, and ManifestError before the
        first name is given.
        """
        roots = self.workspaces(job.workspace)
        with self.staging(job) as (high, medium):
            policy = tightened(self._policy, job)
            items = self._stage(policy, root, matched, high, medium, report)
            report(len(items), len(items))
            lock = self._locks.setdefault(job.workspace, threading.Lock())
            with lock, Folders(roots[0]) as highs, Folders(roots[1]) as mediums:
                manifest = self._manifests.take(job.workspace)
                placing = _Placing(manifest, (high, highs), (medium, mediums))
                placing.run(job, request, items)
                self._manifests.keep(job.workspace, manifest)
        kept = {item.path: item for item in items if item.high}
        return Published(
            outputs={path: item.level.value for path, item in kept.items()},
            digests={path: item.high.sha256 for path, item in kept.items() if item.high},
            withheld={item.path: " ".join(item.reasons) for item in items if item.reasons},
        )

    def _stage(
        self,
        policy: Policy,
        root: Path,
        matched: Mapping[str, str],
        high: Staging,
        medium: Staging,
        report: Report,
    ) -> list[Item]:
        """Stage all files; many are shared out to several threads."""
        if not matched:
            return []
        pairs = [
            (path, Item(_label(path, matched), PrivacyLevel(level)))
            for path, level in sorted(matched.items())
        ]

        def stage(part: Sequence[tuple[str, Item]]) -> Iterator[None]:
            with Folders(root) as folders:
                stager = Stager(policy, self._redactor, folders, high, medium)
                for path, item in part:
                    yield
                    stager.stage(path, item)

        if len(pairs) <= MANY:
            for number, _next in enumerate(stage(pairs)):
                report(number, len(pairs))
        else:
            parts = [pairs[first : first + MANY] for first in range(0, len(pairs), MANY)]
            side_by_side(stage, parts, lambda done: report(done, len(pairs)))
        return [item for _path, item in pairs]


def tightened(policy: Policy, job: Job) -> Policy:
    """Return the site's rules with those limits of a task that are below them."""
    terms = job.terms
    suffixes = terms.get("suffixes", policy.suffixes)
    return replace(
        policy,
        max_bytes=min(policy.max_bytes, terms.get("max_bytes", policy.max_bytes)),
        max_rows=min(policy.max_rows, terms.get("max_rows", policy.max_rows)),
        suffixes=tuple(suffix for suffix in policy.suffixes if suffix in suffixes),
    )


def _label(path: str, all_paths: Mapping[str, str]) -> str:
    """Return a path as it is shown, which is never the path of another file."""
    label = shown(path)
    while label != path and label in all_paths:
        label += "~"
    return label


class _Placing:
    """Gives staged files their names and lists them; one at a time for a workspace."""

    def __init__(
        self, manifest: Manifest, high: tuple[Staging, Folders], medium: tuple[Staging, Folders]
    ) -> None:
        self._manifest = manifest
        self._high, self._highs = high
        self._medium, self._mediums = medium

    def run(self, job: Job, request: JobRequest, items: list[Item]) -> None:
        """Take the steps in the order on which the promises of this module rest."""
        with Needed("no folder for the manifest"):
            self._mediums.get((METADATA_FOLDER,), make=True)
        listed = self._listed_on_disk(job, request, items)
        before = [item.reasons for item in items]
        for item in items:
            self._place(item)
        if before != [item.reasons for item in items]:
            listed = self._list(job, request, items)
            self._flush(self._medium)
        with Needed("no manifest"):
            self._mediums.place(self._medium.handle, listed, FILE)
        self._flush(self._highs, self._mediums)

    def _listed_on_disk(self, job: Job, request: JobRequest, items: list[Item]) -> str:
        """Stage the manifest, with all that it lists on disk; return its name meanwhile."""
        if len(self._high) <= MANY:
            listed = self._list(job, request, items)
            self._flush(self._high, self._medium)
            return listed
        with ThreadPoolExecutor(1) as pool:  # the manifest is written while the disk is busy
            flushed = pool.submit(self._flush, self._high)
            listed = self._list(job, request, items)
            flushed.result()
        self._flush(self._medium)
        return listed

    @staticmethod
    def _flush(*sources: Unflushed) -> None:
        with Needed("outputs are not on disk"):
            flush(*sources)

    def _list(self, job: Job, request: JobRequest, items: list[Item]) -> str:
        """Stage the manifest; return its name meanwhile."""
        self._manifest.record(job.action, {item.path: item.entry(job, request) for item in items})
        if request.actions or not job.terms:
            self._manifest.flag_actions(request.actions or [job.action])
        with Needed("no manifest"):
            return self._medium.write(self._manifest.to_json()).name

    def _place(self, item: Item) -> None:
        if item.high and not self._name(item, self._high, self._highs, item.high.name):
            item.high = item.medium = None
        if item.medium and not self._name(item, self._medium, self._mediums, item.medium.name):
            item.medium = None
        # What an earlier run left under the name of a file that is withheld now is withdrawn.
        if not item.high:
            _withdraw(self._highs, item.path)
        if not item.medium:
            _withdraw(self._mediums, item.path)
        self._note(item)

    def _name(self, item: Item, source: Staging, target: Folders, staged: str) -> bool:
        try:
            with WRITING:
                target.place(source.handle, staged, item.path)
        except FileFault as fault:
            item.reasons = (str(fault),)
            return False
        return True

    def _note(self, item: Item) -> None:
        """Put the note beside a withheld file where that is possible, or remove an earlier one.

        The manifest and the log have the reason too.
        """
        path = item.path + NOTE
        if path in self._manifest.outputs:
            return
        _withdraw(self._mediums, path)
        if item.level is not PrivacyLevel.MODERATE or not item.reasons:
            return
        try:
            if item.note is None:  # the fault came late
                item.note = stage_note(self._medium, item)
                self._flush(self._medium)
            with WRITING:
                self._mediums.place(self._medium.handle, item.note.name, path)
        except FileFault as fault:
            figures = {"output": item.path, "fault": str(fault)}
            log.warning("no note beside a withheld output", extra=figures)


def _withdraw(folders: Folders, path: str) -> None:
    """Remove a file; where that fails the job waits, because the file must not stay."""
    with Needed("an earlier output is not removed"):
        folders.remove(path)
