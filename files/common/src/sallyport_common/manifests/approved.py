"""What the hatch tells the publisher about an approved request: the files, and who decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sallyport_common.manifests import reader
from sallyport_common.manifests.fields import Backend, Moment, Person, Sha256, Size, Workspace

FILE = "manifest.json"
"""Below the folder of a request in the approved tree."""
LONGEST = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class ApprovedFile:
    """One file of a request; its bytes are beside the manifest, named by their SHA-256."""

    name: str
    sha256: Sha256
    size: Size
    date: Moment
    job_id: str
    commit: str
    approved_by: tuple[Person, ...]


@dataclass(frozen=True, kw_only=True)
class ApprovedManifest:
    """A request that checkers approved; `policy` is the version of the rules that they had."""

    request: str
    backend: Backend
    workspace: Workspace
    author: Person
    releasing_checker: Person
    approved_at: Moment
    created_at: Moment
    reviewers: tuple[Person, ...]
    policy: str
    files: tuple[ApprovedFile, ...]
    version: Literal[1] = 1
    state: Literal["APPROVED"] = "APPROVED"

    def to_json(self) -> bytes:
        """Return the content of the file."""
        return reader.write(self)

    @classmethod
    def from_json(cls, raw: bytes) -> ApprovedManifest:
        """Read the content of the file; raise ManifestError naming every fault."""
        return reader.read(cls, raw, LONGEST)
