"""manifest.json of a workspace: what each output is, who made it, and whether it is current."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sallyport_common.manifests import WORKSPACE_MANIFEST
from sallyport_common.paths import write_atomic

Entry = dict[str, Any]


class Manifest:
    """The manifest in the medium-privacy folder of one workspace."""

    def __init__(self, folder: Path, workspace: str) -> None:
        self._path = folder / WORKSPACE_MANIFEST
        self._workspace = workspace
        self._content: dict[str, Any] = {"workspace": workspace, "repo": None, "outputs": {}}
        if self._path.exists():
            self._content |= json.loads(self._path.read_text(encoding="utf-8"))

    @property
    def outputs(self) -> dict[str, Entry]:
        """Every file's entry by path."""
        found: dict[str, Entry] = self._content["outputs"]
        return found

    def record(self, action: str, new: dict[str, Entry]) -> None:
        """Add the files of a run; those of the action's earlier runs become out of date."""
        for path, entry in self.outputs.items():
            if entry["action"] == action and path not in new:
                entry["out_of_date_output"] = True
        self.outputs.update(new)

    def flag_actions(self, actions: Iterable[str]) -> None:
        """Say for each file whether project.yaml still has the action that made it."""
        known = set(actions)
        for entry in self.outputs.values():
            entry["out_of_date_action"] = entry["action"] not in known

    def save(self) -> None:
        """Write the file in one step."""
        text = json.dumps(self._content, indent=2, sort_keys=True)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._path, text.encode())
