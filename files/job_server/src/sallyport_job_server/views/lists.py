"""The lists of `/api/v1`, and what they list by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct

from sallyport_common.schemas import fill
from sallyport_job_server.models import JobRequest, User
from sallyport_job_server.roles import permissions_of
from sallyport_job_server.schemas import lists as schemas
from sallyport_job_server.schemas import people
from sallyport_job_server.schemas.jobs import ListedJob as ListedJobAnswer
from sallyport_job_server.services.lists import ListedJob, Portion
from sallyport_job_server.views.api import PERSON, blueprint
from sallyport_job_server.views.context import absolute, services
from sallyport_job_server.views.operations import operation

__all__ = ["blueprint"]
T = TypeVar("T")
S = TypeVar("S", bound=Struct)


def _listed(kind: type[S], portion: Portion[T], row: Callable[[T], object]) -> S:
    values: dict[str, Any] = {"results": [row(one) for one in portion.results]}
    return kind(**values, next=portion.next)


def _plain(kind: type[S], portion: Portion[Any], row: type[Struct]) -> S:
    return _listed(kind, portion, lambda one: fill(row, one))


@blueprint.get("/me")
@operation(schemas.Me, by=PERSON)
def me(user: User) -> object:
    """Return who calls, with roles and permissions."""
    by_project = services().accounts.projects_of(user)
    permissions = sorted(permissions_of(user.roles))
    return fill(schemas.Me, user, permissions=permissions, projects=by_project)


@blueprint.get("/users")
@operation(schemas.Accounts, by=PERSON, query=schemas.SearchQuery)
def users(user: User, query: schemas.SearchQuery) -> object:
    """List accounts."""
    return _plain(schemas.Accounts, services().lists.accounts(user, query), schemas.Account)


@blueprint.get("/projects")
@operation(schemas.Projects, by=PERSON, query=schemas.SearchQuery)
def projects(user: User, query: schemas.SearchQuery) -> object:
    """List projects."""
    return _plain(schemas.Projects, services().lists.projects(user, query), people.Project)


@blueprint.get("/projects/<slug>")
@operation(schemas.ProjectDetails, by=PERSON)
def project(user: User, slug: str) -> object:
    """Return a project."""
    view = services().directory.project(user, slug)
    members = [fill(schemas.ProjectMember, one) for one in view.members]
    names = [one.name for one in view.workspaces]
    return fill(schemas.ProjectDetails, view.project, members=members, workspaces=names)


@blueprint.get("/workspaces")
@operation(schemas.Workspaces, by=PERSON, query=schemas.WorkspacesQuery)
def workspaces(user: User, query: schemas.WorkspacesQuery) -> object:
    """List workspaces."""
    return _plain(schemas.Workspaces, services().lists.workspaces(user, query), people.Workspace)


@blueprint.get("/job-requests")
@operation(schemas.JobRequests, by=PERSON, query=schemas.JobRequestsQuery)
def job_requests(user: User, query: schemas.JobRequestsQuery) -> object:
    """List job requests, newest first."""
    portion, states = services().lists.job_requests(user, query)

    def row(one: JobRequest) -> object:
        url = absolute("research.job_request", identifier=one.identifier)
        return fill(schemas.JobRequestLine, one, status=states[one.id], url=url)

    return _listed(schemas.JobRequests, portion, row)


@blueprint.get("/jobs")
@operation(schemas.Jobs, by=PERSON, query=schemas.JobsQuery)
def jobs(user: User, query: schemas.JobsQuery) -> object:
    """List jobs, newest first."""
    return _listed(schemas.Jobs, services().lists.jobs(user, query), _job)


@blueprint.get("/jobs/<identifier>")
@operation(ListedJobAnswer, by=PERSON)
def job(user: User, identifier: str) -> object:
    """Return a job."""
    view = services().history.job(user, identifier)
    return _job(ListedJob(view.job, view.request))


def _job(one: ListedJob) -> ListedJobAnswer:
    return fill(
        ListedJobAnswer,
        one.job,
        job_request=one.request.identifier,
        workspace=one.request.workspace,
        backend=one.request.backend,
        status=one.job.shown,
    )


@blueprint.get("/publications")
@operation(schemas.Publications, by=PERSON, query=schemas.PublicationsQuery)
def publications(user: User, query: schemas.PublicationsQuery) -> object:
    """List sets of files that were proposed for publication, newest first."""
    portion = services().lists.publications(user, query)
    return _plain(schemas.Publications, portion, schemas.Publication)


@blueprint.get("/audit")
@operation(schemas.AuditRows, by=PERSON, query=schemas.AuditQuery)
def audit(user: User, query: schemas.AuditQuery) -> object:
    """List rows of the audit, newest first."""
    return _plain(schemas.AuditRows, services().lists.audit(user, query), schemas.AuditLine)
