"""The OpenAPI description of `/api/v1`, made from the same fields that the views read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sallyport_common.protocol import State
from sallyport_job_server.views import api_fields as fields
from sallyport_job_server.views.bodies import Fields, schema

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_TEXTS = {"type": "array", "items": _TEXT}
_OPTIONAL_TEXT = {"type": ["string", "null"]}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


JOB = _object(
    identifier=_TEXT,
    action=_TEXT,
    run_command=_TEXT,
    status={"enum": [str(state) for state in State]},
    status_code=_TEXT,
    status_message=_TEXT,
    created_at=_TEXT,
    updated_at=_OPTIONAL_TEXT,
    started_at=_OPTIONAL_TEXT,
    completed_at=_OPTIONAL_TEXT,
)
JOB_REQUEST = _object(
    identifier=_TEXT,
    workspace=_TEXT,
    backend=_TEXT,
    branch=_TEXT,
    sha=_TEXT,
    requested_actions=_TEXTS,
    cancelled_actions=_TEXTS,
    force_run_dependencies=_FLAG,
    created_by=_TEXT,
    created_at=_TEXT,
    url=_TEXT,
    status=_TEXT,
    final=_FLAG,
    jobs=_list(JOB),
)
WORKSPACE = _object(
    name=_TEXT, project=_TEXT, repo=_TEXT, branch=_TEXT, archived=_FLAG, created_by=_TEXT,
    created_at=_TEXT,
)  # fmt: skip
FILE = _object(id=_TEXT, name=_TEXT, sha256=_TEXT, size={"type": "integer"}, url=_TEXT)
RELEASE = _object(id=_TEXT, created_at=_TEXT, created_by=_TEXT, backend=_TEXT, files=_list(FILE))
BACKEND = _object(
    slug=_TEXT, name=_TEXT, hatch_url=_TEXT, is_active=_FLAG, last_seen_at=_OPTIONAL_TEXT,
    member=_FLAG,
)  # fmt: skip
ERROR = _object(detail=_TEXT)


@dataclass(frozen=True)
class Operation:
    """One call: its body if it has one, and its answer."""

    summary: str
    answer: dict[str, Any]
    body: Fields | None = None
    status: int = 200
    open: bool = False


OPERATIONS: dict[tuple[str, str], Operation] = {
    ("post", "/tokens"): Operation(
        "Make an access token", _object(token=_TEXT), fields.TOKEN, 201, open=True
    ),
    ("post", "/users"): Operation(
        "Make an account", _object(username=_TEXT, fullname=_TEXT, roles=_TEXTS), fields.USER, 201
    ),
    ("post", "/projects"): Operation(
        "Make a project", _object(slug=_TEXT, name=_TEXT), fields.PROJECT, 201
    ),
    ("post", "/projects/{slug}/members"): Operation(
        "Set a person's roles in a project",
        _object(project=_TEXT, username=_TEXT, roles=_TEXTS),
        fields.MEMBER,
    ),
    ("post", "/workspaces"): Operation("Make a workspace", WORKSPACE, fields.WORKSPACE, 201),
    ("get", "/workspaces/{name}"): Operation("Look at a workspace", WORKSPACE),
    ("get", "/workspaces/{name}/releases"): Operation(
        "List a workspace's releases", _list(RELEASE)
    ),
    ("post", "/workspaces/{name}/hatch-tokens"): Operation(
        "Sign a token for a backend's hatch",
        _object(url=_TEXT, token=_TEXT, expires_at=_TEXT),
        fields.HATCH_TOKEN,
        201,
    ),
    ("get", "/backends"): Operation("List the backends", _list(BACKEND)),
    ("post", "/backends/{slug}/members"): Operation(
        "Let a person use a backend", _object(backend=_TEXT, username=_TEXT), fields.BACKEND_MEMBER
    ),
    ("post", "/job-requests"): Operation(
        "Ask for actions to be run", JOB_REQUEST, fields.JOB_REQUEST, 201
    ),
    ("get", "/job-requests/{identifier}"): Operation("Look at a job request", JOB_REQUEST),
    ("post", "/job-requests/{identifier}/cancel"): Operation(
        "Cancel a job request", JOB_REQUEST, fields.CANCEL
    ),
    ("post", "/login-tokens"): Operation(
        "Make a one-use log-in for the hatch", _object(token=_TEXT, expires_at=_TEXT), None, 201
    ),
}


def _json(content: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": content}}


def _described(path: str, operation: Operation) -> dict[str, Any]:
    answers = {str(operation.status): {"description": "done", "content": _json(operation.answer)}}
    refusals = {400: "refused", 401: "who asks is unknown", 403: "not allowed", 404: "not found"}
    refusals |= {409: "exists already", 429: "too many failures"}
    for status, text in refusals.items():
        answers[str(status)] = {"description": text, "content": _json(ERROR)}
    found: dict[str, Any] = {"summary": operation.summary, "responses": answers}
    found["parameters"] = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT}
        for name in re.findall(r"{(\w+)}", path)
    ]
    if operation.body is not None:
        content = _json(schema(operation.body))
        found["requestBody"] = {"required": True, "content": content}
    if operation.open:
        found["security"] = []
    return found


def document(root: str) -> dict[str, Any]:
    """Return the description; `root` is this server's own address."""
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method] = _described(path, operation)
    scheme = {"type": "apiKey", "in": "header", "name": "Authorization"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sallyport job server", "version": "1"},
        "servers": [{"url": f"{root}/api/v1"}],
        "security": [{"access_token": []}],
        "components": {
            "securitySchemes": {"access_token": scheme | {"description": "username:token"}}
        },
        "paths": paths,
    }
