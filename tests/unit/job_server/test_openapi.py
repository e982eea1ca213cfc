"""The description of the APIs against what the routes answer, in both directions."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from tests.unit.job_server.rig import PASSWORD, REPO, SITE, TOKENS, file_entry, file_list, job
from tests.unit.job_server.worlds import NAME, TABLE, World, upload
from werkzeug.test import TestResponse

from sallyport_common.schemas import read
from sallyport_job_server.schemas.releases import EventAnswer
from sallyport_job_server.services.access_tokens import Wish
from sallyport_job_server.views.openapi import document, operations
from sallyport_job_server.views.operations import OPERATIONS, Operation

jsonschema: Any = importlib.import_module("jsonschema")  # has no types of its own
EVENT = {
    "event_type": "request_submitted", "workspace": "heart", "request": "01J",
    "request_author": "rita", "user": "rita",
}  # fmt: skip
APPROVED = {"status": "APPROVED", "comments": {}}
# Every call: who makes it (a person, or the scope of a backend's token), its path and its body.
CALLS: dict[str, tuple[str, str, Any]] = {
    "POST /api/v1/tokens": ("", "", {"username": "rita", "password": PASSWORD}),
    "POST /api/v1/device-logins": ("", "", {"label": "sallyport on laptop"}),
    "POST /api/v1/device-logins/token": ("", "", {"secret": "of a new one"}),
    "POST /api/v1/users": (
        "ada", "", {"username": "nina", "fullname": "Nina", "password": PASSWORD,
                    "roles": ["output_checker"]}),
    "POST /api/v1/projects": ("ada", "", {"slug": "lungs", "name": "Lungs"}),
    "POST /api/v1/projects/{slug}/members": (
        "ada", "/api/v1/projects/cardiology/members",
        {"username": "cora", "roles": ["collaborator"]}),
    "POST /api/v1/workspaces": (
        "rita", "", {"name": "w", "project": "cardiology", "repo": REPO, "branch": "main"}),
    "GET /api/v1/me": ("rita", "", None),
    "GET /api/v1/users": ("ada", "/api/v1/users?limit=1", None),
    "GET /api/v1/projects": ("rita", "", None),
    "GET /api/v1/projects/{slug}": ("rita", "/api/v1/projects/cardiology", None),
    "GET /api/v1/workspaces": ("rita", "/api/v1/workspaces?search=HEART", None),
    "GET /api/v1/job-requests": ("rita", "/api/v1/job-requests?workspace=heart&state=open", None),
    "GET /api/v1/jobs": ("rita", "/api/v1/jobs?status=running", None),
    "GET /api/v1/jobs/{identifier}": ("rita", "/api/v1/jobs/{request}-make", None),
    "GET /api/v1/publications": ("paul", "", None),
    "GET /api/v1/audit": ("ada", "/api/v1/audit?limit=3", None),
    "GET /api/v1/workspaces/{name}": ("rita", "/api/v1/workspaces/heart", None),
    "GET /api/v1/workspaces/{name}/releases": ("rita", "/api/v1/workspaces/heart/releases", None),
    "POST /api/v1/workspaces/{name}/hatch-tokens": (
        "rita", "/api/v1/workspaces/heart/hatch-tokens", {"backend": "hospital"}),
    "GET /api/v1/backends": ("rita", "", None),
    "POST /api/v1/backends/{slug}/members": (
        "ada", "/api/v1/backends/hospital/members", {"username": "cora"}),
    "POST /api/v1/job-requests": (
        "rita", "", {"workspace": "heart", "backend": "hospital", "requested_actions": ["make"]}),
    "GET /api/v1/job-requests/{identifier}": ("rita", "/api/v1/job-requests/{request}", None),
    "GET /api/v1/job-requests/{identifier}/events": (
        "rita", "/api/v1/job-requests/{request}/events", None),
    "POST /api/v1/job-requests/{identifier}/cancel": (
        "rita", "/api/v1/job-requests/{request}/cancel", {"actions": ["make"]}),
    "POST /api/v1/login-tokens": ("rita", "", None),
    "GET /api/v2/job-requests/": ("jobs", "", None),
    "POST /api/v2/jobs/": ("jobs", "", [job("unknown", "make", "running")]),
    "GET /api/v2/job-history/": ("jobs", "", None),
    "GET /api/v2/jobs/": ("jobs", "/api/v2/jobs/?job_request_id={request}", None),
    "GET /api/v2/users/{username}/": ("jobs", "/api/v2/users/rita/", None),
    "GET /api/v2/workspaces/{name}/statuses/": ("jobs", "/api/v2/workspaces/heart/statuses/", None),
    "GET /api/v2/workspaces/{name}/status": ("", "/api/v2/workspaces/heart/status", None),
    "POST /api/v2/releases/authenticate": ("review", "", {"user": "rita", "token": "{words}"}),
    "POST /api/v2/releases/authorise": ("review", "", {"user": "rita"}),
    "POST /api/v2/airlock/events/": ("review", "", EVENT),
    "POST /api/v2/releases/workspace/{name}": (
        "publish", "/api/v2/releases/workspace/heart", file_list(file_entry(NAME, TABLE))),
    "GET /api/v2/releases/workspace/{name}": ("rita", "/api/v2/releases/workspace/heart", None),
    "GET /api/v2/releases/release/{release_id}": (
        "rita", "/api/v2/releases/release/{release}", None),
    "POST /api/v2/releases/release/{release_id}/reviews": (
        "publish", "/api/v2/releases/release/{release}/reviews",
        file_list(file_entry(NAME, TABLE, review=APPROVED))),
    "GET /api/v2/releases/file/{file_id}": ("rita", "/api/v2/releases/file/{file}", None),
    "POST /api/v2/workspaces/{name}/snapshots": (
        "rita", "/api/v2/workspaces/heart/snapshots", {"file_ids": ["{file}"]}),
    "GET /api/v2/workspaces/{name}/snapshots/{number}": (
        "rita", "/api/v2/workspaces/heart/snapshots/{snapshot}", None),
    "POST /api/v2/workspaces/{name}/snapshots/{number}/publish": (
        "paul", "/api/v2/workspaces/heart/snapshots/{snapshot}/publish", None),
}  # fmt: skip
UPLOAD = "POST /api/v2/releases/release/{release_id}"
"""The one call whose body is not JSON."""


def declared(world: World) -> dict[str, Operation]:
    """Return every declared call by method and path."""
    return {f"{m.upper()} {path}": call for m, path, call in operations(world.rig.app)}


def send(world: World, name: str, caller: str, path: str, body: Any) -> TestResponse:
    """Make a call of the table."""
    method, _space, described = name.partition(" ")
    words, _expires = world.rig.services.login_tokens.create(world.rig.people["rita"])
    if isinstance(body, dict):
        names = vars(world) | {"words": words}
        body = {
            key: [item.format(**names) for item in value] if key == "file_ids" else value
            for key, value in body.items()
        } | ({"token": words} if "token" in body else {})
        if "secret" in body:
            body["secret"] = world.rig.services.device_logins.begin("x", "local").secret
    headers = {"OS-User": "carl"}
    if caller in TOKENS:
        headers["Authorization"] = TOKENS[caller]
    elif caller:
        token = world.rig.services.access_tokens.create(world.rig.people[caller], Wish("t"))
        headers["Authorization"] = f"{caller}:{token}"
    return world.rig.app.test_client().open(
        world.fill(path) or described, method=method, json=body, headers=headers, base_url=SITE
    )


@pytest.fixture
def answers(world: World) -> dict[str, TestResponse]:
    """Give the answer to every call, the cheap ones and those that change something alike."""
    sent = {name: send(world, name, *call) for name, call in CALLS.items()}
    return sent | {UPLOAD: upload(world.rig, sent[_ANNOUNCE].headers["Release-Id"])}


_ANNOUNCE = "POST /api/v2/releases/workspace/{name}"


def test_every_route_of_the_apis_is_declared_and_every_declared_one_is_called(
    world: World,
) -> None:
    routes = {
        f"{method} " + re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", rule.rule)
        for rule in world.rig.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/")
    }
    described = {
        f"{method.upper()} {path}"
        for path, calls in document(world.rig.app)["paths"].items()
        for method in calls
    }
    assert described == routes - {"GET /api/v1/openapi.json"}
    assert described == set(declared(world)) == {*CALLS, UPLOAD}
    assert len(described) == len(OPERATIONS)


def test_every_answer_has_exactly_the_described_fields(
    world: World, answers: dict[str, TestResponse]
) -> None:
    for name, call in declared(world).items():
        answer = answers[name]
        assert answer.status_code == call.status, (name, answer.text)
        if call.answer is None:
            continue
        value = read(call.answer, answer.json)
        assert msgspec.to_builtins(value, enc_hook=str) == answer.json, name


def test_every_answer_fits_its_json_schema(world: World, answers: dict[str, TestResponse]) -> None:
    described = document(world.rig.app)
    for name, answer in answers.items():
        method, path = name.split()
        responses = described["paths"][path][method.lower()]["responses"]
        content = responses[str(answer.status_code)].get("content")
        if content:
            schema = content["application/json"]["schema"]
            jsonschema.validate(answer.json, schema | {"components": described["components"]})


def _structs(value: object) -> Iterator[msgspec.Struct]:
    if isinstance(value, msgspec.Struct):
        yield value
        value = msgspec.structs.asdict(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _structs(item)


def test_every_described_field_is_sent_by_some_answer(
    world: World, answers: dict[str, TestResponse]
) -> None:
    wrong = world.rig.call("POST", "/airlock/events/", "review", json=EVENT | {"user": ""})
    values = [
        read(call.answer, answers[name].json)
        for name, call in declared(world).items()
        if call.answer is not None
    ]
    values.append(read(EventAnswer, wrong.json))
    sent = {
        (type(struct).__name__, field)
        for value in values
        for struct in _structs(value)
        for field, item in msgspec.structs.asdict(struct).items()
        if item is not msgspec.UNSET
    }
    kinds = {kind for call in declared(world).values() for kind in _answers(call.answer)}
    described = {
        (kind.__name__, field.name) for kind in kinds for field in msgspec.structs.fields(kind)
    }
    assert sent == described


def _answers(kind: Any) -> set[type[msgspec.Struct]]:
    """Return the structs of an answer, those inside others included."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        return {kind}.union(*(_answers(field.type) for field in fields))
    return set().union(*(_answers(part) for part in get_args(kind)))


