"""The classic job API under `/api/v2/`, for runners."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from sallyport_common.protocol import LONGEST_WAIT, JobRow, parse_utc, utc_text
from sallyport_job_server.models import Backend, Problem
from sallyport_job_server.services.backend_access import Scope
from sallyport_job_server.services.job_checks import problems_of
from sallyport_job_server.views.bodies import json_body
from sallyport_job_server.views.context import services, session_user

blueprint = Blueprint("classic_jobs", __name__)

_TIMES = ("created_at", "updated_at", "started_at", "completed_at")


def _runner() -> Backend:
    """Return the backend that calls, and keep that it was heard of."""
    backend = services().backends.caller(request.headers.get("Authorization"), Scope.JOBS)
    services().backends.seen(backend, _flags())
    return backend


def _flags() -> dict[str, object] | None:
    text = request.headers.get("Flags")
    if text is None:
        return None
    try:
        flags = json.loads(text)
    except (ValueError, RecursionError):
        raise Problem("The header Flags is not valid JSON.") from None
    if not isinstance(flags, dict) or not all(isinstance(one, dict) for one in flags.values()):
        raise Problem("The header Flags must be an object of objects.")
    return flags


def _wait() -> float:
    try:
        return max(0.0, min(float(request.args.get("wait", "0")), LONGEST_WAIT))
    except ValueError:
        raise Problem("'wait' must be a number of seconds.") from None


@blueprint.get("/job-requests/")
def job_requests() -> ResponseReturnValue:
    """Answer what is to run; with `wait` and If-None-Match, once it differs or time is up."""
    backend = _runner()
    known = request.headers.get("If-None-Match", "").strip().removeprefix("W/").strip('"')
    if known and not services().job_queue.wait(backend, known, _wait()):
        return Response(status=304, headers={"ETag": f'"{known}"'})
    listing = services().job_queue.listing(backend)
    body = {"count": len(listing.rows), "next": None, "previous": None, "results": listing.rows}
    return body, 200, {"ETag": f'"{listing.counter}"'}


@blueprint.post("/jobs/")
def jobs() -> ResponseReturnValue:
    """Keep what a runner reports about its jobs."""
    backend = _runner()
    body = json_body()
    if not isinstance(body, list):
        return {"non_field_errors": ["Expected a list of jobs."]}, 400
    problems = [problems_of(row) for row in body]
    if not any(problems):
        rows = [_row(row, found) for row, found in zip(body, problems, strict=True)]
    if any(problems):
        return problems, 400
    services().job_queue.receive(backend, rows)
    return {"status": "success"}


def _row(row: dict[str, Any], problems: dict[str, list[str]]) -> JobRow:
    """Return a posted job with its times in our form; add a problem for what is not a time."""
    times = {}
    for name in _TIMES:
        try:
            times[name] = utc_text(parse_utc(row[name])) if row[name] is not None else None
        except (ValueError, OverflowError):
            problems[name] = ["This is not a time with an offset or Z."]
    return JobRow.from_wire(row | times)


@blueprint.get("/jobs/")
def stored_jobs() -> ResponseReturnValue:
    """Answer the stored jobs of requests (`job_request_id`, repeated) to a runner that lost its."""
    backend = _runner()
    identifiers = request.args.getlist("job_request_id")
    return {"results": services().job_queue.job_rows(backend, identifiers)}


@blueprint.get("/workspaces/<name>/statuses/")
def statuses(name: str) -> ResponseReturnValue:
    """Answer the latest status of each action, to a person, or to a backend of its own jobs."""
    header = request.headers.get("Authorization", "")
    if header and ":" not in header:
        backend = services().backends.caller(header, *Scope)
        return services().job_queue.statuses(backend, name)
    user = session_user() or services().access_tokens.owner(header)
    workspace = services().directory.workspace(user, name)
    return services().job_requests.statuses(workspace)


@blueprint.get("/workspaces/<name>/status")
def release_flow(name: str) -> ResponseReturnValue:
    """Answer that every workspace is released by files."""
    return {"uses_new_release_flow": bool(name)}
