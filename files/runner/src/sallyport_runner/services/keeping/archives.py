"""Archives of workspaces: packed, out of the live trees, and back again.

An archive is a folder below `archives/` of the high-privacy tree. Its name says how far a step
came, so that a step which was cut off is taken back or finished at the next start:

- `<workspace>.packing`: nothing was removed yet; it is dropped.
- `<workspace>`: complete and read back; what is left of the live trees is removed.
- `<workspace>.restoring`: the live trees are incomplete; they are removed, and it is an archive.
- `<workspace>.restored`: the live trees are complete; it is dropped.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sallyport_common.errors import SallyportError
from sallyport_common.paths import write_atomic
from sallyport_common.protocol import utc_now_text
from sallyport_runner.services import metrics
from sallyport_runner.services.keeping import packing
from sallyport_runner.services.outputs.disk import flush_folder, flush_tree
from sallyport_runner.services.outputs.manifest import Manifest
from sallyport_runner.services.outputs.trees import remove_tree, size_of
from sallyport_runner.settings import Settings
from sallyport_runner.storage import Store

log = logging.getLogger(__name__)
FOLDER, LIST = "archives", "archive.json"
PACKING, RESTORING, RESTORED = ".packing", ".restoring", ".restored"
TREES = ("high", "medium")


class ArchiveError(SallyportError):
    """A workspace cannot be archived or restored; the text says why."""


class Archives:
    """Archives and restores workspaces, one step of a workspace at a time."""

    def __init__(
        self, settings: Settings, store: Store, now: Callable[[], str] = utc_now_text
    ) -> None:
        self._store, self._now = store, now
        self._bases = (settings.high_privacy_storage_base, settings.medium_privacy_storage_base)
        self.folder = self._bases[0] / FOLDER
        self._lock, self._busy = threading.Lock(), set[str]()

    def busy(self, workspace: str) -> bool:
        """Return whether a workspace is being archived or restored at the moment."""
        return workspace in self._busy

    def since(self, workspace: str) -> str | None:
        """Return when a workspace was archived, in wire form; None where it is live."""
        content = self.read(workspace)
        return str(content["archived_at"]) if content else None

    def read(self, workspace: str) -> dict[str, Any] | None:
        """Return the list of an archive; None if it does not exist."""
        for name in (workspace, workspace + RESTORING):
            try:
                return dict(json.loads((self.folder / name / LIST).read_bytes()))
            except FileNotFoundError:
                continue
        return None

    def all(self) -> list[dict[str, Any]]:
        """Return what is archived: workspace, when, by whom, number of files and bytes on disk."""
        found = []
        for path in sorted(self.folder.iterdir()) if self.folder.exists() else []:
            content = None if "." in path.name else self.read(path.name)
            if content:
                found.append(_shown(content) | {"bytes": size_of(path)})
        return found

    def settle(self) -> None:
        """Finish or take back what a process that was killed left; for the start."""
        for path in sorted(self.folder.iterdir()) if self.folder.exists() else []:
            workspace, _dot, step = path.name.partition(".")
            if step in {PACKING[1:], RESTORED[1:]}:
                remove_tree(path)
            elif self.read(workspace) and any(live.exists() for live in self._live(workspace)):
                self._remove_live(workspace)
                log.warning("an archive was settled", extra={"workspace": workspace})
            if step == RESTORING[1:]:
                self._rename(path, path.with_name(workspace))

    def archive(self, workspace: str, by: str, *, dry_run: bool = False) -> dict[str, Any]:
        """Pack both trees of a workspace and remove them; raise ArchiveError."""
        draft = None if dry_run else self.folder / (workspace + PACKING)
        with self._step(workspace, draft):
            if self.since(workspace):
                raise ArchiveError(f"The workspace '{workspace}' is archived already.")
            live = self._live(workspace)
            if not any(path.exists() for path in live):
                raise ArchiveError(f"There is no workspace '{workspace}'.")
            if dry_run:
                paths = [path for root in live for path in packing.files_of(root)]
                size = sum(size_of(path) for path in live)
                return {"workspace": workspace, "files": len(paths), "bytes": size}
            content = self._pack(workspace, by)
            self._remove_live(workspace)
            metrics.ARCHIVES.labels("archive").inc()
            log.info("workspace archived", extra=_shown(content))
            return _shown(content)

    def restore(self, workspace: str, by: str) -> dict[str, Any]:
        """Put an archived workspace back and drop its archive; raise ArchiveError."""
        with self._step(workspace):
            content, place = self.read(workspace), self.folder / workspace
            if content is None:
                raise ArchiveError(f"There is no archive of the workspace '{workspace}'.")
            for tree in TREES:
                packing.verify(place / f"{tree}.tar.gz", content["trees"][tree])
            restoring = self._rename(place, place.with_name(workspace + RESTORING))
            try:
                self._unpack(workspace, restoring, content)
            except BaseException:
                self._remove_live(workspace)
                self._rename(restoring, place)
                raise
            remove_tree(self._rename(restoring, place.with_name(workspace + RESTORED)))
            metrics.ARCHIVES.labels("restore").inc()
            log.info("workspace restored", extra=_shown(content) | {"by": by})
            return _shown(content)

    def drop(self, workspace: str, target: Path) -> None:
        """Move an archive out of the way by one rename; its jobs' outputs count no more."""
        with self._step(workspace):
            self._store.lose_outputs(workspace)
            (self.folder / workspace).rename(target)
            flush_folder(self.folder)

    @contextmanager
    def _step(self, workspace: str, draft: Path | None = None) -> Iterator[None]:
        """Keep requests of a workspace out, once no job of it is active.

        A `draft` keeps them out from before this is looked at; it is dropped at the end.
        """
        with self._lock:
            if workspace in self._busy:
                raise ArchiveError(f"The workspace '{workspace}' is being archived or restored.")
            self._busy.add(workspace)
        try:
            if draft:
                draft.mkdir(mode=0o750, parents=True, exist_ok=True)
            waiting = [r for r in self._store.new_requests() if r.workspace == workspace]
            active = [job.id for job in self._store.active_jobs() if job.workspace == workspace]
            if not self._store.knows_history():
                raise ArchiveError("The runner does not know its jobs yet: see its journal.")
            if waiting or active:
                names = ", ".join(active) or "a request that is new"
                raise ArchiveError(f"Jobs of the workspace '{workspace}' are active: {names}.")
            yield
        except packing.PackingError as error:
            raise ArchiveError(str(error)) from error
        except OSError as error:
            raise ArchiveError(f"The disk does not take it: {error.strerror}.") from error
        finally:
            if draft:
                remove_tree(draft)
            self._busy.discard(workspace)

    def _live(self, workspace: str) -> tuple[Path, Path]:
        high, medium = (base / "workspaces" / workspace for base in self._bases)
        return high, medium

    def _pack(self, workspace: str, by: str) -> dict[str, Any]:
        """Make the archive, read it back and give it its name, which is the mark of a whole one."""
        draft = self.folder / (workspace + PACKING)
        trees, digests = {}, {}
        for tree, live in zip(TREES, self._live(workspace), strict=True):
            file = draft / f"{tree}.tar.gz"
            trees[tree] = packing.pack(live, file)
            packing.verify(file, trees[tree])
            digests[file.name] = packing.digest(file)
        outputs = Manifest(self._live(workspace)[1], workspace).outputs.values()
        content = {
            "workspace": workspace,
            "archived_at": self._now(),
            "by": by,
            "jobs": sorted({entry.job_id for entry in outputs}),
            "archives": digests,
            "trees": trees,
        }
        write_atomic(draft / LIST, json.dumps(content, indent=1).encode())
        flush_tree(draft)
        self._rename(draft, self.folder / workspace)
        return content

    def _unpack(self, workspace: str, place: Path, content: dict[str, Any]) -> None:
        for tree, live in zip(TREES, self._live(workspace), strict=True):
            remove_tree(live)
            live.mkdir(mode=0o750, parents=True)
            packing.unpack(place / f"{tree}.tar.gz", live, content["trees"][tree])
            flush_tree(live)
            flush_folder(live.parent)

    def _remove_live(self, workspace: str) -> None:
        for live in self._live(workspace):
            remove_tree(live)

    def _rename(self, old: Path, new: Path) -> Path:
        old.rename(new)
        flush_folder(new.parent)
        return new


def archived(settings: Settings, workspace: str) -> str | None:
    """Return when a workspace was archived, in wire form; empty while that is under way.

    None where it is live. Only the disk is asked, so every thread and process may.
    """
    folder = settings.high_privacy_storage_base / FOLDER
    if any((folder / (workspace + step)).exists() for step in (PACKING, RESTORING)):
        return ""
    try:
        return str(json.loads((folder / workspace / LIST).read_bytes())["archived_at"])
    except FileNotFoundError:
        return None


def _shown(content: dict[str, Any]) -> dict[str, Any]:
    """Return what people are told of an archive."""
    number = sum(len(files) for files in content["trees"].values())
    names = ("workspace", "archived_at", "by")
    return {name: content[name] for name in names} | {"files": number}
