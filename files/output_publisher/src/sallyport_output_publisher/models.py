"""What the publisher deals in: approved requests, and the ways in which publishing can end."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from sallyport_common.errors import SallyportError


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


@dataclass(frozen=True, kw_only=True)
class ApprovedFile:
    """One file of an approved request."""

    name: str
    sha256: str
    size: int
    date: str


@dataclass(frozen=True, kw_only=True)
class ApprovedRequest:
    """A request that passed every check, as the hatch handed it over."""

    id: str
    workspace: str
    author: str
    releasing_checker: str
    reviewers: tuple[str, ...]
    policy: str
    manifest_sha256: str
    files: tuple[ApprovedFile, ...]
