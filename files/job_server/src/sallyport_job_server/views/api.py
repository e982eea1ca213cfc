"""The JSON API under `/api/v1`: what people's tools and the `sallyport` command call."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue

from sallyport_common.schemas import encode, fill
from sallyport_common.web import SAFE_METHODS, client_address
from sallyport_job_server.models import ReleaseFile, User
from sallyport_job_server.schemas import people
from sallyport_job_server.schemas.jobs import Job as JobAnswer
from sallyport_job_server.services import password_links
from sallyport_job_server.services.access_tokens import TokenScope, Wish
from sallyport_job_server.services.device_logins import PAUSE
from sallyport_job_server.services.request_views import RequestView
from sallyport_job_server.views.context import absolute, services
from sallyport_job_server.views.openapi import document
from sallyport_job_server.views.operations import Caller, operation

blueprint = Blueprint("api", __name__)
FOLLOW = "X-Sallyport-Follow"
"""Backend, number and whether all is over, of an answer that goes on; it stays in this server."""


def _owner(needed: TokenScope) -> User:
    return services().access_tokens.owner(request.headers.get("Authorization", ""), needed)


def _user() -> User:
    return _owner(TokenScope.READ if request.method in SAFE_METHODS else TokenScope.ALL)


PERSON = Caller("access_token", _user)
"""Whoever reads needs a token of any scope, whoever changes something one for all."""
RUNS = Caller("access_token", lambda: _owner(TokenScope.RUN))
"""Whoever runs or cancels jobs."""


def _request(
    view: RequestView, kind: type[people.JobRequest] = people.JobRequest, **more: object
) -> people.JobRequest:
    page = absolute("research.job_request", identifier=view.request.identifier)
    return fill(
        kind,
        view.request,
        url=page,
        status=view.shown,
        final=view.final,
        problem=view.problem,
        jobs=[fill(JobAnswer, job, status=job.shown) for job in view.actions],
        **more,
    )


def _file(file: ReleaseFile) -> people.File:
    url = absolute("classic_releases.released_file", file_id=file.id)
    return fill(people.File, file, url=url)


@blueprint.get("/openapi.json")
def openapi() -> ResponseReturnValue:
    """Return the description of the APIs."""
    return document(current_app)


@blueprint.post("/tokens")
@operation(people.Token, body=people.TokenBody, status=201)
def create_token(body: people.TokenBody) -> object:
    """Create an access token from user name and password."""
    user = services().accounts.log_in(body.username, body.password, body.totp, client_address())
    wish = Wish(body.label or "api", body.scope, body.project, body.days)
    return people.Token(services().access_tokens.create(user, wish))


@blueprint.post("/device-logins")
@operation(people.Device, body=people.DeviceBody, status=201)
def begin_device_login(body: people.DeviceBody) -> object:
    """Begin a log-in that a person allows on the page `/device/`."""
    begun = services().device_logins.begin(body.label, client_address())
    url = absolute("device_logins.ask")
    return fill(people.Device, begun, url=url, pause=PAUSE)


@blueprint.post("/device-logins/token")
@operation(people.DeviceToken, body=people.DeviceSecretBody)
def fetch_device_token(body: people.DeviceSecretBody) -> object:
    """Return the access token of a log-in that was allowed, once; nulls while it waits."""
    found = services().device_logins.fetch(body.secret)
    if found is None:
        return people.DeviceToken(None, None)
    user, token = found
    return people.DeviceToken(user.username, token)


@blueprint.post("/users")
@operation(people.User, by=PERSON, body=people.UserBody, status=201)
def create_user(user: User, body: people.UserBody) -> object:
    """Create an account."""
    account = services().accounts.create(
        user,
        username=body.username,
        fullname=body.fullname,
        email=body.email,
        password=body.password or None,
        roles=body.roles,
    )
    invitation = None
    if not body.password:
        secret, _expires_at = services().password_links.create(user, account.username)
        invitation = password_links.address(services().url, secret)
    return fill(people.User, account, invitation=invitation)


@blueprint.post("/projects")
@operation(people.Project, by=PERSON, body=people.ProjectBody, status=201)
def create_project(user: User, body: people.ProjectBody) -> object:
    """Create a project."""
    return services().directory.create_project(user, body.slug, body.name)


@blueprint.post("/projects/<slug>/members")
@operation(people.Member, by=PERSON, body=people.MemberBody)
def set_member(user: User, body: people.MemberBody, slug: str) -> object:
    """Set a person's roles in a project."""
    services().directory.set_member(user, slug, body.username, body.roles)
    return fill(people.Member, body, project=slug)


