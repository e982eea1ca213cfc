"""The JSON API under `/api/v1`: what people's tools and the `sallyport` command call."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue

from sallyport_common.web import client_address
from sallyport_job_server.models import Job, JobRequest, ReleaseFile, User, Workspace
from sallyport_job_server.services.job_requests import RequestView
from sallyport_job_server.views import api_fields as fields
from sallyport_job_server.views.bodies import read
from sallyport_job_server.views.context import absolute, services
from sallyport_job_server.views.openapi import document

blueprint = Blueprint("api", __name__)

JOB_FIELDS = (
    "identifier", "action", "run_command", "status", "status_code", "status_message",
    "created_at", "updated_at", "started_at", "completed_at",
)  # fmt: skip


def _user() -> User:
    return services().access_tokens.owner(request.headers.get("Authorization", ""))


def request_object(kept: JobRequest) -> dict[str, Any]:
    """Return a job request without its jobs."""
    names = (
        "identifier", "workspace", "backend", "branch", "sha", "requested_actions",
        "cancelled_actions", "force_run_dependencies", "created_by", "created_at",
    )  # fmt: skip
    found = {name: getattr(kept, name) for name in names}
    page = absolute("research.job_request", identifier=kept.identifier)
    return found | {"url": page}


def job_object(job: Job) -> dict[str, Any]:
    """Return a job as people see it."""
    return {name: getattr(job, name) for name in JOB_FIELDS}


def _view_object(view: RequestView) -> dict[str, Any]:
    found = request_object(view.request) | {"status": view.status, "final": view.final}
    return found | {"jobs": [job_object(job) for job in view.jobs]}


def _workspace_object(workspace: Workspace) -> dict[str, Any]:
    names = ("name", "project", "repo", "branch", "archived", "created_by", "created_at")
    return {name: getattr(workspace, name) for name in names}


def _file_object(file: ReleaseFile) -> dict[str, Any]:
    url = absolute("classic_releases.released_file", file_id=file.id)
    names = ("id", "name", "sha256", "size")
    return {name: getattr(file, name) for name in names} | {"url": url}


@blueprint.get("/openapi.json")
def openapi() -> ResponseReturnValue:
    """Answer the description of this API."""
    return document(current_app.config["PUBLIC_URL"])


@blueprint.post("/tokens")
def create_token() -> ResponseReturnValue:
    """Make an access token from user name and password."""
    body = read(fields.TOKEN)
    user = services().accounts.log_in(
        body["username"], body["password"], body["totp"], client_address()
    )
    return {"token": services().access_tokens.create(user, body["label"] or "api")}, 201


@blueprint.post("/users")
def create_user() -> ResponseReturnValue:
    """Make an account."""
    user, body = _user(), read(fields.USER)
    made = services().accounts.create(user, **body)
    return {"username": made.username, "fullname": made.fullname, "roles": made.roles}, 201


@blueprint.post("/projects")
def create_project() -> ResponseReturnValue:
    """Make a project."""
    user, body = _user(), read(fields.PROJECT)
    made = services().directory.create_project(user, body["slug"], body["name"])
    return {"slug": made.slug, "name": made.name}, 201


@blueprint.post("/projects/<slug>/members")
def set_member(slug: str) -> ResponseReturnValue:
    """Set a person's roles in a project."""
    user, body = _user(), read(fields.MEMBER)
    services().directory.set_member(user, slug, body["username"], body["roles"])
    return {"project": slug, **body}


@blueprint.post("/workspaces")
def create_workspace() -> ResponseReturnValue:
    """Make a workspace."""
    user = _user()
    return _workspace_object(
        services().directory.create_workspace(user, **read(fields.WORKSPACE))
    ), 201


@blueprint.get("/workspaces/<name>")
def workspace(name: str) -> ResponseReturnValue:
    """Answer a workspace."""
    return _workspace_object(services().directory.workspace(_user(), name))


@blueprint.get("/workspaces/<name>/releases")
def workspace_releases(name: str) -> ResponseReturnValue:
    """Answer a workspace's releases with the files that are here."""
    found = services().releases.of_workspace(_user(), name)
    return [
        {
            "id": release.id,
            "created_at": release.created_at,
            "created_by": release.created_by,
            "backend": release.backend,
            "files": [
                _file_object(file) for file in files if file.uploaded_at and not file.deleted_at
            ],
        }
        for release, files in found
    ]


@blueprint.post("/workspaces/<name>/hatch-tokens")
def create_hatch_token(name: str) -> ResponseReturnValue:
    """Sign a token for reading this workspace at a backend's hatch."""
    user, body = _user(), read(fields.HATCH_TOKEN)
    return services().hatch_tokens.create(user, name, body["backend"]), 201


@blueprint.get("/backends")
def backends() -> ResponseReturnValue:
    """Answer all backends, and which of them this person may use."""
    mine = {backend.slug for backend in services().backends.of(_user())}
    return [
        {
            "slug": backend.slug,
            "name": backend.name,
            "hatch_url": backend.hatch_url,
            "is_active": backend.is_active,
            "last_seen_at": backend.last_seen_at,
            "member": backend.slug in mine,
        }
        for backend in services().backends.all()
    ]


@blueprint.post("/backends/<slug>/members")
def add_backend_member(slug: str) -> ResponseReturnValue:
    """Let a person use a backend."""
    user, body = _user(), read(fields.BACKEND_MEMBER)
    services().accounts.add_to_backend(user, slug, body["username"])
    return {"backend": slug, **body}


@blueprint.post("/job-requests")
def create_job_request() -> ResponseReturnValue:
    """Ask for actions to be run."""
    user, body = _user(), read(fields.JOB_REQUEST)
    made = services().job_requests.create(
        user,
        workspace_name=body["workspace"],
        backend_slug=body["backend"],
        actions=body["requested_actions"],
        force=body["force_run_dependencies"],
        branch=body["branch"],
    )
    return request_object(made) | {"status": "pending", "final": False, "jobs": []}, 201


@blueprint.get("/job-requests/<identifier>")
def job_request(identifier: str) -> ResponseReturnValue:
    """Answer a job request with its jobs."""
    return _view_object(services().job_requests.look(_user(), identifier))


@blueprint.post("/job-requests/<identifier>/cancel")
def cancel(identifier: str) -> ResponseReturnValue:
    """Ask for a request's actions, or some of them, to be stopped."""
    user, body = _user(), read(fields.CANCEL)
    return _view_object(services().job_requests.cancel(user, identifier, body["actions"]))


@blueprint.post("/login-tokens")
def create_login_token() -> ResponseReturnValue:
    """Make a one-use log-in for the hatch."""
    token, expires_at = services().login_tokens.create(_user())
    return {"token": token, "expires_at": expires_at}, 201
