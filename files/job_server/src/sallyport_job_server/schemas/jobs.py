"""Jobs as runners report them and people see them, and what else runners and monitors call."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sallyport_common.protocol import (
    LONGEST_ACTION,
    LONGEST_IDENTIFIER,
    LONGEST_STATUS_CODE,
    State,
)
from sallyport_job_server.models import JobState
from sallyport_job_server.schemas import Answer, Moment


class JobReport(msgspec.Struct, frozen=True):
    """One job as runners post it and read it again; keys that peers add are ignored.

    `run_command`, `status_code` and `status_message` may be missing or null: old runners do so.
    """

    identifier: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST_IDENTIFIER,
            description=f"a string of 1 to {LONGEST_IDENTIFIER} characters",
        ),
    ]
    job_request_id: Annotated[
        str, Meta(min_length=1, description="the identifier of a job request")
    ]
    action: Annotated[
        str,
        Meta(
            max_length=LONGEST_ACTION,
            description=f"a string of at most {LONGEST_ACTION} characters",
        ),
    ]
    status: Annotated[State, Meta(description=f"one of {', '.join(State)}")]
    created_at: Moment
    updated_at: Moment | None
    started_at: Moment | None
    completed_at: Moment | None
    run_command: str | None = None
    status_code: (
        Annotated[
            str,
            Meta(
                max_length=LONGEST_STATUS_CODE,
                description=f"a string of at most {LONGEST_STATUS_CODE} characters",
            ),
        ]
        | None
    ) = None
    status_message: str | None = None
    requires_db: Annotated[bool | Literal[0, 1] | None, Meta(description="true, false, 0 or 1")] = 0
    trace_context: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    run_record: (
        Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="a SHA-256 in hexadecimal")]
        | None
    ) = None

    def columns(self) -> dict[str, Any]:
        """Return the values as the table of jobs has them, `job_request_id` still the wire's."""
        values = msgspec.structs.asdict(self)
        blank = {name: values[name] or "" for name in ("run_command", "status_code")}
        more = {"status_message": self.status_message or "", "requires_db": bool(self.requires_db)}
        return values | blank | more


FaultsOfJobs = list[dict[str, list[str]]] | dict[str, list[str]]
"""How classic servers refuse a report: for each job the faults of each field, or one sentence."""


class Job(Answer):
    """A job as its runner last reported it."""

    identifier: str
    action: str
    run_command: str
    status: JobState
    status_code: str
    status_message: str
    created_at: str
    updated_at: str | None
    started_at: str | None
    completed_at: str | None


class ListedJob(Job):
    """A job by itself: with its request, what it used, and the digest of its record."""

    job_request: str
    workspace: str
    backend: str
    requires_db: bool
    run_record: str | None
    metrics: dict[str, Any] | None


class Reported(Answer):
    """A report of jobs was stored."""

    status: Literal["success"] = "success"


class StoredJobs(Answer):
    """The stored jobs of some requests, as they were reported."""

    results: list[JobReport]


class PastJob(Answer):
    """A stored job, and the workspace of its request."""

    workspace: str
    job: JobReport


class JobHistory(Answer):
    """A page of a backend's jobs in the order of their making; `next` is None on the last one."""

    results: list[PastJob]
    next: int | None


class ListedWorkspace(Answer):
    """The workspace of a listed job request; `db` is the database's oldest name."""

    name: str
    repo: str
    branch: str
    db: str
    created_by: str
    created_at: str


class ListedRequest(Answer):
    """A job request that has not ended; `envelope` is the signed form of it."""

    backend: str
    sha: str
    identifier: str
    force_run_dependencies: bool
    requested_actions: list[str]
    cancelled_actions: list[str]
    created_by: str
    created_at: str
    workspace: ListedWorkspace
    database_name: str
    project: str
    orgs: list[str]
    codelists_ok: bool
    envelope: dict[str, Any]


class Listing(Answer):
    """All job requests of a backend that have not ended, always on one page."""

    count: int
    results: list[ListedRequest]
    next: None = None
    previous: None = None


class ReleaseFlow(Answer):
    """Which way of releasing a workspace uses: that of files, always."""

    uses_new_release_flow: bool


class ProjectPermissions(Answer):
    """What a person may do in one project."""

    slug: str
    permissions: list[str]


class Permissions(Answer):
    """What a person may do everywhere and in projects."""

    everywhere: list[str] = msgspec.field(name="global")
    projects: list[ProjectPermissions]


class ProjectClassicRoles(Answer):
    """A person's roles in one project under their classic names."""

    slug: str
    roles: list[str]


class ClassicRoles(Answer):
    """A person's roles everywhere and in projects under their classic names."""

    everywhere: list[str] = msgspec.field(name="global")
    projects: list[ProjectClassicRoles]


class UserPermissions(Answer):
    """A person's permissions and roles."""

    permissions: Permissions
    roles: ClassicRoles
