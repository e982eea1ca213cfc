"""The classic job API under `/api/v2/`, for runners and monitors."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from sallyport_common.problems import Problem
from sallyport_common.protocol import LONGEST_WAIT, State
from sallyport_common.schemas import FaultKind
from sallyport_job_server.models import Backend, User
from sallyport_job_server.roles import PROJECT_ROLES, classic, permissions_of
from sallyport_job_server.schemas import jobs as schemas
from sallyport_job_server.services.access_tokens import TokenScope
from sallyport_job_server.services.backend_access import Scope
from sallyport_job_server.views.context import services, session_reader
from sallyport_job_server.views.operations import BodyError, Caller, operation, read_json

blueprint = Blueprint("classic_jobs", __name__)

HOLD = "X-Sallyport-Hold"
"""Backend, counter and seconds of a request that may wait; it does not leave this server."""
LONGEST_NUMBER = 18
"""Digits of a job's number that a database can compare."""


def _runner() -> Backend:
    """Return the backend that calls, and record the time of its call."""
    backend = services().backends.caller(request.headers.get("Authorization"), Scope.JOBS)
    services().backends.seen(backend, _flags())
    return backend


def _reader() -> Backend | User:
    """Return the backend or the person that reads statuses."""
    header = request.headers.get("Authorization", "")
    if header and ":" not in header:
        return services().backends.caller(header, *Scope)
    return session_reader() or services().access_tokens.owner(header, TokenScope.READ)


RUNNER = Caller("backend_token", _runner)
ANY_BACKEND = Caller(
    "backend_token",
    lambda: services().backends.caller(request.headers.get("Authorization"), *Scope),
)
READER = Caller("access_token", _reader)


def _flags() -> dict[str, object] | None:
    text = request.headers.get("Flags")
    if text is None:
        return None
    flags = read_json(text.encode(errors="surrogateescape"), "The header Flags")
    if not isinstance(flags, dict) or not all(isinstance(one, dict) for one in flags.values()):
        raise Problem("The header Flags must be an object of objects.")
    return flags


def _wait() -> float:
    try:
        return max(0.0, min(float(request.args.get("wait", "0")), LONGEST_WAIT))
    except ValueError:
        raise Problem("'wait' must be a number of seconds.") from None


@blueprint.get("/job-requests/")
@operation(schemas.Listing, by=RUNNER)
def job_requests(backend: Backend) -> object:
    """Return what is to run; with `wait` and If-None-Match, once it differs or time is up.

    Whoever holds requests (`front`) is told by a header that this one may wait.
    """
    etag = request.headers.get("If-None-Match", "").strip().removeprefix("W/").strip('"')
    wait = _wait()
    if etag and not services().job_queue.differs(backend, etag):
        headers = {"ETag": f'"{etag}"'}
        if wait:
            headers[HOLD] = f"{backend.id} {etag} {wait}"
        return Response(status=304, headers=headers)
    counter, rows = services().job_queue.listing(backend)
    return schemas.Listing(len(rows), rows), {"ETag": f'"{counter}"'}


def _reject(problem: Problem) -> ResponseReturnValue:
    """Answer by element of the list and by field, as classic servers do."""
    if not isinstance(problem, BodyError):
        raise problem
    if not isinstance(problem.value, list):
        return {"non_field_errors": ["Expected a list of jobs."]}, 400
    rows: list[dict[str, list[str]]] = [{} for _row in problem.value]
    for fault in problem.faults:
        index, *names = fault.path
        name = str(names[0]) if names else "non_field_errors"
        start = "This field is required and must be" if names else "A job must be"
        if names and fault.kind is not FaultKind.MISSING:
            start = "This field must be"
        rows[int(index)].setdefault(name, []).append(f"{start} {fault.text}.")
    return rows, 400


@blueprint.post("/jobs/")
@operation(
    schemas.Reported,
    by=RUNNER,
    body=list[schemas.JobReport],
    refusal=schemas.FaultsOfJobs,
    refuse=_reject,
)
def jobs(backend: Backend, reports: list[schemas.JobReport]) -> object:
    """Store what a runner reports: all jobs of its requests, or with `partial=1` some of them."""
    partial = request.args.get("partial") == "1"
    services().job_queue.receive(backend, reports, partial=partial)
    return schemas.Reported()


@blueprint.get("/jobs/")
@operation(schemas.StoredJobs, by=RUNNER)
def stored_jobs(backend: Backend) -> object:
    """Return stored jobs (`job_request_id`, repeated) to a runner that lost its own."""
    identifiers = request.args.getlist("job_request_id")
    return schemas.StoredJobs(services().job_queue.reports(backend, identifiers))


@blueprint.get("/job-history/")
@operation(schemas.JobHistory, by=RUNNER)
def job_history(backend: Backend) -> object:
    """Return a page of all own jobs (`after`, from `next`) to a runner that lost its database."""
    after = request.args.get("after", "0")
    if not after.isdecimal() or len(after) > LONGEST_NUMBER:
        raise Problem("'after' must be the 'next' of an earlier page.")
    return services().job_queue.history(backend, int(after))


@blueprint.get("/workspaces/<name>/statuses/")
@operation(dict[str, State], by=READER)
def statuses(reader: Backend | User, name: str) -> object:
    """Return the latest status of each action, to a person, or to a backend of its own jobs."""
    if isinstance(reader, Backend):
        return services().job_queue.statuses(reader, name)
    return services().history.statuses(services().directory.workspace(reader, name))


@blueprint.get("/workspaces/<name>/status")
@operation(schemas.ReleaseFlow)
def release_flow(name: str) -> object:
    """Say that every workspace is released by files."""
    return schemas.ReleaseFlow(bool(name))


@blueprint.get("/users/<username>/")
@operation(schemas.UserPermissions, by=ANY_BACKEND)
def user(_backend: Backend, username: str) -> object:
    """Return a person's roles and permissions under the classic names, to a backend."""
    person, inside = services().accounts.roles_of(username)
    permissions = schemas.Permissions(
        sorted(permissions_of(person.roles)),
        [
            schemas.ProjectPermissions(slug, sorted(permissions_of(roles)))
            for slug, roles in inside.items()
        ],
    )
    roles = schemas.ClassicRoles(
        classic(person.roles),
        [
            schemas.ProjectClassicRoles(slug, classic(r for r in roles if r in PROJECT_ROLES))
            for slug, roles in inside.items()
        ],
    )
    return schemas.UserPermissions(permissions, roles)
