"""What the runner tells the hatch about a workspace: its outputs, who made them, and what is stale.

The file and its keys are those of OpenSAFELY's runner, which is why it has no version of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sallyport_common.manifests import reader
from sallyport_common.manifests.fields import Sha256, Size, Workspace
from sallyport_common.outputs import METADATA_FOLDER, PrivacyLevel

FILE = f"{METADATA_FOLDER}/manifest.json"
"""Below the folder of a workspace in the medium-privacy tree."""
LONGEST = 64 * 1024 * 1024
"""Bytes of a manifest: some 100,000 outputs."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output of a workspace.

    `timestamp` is the time of the last change in seconds since 1970. A file that is `excluded` is
    not in the medium-privacy tree, and `message` says why. `row_count` and `col_count` are the
    shape of a table. `out_of_date_action` marks an action that project.yaml no longer has,
    `out_of_date_output` a file that the latest run of its action did not make.
    """

    level: PrivacyLevel
    job_id: str
    job_request: str
    action: str
    user: str
    repo: str
    commit: str
    size: Size
    timestamp: float
    content_hash: Sha256
    excluded: bool = False
    message: str | None = None
    row_count: int | None = None
    col_count: int | None = None
    out_of_date_action: bool = False
    out_of_date_output: bool = False


@dataclass(frozen=True, kw_only=True)
class WorkspaceManifest:
    """The outputs of a workspace by path; `repo` is a key of the format that nothing fills."""

    workspace: Workspace
    repo: str | None = None
    outputs: dict[str, Output] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the content of the file."""
        return reader.write(self)

    @classmethod
    def from_json(cls, raw: bytes) -> WorkspaceManifest:
        """Read the content of the file; raise ManifestError naming every fault."""
        return reader.read(cls, raw, LONGEST)
