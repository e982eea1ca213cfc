"""manifest.json of a workspace: what each output is, who made it, and whether it is current."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from sallyport_common.manifests import Output, WorkspaceManifest, workspace
from sallyport_common.paths import write_atomic


class Manifest:
    """The manifest in the medium-privacy folder of one workspace; raises ManifestError."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / workspace.FILE
        self._manifest = (
            WorkspaceManifest.from_json(self._path.read_bytes())
            if self._path.exists()
            else WorkspaceManifest(workspace=name)
        )

    @property
    def outputs(self) -> dict[str, Output]:
        """Every file's entry by path."""
        return self._manifest.outputs

    def record(self, action: str, new: dict[str, Output]) -> None:
        """Add the files of a run; those of the action's earlier runs become out of date."""
        for path, output in self.outputs.items():
            if output.action == action and path not in new:
                self.outputs[path] = replace(output, out_of_date_output=True)
        self.outputs.update(new)

    def flag_actions(self, actions: Iterable[str]) -> None:
        """Say for each file whether project.yaml still has the action that made it."""
        names = set(actions)
        for path, output in self.outputs.items():
            self.outputs[path] = replace(output, out_of_date_action=output.action not in names)

    def save(self) -> None:
        """Write the file in one step."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._path, self._manifest.to_json())
