"""What the job server talks about: people, places, requests, releases. No I/O."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Any

from sallyport_common.problems import Problem
from sallyport_common.protocol import ACTIONS_FLAG, IMAGES_FLAG, TAGS_FLAG, State, StatusCode
from sallyport_study.catalogue import Catalogue

CANCELLED = "cancelled"
_CLASS = re.compile(r"\A[A-Z]\w*(?:Error|Exception): +")


class AlreadyUploadedError(Problem):
    """The bytes of a released file came before; `file_id` says which file that is."""

    def __init__(self, text: str, file_id: str) -> None:
        super().__init__(text)
        self.file_id = file_id


@dataclass(frozen=True)
class User:
    """A person's account; `roles` are those they hold everywhere, `muted` topics of messages."""

    id: int
    username: str
    fullname: str
    email: str
    password_hash: str
    totp_secret: str | None
    totp_step: int
    roles: list[str]
    is_active: bool
    created_at: str
    muted: list[str]
    only_project: int | None = None
    """The one project to which the access token is limited that stands for the person here."""


@dataclass(frozen=True)
class Identity:
    """An account at the organisation's provider with which a person logs in."""

    id: int
    user_id: int
    issuer: str
    subject: str
    created_at: str
    used_at: str


@dataclass(frozen=True)
class Session:
    """A browser in which a person is logged in, without its secret."""

    id: int
    user_id: int
    address: str
    agent: str
    created_at: str
    seen_at: str
    expires_at: str


@dataclass(frozen=True)
class Operator:
    """Whoever runs commands on the server itself: may do everything, as the database is theirs."""

    username: str = "command line"


@dataclass(frozen=True)
class AccessToken:
    """A personal access token, without the token."""

    id: int
    user_id: int
    label: str
    digest: str
    scope: str
    project_id: int | None
    created_at: str
    expires_at: str
    used_at: str | None
    revoked_at: str | None
    project: str | None


@dataclass(frozen=True)
class Project:
    """A study as an organisation approved it."""

    id: int
    slug: str
    name: str
    ongoing: bool
    created_at: str


@dataclass(frozen=True)
class Member:
    """A person's roles in a project."""

    username: str
    fullname: str
    roles: list[str]


@dataclass(frozen=True)
class Workspace:
    """A repository and branch whose actions run and whose outputs are kept together."""

    id: int
    name: str
    project_id: int
    repo: str
    branch: str
    archived: bool
    created_at: str
    project: str
    project_name: str
    project_ongoing: bool
    created_by: str


@dataclass(frozen=True)
class Backend:
    """A secure installation that runs jobs.

    `changes` is the counter behind ETags, `reports` counts what it said about jobs.
    """

    id: int
    slug: str
    name: str
    hatch_url: str
    is_active: bool
    changes: int
    reports: int
    flags: dict[str, Any]
    last_seen_at: str | None
    created_at: str

    @property
    def images(self) -> Catalogue | None:
        """The images that its runner has, by name; None if it does not say, as older ones do."""
        names = self._told(IMAGES_FLAG)
        return Catalogue.from_flags(names, self._told(TAGS_FLAG)) if names else None

    @property
    def actions(self) -> tuple[str, str]:
        """`FORGE/ORGANISATION` and branch of its reusable actions; both empty if it runs none."""
        home, _space, branch = self._told(ACTIONS_FLAG).partition(" ")
        return home, branch

    def _told(self, flag: str) -> str:
        value = (self.flags.get(flag) or {}).get("v")
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class BackendToken:
    """A backend's token, without the token."""

    id: int
    backend_id: int
    scope: str
    digest: str
    created_at: str


@dataclass(frozen=True)
class JobRequest:
    """Actions that a person asked for, with the names that the wire format shows beside them."""

    id: int
    identifier: str
    workspace_id: int
    backend_id: int
    sha: str
    branch: str
    requested_actions: list[str]
    cancelled_actions: list[str]
    force_run_dependencies: bool
    codelists_ok: bool
    database_name: str
    planned_actions: list[str] | None
    note: str
    envelope: str
    created_at: str
    expires_at: str
    workspace: str
    workspace_created_at: str
    repo: str
    project: str
    backend: str
    created_by: str
    created_by_id: int


