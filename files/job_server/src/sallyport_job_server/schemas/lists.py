"""Queries and answers of the lists of `/api/v1`.

A list has `results` and `next`, which is the `cursor` of the page behind it, or null on the last.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from sallyport_job_server.models import JobState, RequestState, SetState
from sallyport_job_server.schemas import Answer, Body
from sallyport_job_server.schemas.jobs import ListedJob
from sallyport_job_server.schemas.people import Project, Workspace

MOST = 100
Cursor = Annotated[
    str, Meta(pattern="^[0-9]{0,18}$", description="`next` of the page before, or nothing")
]
Limit = Annotated[int, Meta(ge=1, le=MOST, description=f"a number of rows from 1 to {MOST}")]
Search = Annotated[str, Meta(description="a part of a name, whatever its case")]
Day = Annotated[
    str, Meta(pattern="^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="a day, as in 2026-11-30")
]
WorkspaceName = Annotated[str, Meta(description="the name of a workspace")]


class PageQuery(Body):
    """Which page of a list."""

    cursor: Cursor = ""
    limit: Limit = 50


class SearchQuery(PageQuery):
    """Which page of a list, of rows that match."""

    search: Search = ""


class WorkspacesQuery(SearchQuery):
    """Which workspaces."""

    project: Annotated[str, Meta(description="the slug of a project")] = ""


class JobRequestsQuery(PageQuery):
    """Which job requests, newest first."""

    workspace: WorkspaceName = ""
    search: Annotated[str, Meta(description="part of an action or a note, or an identifier")] = ""
    state: Annotated[RequestState | None, Meta(description=f"one of {', '.join(RequestState)}")] = (
        None
    )
    backend: Annotated[str, Meta(description="the slug of a backend")] = ""
    person: Annotated[str, Meta(description="the user name of who asked for it")] = ""
    since: Day = ""
    until: Day = ""


class JobsQuery(PageQuery):
    """Which jobs, newest first."""

    workspace: WorkspaceName = ""
    action: Annotated[str, Meta(description="the whole name of an action")] = ""
    status: Annotated[JobState | None, Meta(description=f"one of {', '.join(JobState)}")] = None


class PublicationsQuery(PageQuery):
    """Which sets of files."""

    state: Annotated[SetState, Meta(description=f"one of {', '.join(SetState)}")] = SetState.WAITING


class AuditQuery(PageQuery):
    """Which rows of the audit, newest first."""

    event: Annotated[str, Meta(description="how the name of the event starts")] = ""
    actor: Annotated[str, Meta(description="part of who did it")] = ""
    object: Annotated[str, Meta(description="part of what it was done to")] = ""
    since: Day = ""
    until: Day = ""


class Me(Answer):
    """Who calls; `permissions` are those that are held everywhere."""

    username: str
    fullname: str
    email: str
    roles: list[str]
    permissions: list[str]
    projects: dict[str, list[str]]


class Account(Answer):
    """An account, for those who manage them."""

    username: str
    fullname: str
    email: str
    roles: list[str]
    is_active: bool
    created_at: str


class Accounts(Answer):
    """A page of accounts."""

    results: list[Account]
    next: str | None


class Projects(Answer):
    """A page of projects."""

    results: list[Project]
    next: str | None


class ProjectMember(Answer):
    """A person in a project."""

    username: str
    fullname: str
    roles: list[str]


class ProjectDetails(Answer):
    """A project with its members and the names of its workspaces."""

    slug: str
    name: str
    members: list[ProjectMember]
    workspaces: list[str]


class Workspaces(Answer):
    """A page of workspaces."""

    results: list[Workspace]
    next: str | None


class JobRequestLine(Answer):
    """A job request in a list."""

    identifier: str
    workspace: str
    project: str
    backend: str
    branch: str
    sha: str
    requested_actions: list[str]
    cancelled_actions: list[str]
    note: str
    created_by: str
    created_at: str
    status: JobState
    url: str


class JobRequests(Answer):
    """A page of job requests."""

    results: list[JobRequestLine]
    next: str | None


class Jobs(Answer):
    """A page of jobs."""

    results: list[ListedJob]
    next: str | None


class Publication(Answer):
    """A set of files that was proposed for publication."""

    id: int
    workspace: str
    project: str
    state: SetState
    created_by: str
    created_at: str
    published_by: str | None
    published_at: str | None
    rejected_by: str | None
    rejected_at: str | None


class Publications(Answer):
    """A page of sets of files."""

    results: list[Publication]
    next: str | None


class AuditLine(Answer):
    """A row of the audit."""

    seq: int
    time: str
    actor: str
    event: str
    object: str
    data: dict[str, Any]


class AuditRows(Answer):
    """A page of the audit."""

    results: list[AuditLine]
    next: str | None
