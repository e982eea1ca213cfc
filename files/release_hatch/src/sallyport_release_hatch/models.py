"""People, workspace files, requests and votes, and the rules that hold between them."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sallyport_common.problems import Problem
from sallyport_disclosure.findings import Finding


class BadInputError(Problem):
    """What was sent cannot be used; `problems` has one sentence each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(self.problems))


LONGEST_TEXT = 20_000
"""Characters that a person may write in one form."""


def check_length(*texts: str) -> None:
    """Raise BadInputError for a string that is too long to be kept; nothing is cut off silently."""
    if any(len(text) > LONGEST_TEXT for text in texts):
        raise BadInputError([f"Write at most {LONGEST_TEXT:,} characters in one field."])


class RequestState(enum.StrEnum):
    """The state of a release request."""

    PENDING = "PENDING"
    SUBMITTED = "SUBMITTED"
    PARTIALLY_REVIEWED = "PARTIALLY_REVIEWED"
    REVIEWED = "REVIEWED"
    RETURNED = "RETURNED"
    APPROVED = "APPROVED"
    RELEASED = "RELEASED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


AUTHOR_STATES = frozenset({RequestState.PENDING, RequestState.RETURNED})
BLIND_STATES = frozenset({RequestState.SUBMITTED, RequestState.PARTIALLY_REVIEWED})
REVIEW_STATES = BLIND_STATES | {RequestState.REVIEWED}
ACTIVE_STATES = AUTHOR_STATES | REVIEW_STATES
DECIDED_STATES = frozenset(RequestState) - ACTIVE_STATES

TRANSITIONS: dict[RequestState, frozenset[RequestState]] = {
    RequestState.PENDING: frozenset({RequestState.SUBMITTED, RequestState.WITHDRAWN}),
    RequestState.RETURNED: frozenset({RequestState.SUBMITTED, RequestState.WITHDRAWN}),
    RequestState.SUBMITTED: frozenset({RequestState.PARTIALLY_REVIEWED, RequestState.RETURNED}),
    RequestState.PARTIALLY_REVIEWED: frozenset({RequestState.REVIEWED, RequestState.RETURNED}),
    RequestState.REVIEWED: frozenset(
        {RequestState.APPROVED, RequestState.REJECTED, RequestState.RETURNED}
    ),
    RequestState.APPROVED: frozenset({RequestState.RELEASED, RequestState.RETURNED}),
    RequestState.RELEASED: frozenset(),
    RequestState.REJECTED: frozenset(),
    RequestState.WITHDRAWN: frozenset(),
}


class Vote(enum.StrEnum):
    """A checker's opinion on one file."""

    APPROVED = "APPROVED"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    UNDECIDED = "UNDECIDED"


class Decision(enum.StrEnum):
    """What the votes of those who submitted a review amount to."""

    INCOMPLETE = "INCOMPLETE"
    APPROVED = "APPROVED"
    CONFLICTED = "CONFLICTED"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"


def decide(votes: Iterable[Vote]) -> Decision:
    """Consolidate the votes on a file: two approvals approve, fewer than two votes say nothing."""
    cast = [vote for vote in votes if vote is not Vote.UNDECIDED]
    approvals = cast.count(Vote.APPROVED)
    if len(cast) < 2:
        return Decision.INCOMPLETE
    if approvals >= 2:
        return Decision.APPROVED
    return Decision.CONFLICTED if approvals else Decision.CHANGES_REQUESTED


@dataclass(frozen=True)
class WorkspaceAccess:
    """What the job server says about a person's workspace."""

    project: str
    ongoing: bool
    archived: bool


@dataclass(frozen=True)
class Identity:
    """A person as the job server knows them."""

    username: str
    fullname: str
    workspaces: dict[str, WorkspaceAccess]
    copiloted: frozenset[str]
    output_checker: bool
    readonly_access: bool

    @classmethod
    def from_wire(cls, body: dict[str, Any]) -> Identity:
        """Read the job server's level-4 user; raise KeyError or TypeError for another shape."""
        workspaces = {
            name: WorkspaceAccess(
                project=str(entry["project_details"]["name"]),
                ongoing=bool(entry["project_details"]["ongoing"]),
                archived=bool(entry["archived"]),
            )
            for name, entry in body["workspaces"].items()
        }
        return cls(
            username=str(body["username"]),
            fullname=str(body.get("fullname") or body["username"]),
            workspaces=workspaces,
            copiloted=frozenset(body.get("copiloted_workspaces") or {}),
            output_checker=body["output_checker"] is True,
            readonly_access=body.get("readonly_access") is True,
        )

    def may_view(self, workspace: str) -> bool:
        """Return whether the person may look at a workspace's outputs."""
        everywhere = self.output_checker or self.readonly_access
        return everywhere or workspace in self.workspaces or workspace in self.copiloted

    def may_author(self, workspace: str) -> bool:
        """Return whether the person may ask for a release from a workspace."""
        access = self.workspaces.get(workspace)
        return access is not None and access.ongoing and not access.archived

    def may_review(self, author: str) -> bool:
        """Return whether the person may check a request of an author: never their own."""
        return self.output_checker and self.username != author


@dataclass(frozen=True, kw_only=True)
class WorkspaceFile:
    """An output in the medium-privacy workspace, as the manifest describes it."""

    name: str
    size: int
    sha256: str
    date: str
    job_id: str
    commit: str
    excluded: bool = False
    message: str = ""
    stale: bool = False


@dataclass(frozen=True, kw_only=True)
class RequestFile:
    """A frozen copy that a request asks to release."""

    id: str
    request: str
    name: str
    sha256: str
    size: int
    date: str
    job_id: str
    commit: str
    findings: tuple[Finding, ...] = ()
    file_id: str | None = None
    uploaded: bool = False


@dataclass(frozen=True, kw_only=True)
class ReleaseRequest:
    """A request and everything that was said about it."""

    id: str
    workspace: str
    author: str
    state: RequestState
    turn: int
    purpose: str
    context: str
    controls: str
    created_at: str
    decided_by: str | None
    decided_at: str | None
    problem: str | None
    files: tuple[RequestFile, ...] = ()
    votes: dict[tuple[str, str], Vote] = field(default_factory=dict)
    """By file id and reviewer."""
    submitted: tuple[str, ...] = ()
    """Reviewers who handed in their review in this turn, in order."""
    comments: tuple[Comment, ...] = ()

    def decision(self, file_id: str) -> Decision:
        """Return what the submitted reviews say about a file."""
        return decide(
            self.votes.get((file_id, reviewer), Vote.UNDECIDED) for reviewer in self.submitted
        )

    def approvers(self, file_id: str) -> list[str]:
        """Return who approved a file in a submitted review."""
        return [name for name in self.submitted if self.votes.get((file_id, name)) is Vote.APPROVED]

    def votes_of(self, reviewer: str) -> dict[str, Vote]:
        """Return one reviewer's votes by file id."""
        return {file: vote for (file, name), vote in self.votes.items() if name == reviewer}


@dataclass(frozen=True, kw_only=True)
class Comment:
    """Something a person wrote on a request, in one turn."""

    author: str
    turn: int
    text: str
    created_at: str