@blueprint.post("/workspaces")
@operation(people.Workspace, by=PERSON, body=people.WorkspaceBody, status=201)
def create_workspace(user: User, body: people.WorkspaceBody) -> object:
    """Create a workspace."""
    return services().directory.create_workspace(
        user, name=body.name, project=body.project, repo=body.repo, branch=body.branch
    )


@blueprint.get("/workspaces/<name>")
@operation(people.Workspace, by=PERSON)
def workspace(user: User, name: str) -> object:
    """Return a workspace."""
    return services().directory.workspace(user, name)


@blueprint.get("/workspaces/<name>/releases")
@operation(list[people.Release], by=PERSON)
def workspace_releases(user: User, name: str) -> object:
    """Return a workspace's releases with the files that were uploaded and not removed."""
    return [
        fill(people.Release, release, files=[_file(file) for file in files if file.is_here])
        for release, files in services().releases.of_workspace(user, name)
    ]


@blueprint.post("/workspaces/<name>/hatch-tokens")
@operation(people.HatchToken, by=PERSON, body=people.HatchTokenBody, status=201)
def create_hatch_token(user: User, body: people.HatchTokenBody, name: str) -> object:
    """Sign a token for reading this workspace at a backend's hatch."""
    return services().hatch_tokens.create(user, name, body.backend)


@blueprint.get("/backends")
@operation(list[people.Backend], by=PERSON)
def backends(user: User) -> object:
    """Return all backends, and which of them this person may use."""
    mine = {backend.slug for backend in services().backends.of(user)}
    return [
        fill(people.Backend, backend, member=backend.slug in mine)
        for backend in services().backends.all()
    ]


@blueprint.post("/backends/<slug>/members")
@operation(people.BackendMember, by=PERSON, body=people.BackendMemberBody)
def add_backend_member(user: User, body: people.BackendMemberBody, slug: str) -> object:
    """Let a person use a backend."""
    services().accounts.add_to_backend(user, slug, body.username)
    return people.BackendMember(slug, body.username)


@blueprint.post("/job-requests")
@operation(people.SubmittedRequest, by=RUNS, body=people.JobRequestBody, status=201)
def create_job_request(user: User, body: people.JobRequestBody) -> object:
    """Submit a job request; `warnings` are sentences about its project.yaml.

    What comes again within a day with the same header `Idempotency-Key` is the same request.
    """
    accepted = services().job_requests.create(
        user,
        workspace_name=body.workspace,
        backend_slug=body.backend,
        actions=body.requested_actions,
        force=body.force_run_dependencies,
        branch=body.branch,
        note=body.note,
        key=request.headers.get("Idempotency-Key", ""),
    )
    warnings = services().job_requests.warnings(accepted)
    return _request(RequestView(accepted, []), people.SubmittedRequest, warnings=warnings)


@blueprint.get("/job-requests/<identifier>")
@operation(people.JobRequest, by=PERSON)
def job_request(user: User, identifier: str) -> object:
    """Return a job request with its jobs."""
    return _request(services().history.look(user, identifier))


@blueprint.get("/job-requests/<identifier>/events")
@operation(None, by=PERSON)
def job_request_events(user: User, identifier: str) -> object:
    """Send a job request as an event, and again whenever it has moved on, until it has ended.

    Whoever keeps connections open (`front`) is told by a header what to wait for.
    """
    moves, view = services().history.follow(user, identifier)
    data = encode(_request(view)).decode()
    headers = {
        FOLLOW: f"{view.request.backend_id} {moves} {int(view.final)}",
        "X-Accel-Buffering": "no",  # nginx hands each event on at once
    }
    return Response(f"data: {data}\n\n", content_type="text/event-stream", headers=headers)


@blueprint.post("/job-requests/<identifier>/cancel")
@operation(people.JobRequest, by=RUNS, body=people.CancelBody)
def cancel(user: User, body: people.CancelBody, identifier: str) -> object:
    """Cancel a job request's actions, or some of them."""
    return _request(services().job_requests.cancel(user, identifier, body.actions))


@blueprint.post("/login-tokens")
@operation(people.LoginToken, by=PERSON, status=201)
def create_login_token(user: User) -> object:
    """Create a one-use log-in for the hatch."""
    return people.LoginToken(*services().login_tokens.create(user))