@dataclass(frozen=True)
class Outcome:
    """How a job went: its `status` and `status_code` on the wire."""

    status: str
    status_code: str

    @property
    def shown(self) -> str:
        """What people are shown: the wire has no status for a job that was cancelled."""
        if self.status == State.FAILED and self.status_code == StatusCode.CANCELLED_BY_USER:
            return CANCELLED
        return self.status


@dataclass(frozen=True)
class Job(Outcome):
    """One action's run as its runner last reported it."""

    id: int
    identifier: str
    job_request_id: int
    action: str
    run_command: str
    status_message: str
    created_at: str
    updated_at: str | None
    started_at: str | None
    completed_at: str | None
    requires_db: bool
    trace_context: dict[str, Any] | None
    metrics: dict[str, Any] | None
    run_record: str | None

    @property
    def message(self) -> str:
        """The message without the name of a class, with which older runners begin some."""
        return _CLASS.sub("", self.status_message, count=1)


@dataclass(frozen=True)
class Release:
    """Files of a workspace that two checkers approved."""

    id: str
    workspace_id: int
    backend_id: int
    created_by: str
    created_at: str
    details: dict[str, Any]
    workspace: str
    project: str
    backend: str


@dataclass(frozen=True)
class ReleaseFile:
    """One file of a release; its bytes are there once `uploaded_at` is set."""

    id: str
    release_id: str
    workspace_id: int
    name: str
    sha256: str
    size: int
    date: str
    details: dict[str, Any]
    review: dict[str, Any] | None
    created_by: str
    uploaded_by: str | None
    uploaded_at: str | None
    deleted_by: str | None
    deleted_at: str | None
    deleted_reason: str
    workspace: str
    project: str
    backend: str

    @property
    def is_here(self) -> bool:
        """Return whether the bytes were uploaded and not removed."""
        return self.uploaded_at is not None and self.deleted_at is None


class JobState(enum.StrEnum):
    """The states of a job as people are shown them."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = CANCELLED


class RequestState(enum.StrEnum):
    """The states by which people look for job requests."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = CANCELLED


class SetState(enum.StrEnum):
    """What was decided about a set of files."""

    WAITING = "waiting"
    PUBLISHED = "published"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Snapshot:
    """A frozen set of released files that somebody proposed for publication."""

    id: int
    workspace_id: int
    key: str
    created_by: str
    created_at: str
    published_by: str | None
    published_at: str | None
    rejected_by: str | None
    rejected_at: str | None
    project_id: int
    workspace: str
    project: str
    project_name: str

    @property
    def state(self) -> SetState:
        """Return the state; what was public and was rejected afterwards is withdrawn."""
        if self.rejected_at:
            return SetState.WITHDRAWN if self.published_at else SetState.REJECTED
        return SetState.PUBLISHED if self.published_at else SetState.WAITING

    @property
    def is_public(self) -> bool:
        """Return whether everybody may read its files."""
        return self.state is SetState.PUBLISHED


@dataclass(frozen=True)
class Comment:
    """What a person said about a set of files; `kind` is `comment` or what they did with it."""

    id: int
    snapshot_id: int
    kind: str
    text: str
    created_by: str
    created_at: str


@dataclass(frozen=True)
class Message:
    """What a person, or a webhook by its name, is to be told."""

    id: int
    user_id: int | None
    webhook: str
    kind: str
    data: dict[str, Any]
    tries: int
    fault: str
    created_at: str
    due_at: str


@dataclass(frozen=True)
class AuditRow:
    """One row of the audit chain, for the page that shows it."""

    seq: int
    time: str
    actor: str
    event: str
    object: str
    data: dict[str, Any]
