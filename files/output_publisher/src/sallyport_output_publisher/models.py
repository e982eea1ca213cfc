"""What the publisher deals in: approved requests, and the ways in which publishing can end."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from sallyport_common.errors import SallyportError
from sallyport_common.manifests import ApprovedFile, ApprovedManifest


class RefusedError(SallyportError):
    """A request must not be published as it is; trying again soon would not help."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(self.problems))


class PostponedError(SallyportError):
    """Publishing failed for now and is tried again."""


class Progress(enum.StrEnum):
    """How far a request has come."""

    PUBLISHED = "published"
    POSTPONED = "postponed"
    REFUSED = "refused"


@dataclass(frozen=True)
class ApprovedRequest:
    """A request that passed every check; the digest is that of the manifest's bytes."""

    manifest: ApprovedManifest
    manifest_sha256: str

    @property
    def id(self) -> str:
        """The request's id."""
        return self.manifest.request

    @property
    def files(self) -> tuple[ApprovedFile, ...]:
        """The files to publish."""
        return self.manifest.files
