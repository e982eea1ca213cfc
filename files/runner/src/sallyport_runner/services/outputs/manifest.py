"""manifest.json of a workspace: what each output is, who made it, and whether it is current."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from sallyport_common.manifests import ManifestError, Output, WorkspaceManifest, workspace
from sallyport_common.paths import write_atomic

FILE = workspace.FILE
REMEMBERED = 40_000
"""Entries of manifests that stay in memory; one takes about 1.5 kB."""
_INSIDE = ",\n      "
_encode = json.JSONEncoder(sort_keys=True, separators=(_INSIDE, ": ")).encode
Version = tuple[int, int, int]


class FullManifestError(ManifestError):
    """A workspace has more outputs than a manifest can list."""


class Manifest:
    """The manifest in the medium-privacy folder of one workspace; raises ManifestError.

    A workspace of a large study has tens of thousands of entries, of which a job changes a few:
    the text of each entry is kept, and only what is new is written and checked again.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / FILE
        self._manifest = (
            WorkspaceManifest.from_json(self._path.read_bytes())
            if self._path.exists()
            else WorkspaceManifest(workspace=name)
        )
        self._texts: dict[str, str] = {}
        self._new: set[str] = set()

    @property
    def outputs(self) -> Mapping[str, Output]:
        """Every file's entry by path."""
        return self._manifest.outputs

    def _set(self, path: str, output: Output) -> None:
        if self.outputs.get(path) != output:
            self._manifest.outputs[path] = output
            self._texts.pop(path, None)
            self._new.add(path)

    def record(self, action: str, new: dict[str, Output]) -> None:
        """Add the files of a run; those of the action's earlier runs become out of date."""
        for path, output in list(self.outputs.items()):
            if output.action == action and path not in new:
                self._set(path, replace(output, out_of_date_output=True))
        for path, output in new.items():
            self._set(path, output)

    def flag_actions(self, actions: Iterable[str]) -> None:
        """Say for each file whether project.yaml still has the action that made it."""
        names = set(actions)
        for path, output in list(self.outputs.items()):
            gone = output.action not in names
            if gone is not output.out_of_date_action:
                self._set(path, replace(output, out_of_date_action=gone))

    def to_json(self) -> bytes:
        """Return the content of the file, as WorkspaceManifest writes it; check what is new."""
        for path, output in self.outputs.items():
            if path not in self._texts:
                self._texts[path] = f"{{\n      {_encode(vars(output))[1:-1]}\n    }}"
        new = self._json({path: self._texts[path] for path in self._new})
        self._check_length(new)
        WorkspaceManifest.from_json(new)
        self._new.clear()
        text = self._json(self._texts)
        if len(text) > workspace.LONGEST:
            self._drop_old()
            text = self._json(self._texts)
        self._check_length(text)
        return text

    @staticmethod
    def _check_length(text: bytes) -> None:
        if len(text) > workspace.LONGEST:
            raise FullManifestError([f"The manifest has more than {workspace.LONGEST} bytes."])

    def _drop_old(self) -> None:
        """Forget the files that an earlier run left: nobody is shown them."""
        for path, output in list(self.outputs.items()):
            if output.out_of_date_output:
                del self._manifest.outputs[path], self._texts[path]

    def _json(self, texts: Mapping[str, str]) -> bytes:
        """Return a manifest with these entries."""
        rows = ",\n".join(f"    {json.dumps(path)}: {text}" for path, text in sorted(texts.items()))
        outputs = f"{{\n{rows}\n  }}" if rows else "{}"
        repo, name = json.dumps(self._manifest.repo), json.dumps(self._manifest.workspace)
        return (
            f'{{\n  "outputs": {outputs},\n  "repo": {repo},\n  "workspace": {name}\n}}\n'
        ).encode()

    def save(self) -> None:
        """Write the file in one step."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._path, self.to_json())

    @property
    def version(self) -> Version | None:
        """What changes whenever somebody writes the file; None when it does not exist."""
        with contextlib.suppress(FileNotFoundError):
            status = self._path.stat()
            return status.st_ino, status.st_size, status.st_mtime_ns
        return None


class Manifests:
    """The manifests of the medium tree; those used last stay in memory while nobody changes them.

    One thread at a time may use the manifest of a workspace.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._lock = root, threading.Lock()
        self._kept: OrderedDict[str, tuple[Version | None, Manifest]] = OrderedDict()

    def take(self, name: str) -> Manifest:
        """Return the manifest of a workspace as it is on disk; raise ManifestError."""
        with self._lock:
            version, manifest = self._kept.pop(name, (None, None))
        if manifest is None or manifest.version != version:
            return Manifest(self._root / name, name)
        return manifest

    def keep(self, name: str, manifest: Manifest) -> None:
        """Remember a manifest that was just written."""
        with self._lock:
            self._kept[name] = manifest.version, manifest
            while sum(len(kept.outputs) for _version, kept in self._kept.values()) > REMEMBERED:
                self._kept.popitem(last=False)