def test_every_body_is_described_by_field_and_each_example_fits(world: World) -> None:
    described = document(world.rig.app)
    assert described["openapi"] == "3.1.0"
    assert described["servers"] == [{"url": SITE}]
    for path, calls in described["paths"].items():
        for method, call in calls.items():
            names = {one["name"] for one in call["parameters"] if one["in"] == "path"}
            assert names == set(re.findall(r"{(\w+)}", path)), (method, path)
            if "requestBody" in call:
                schema = call["requestBody"]["content"]["application/json"]["schema"]
                whole = schema | {"components": described["components"]}
                jsonschema.Draft202012Validator.check_schema(whole)
                body = CALLS[f"{method.upper()} {path}"][2]
                jsonschema.validate(body, whole)
    bodies = [
        schema
        for name, schema in described["components"]["schemas"].items()
        if name.endswith("Body")
    ]
    assert len(bodies) > 10
    for schema in bodies:
        assert all(field["description"] for field in schema["properties"].values()), schema
    assert world.rig.app.test_client().get("/api/v1/openapi.json").json == described


def test_only_declared_calls_need_no_token(world: World) -> None:
    open_calls = {
        f"{method.upper()} {path}"
        for path, calls in document(world.rig.app)["paths"].items()
        for method, call in calls.items()
        if not call["security"]
    }
    assert open_calls == {
        "POST /api/v1/tokens", "GET /api/v2/workspaces/{name}/status",
        "GET /api/v2/workspaces/{name}/snapshots/{number}", "POST /api/v1/device-logins",
        "POST /api/v1/device-logins/token",
    }  # fmt: skip
    for name in set(CALLS) - open_calls:
        answer = send(world, name, "", *CALLS[name][1:])
        assert answer.status_code == (401 if "/v1/" in name else 403), name
