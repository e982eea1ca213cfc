"""The description of /api/v1 against what is answered."""

from __future__ import annotations

import importlib
import re
from typing import Any

from tests.unit.job_server.rig import PASSWORD, REPO
from tests.unit.job_server.worlds import World

from sallyport_job_server.views.openapi import OPERATIONS, document

jsonschema: Any = importlib.import_module("jsonschema")  # has no types of its own
WORKSPACE = {"name": "w", "project": "cardiology", "repo": REPO, "branch": "main"}
REQUEST = {"workspace": "heart", "backend": "hospital", "requested_actions": ["make"]}
USER = {"username": "nina", "fullname": "Nina", "password": PASSWORD}


def answers(world: World) -> dict[tuple[str, str], Any]:
    """Call every operation of /api/v1 once and return the answers."""
    rig = world.rig
    bodies: dict[str, Any] = {
        "/users": USER, "/projects": {"slug": "lungs", "name": "Lungs"},
        "/projects/{slug}/members": {"username": "cora", "roles": ["collaborator"]},
        "/workspaces": WORKSPACE, "/workspaces/{name}/hatch-tokens": {"backend": "hospital"},
        "/backends/{slug}/members": {"username": "cora"}, "/job-requests": REQUEST,
        "/tokens": {"username": "rita", "password": PASSWORD},
    }  # fmt: skip
    staff = {"/users", "/projects", "/projects/{slug}/members", "/backends/{slug}/members"}
    found = {}
    for method, path in OPERATIONS:
        slug = "hospital" if path.startswith("/backends") else "cardiology"
        real = path.format(slug=slug, name="heart", identifier=world.request)
        caller = "ada" if path in staff else "rita"
        body = bodies.get(path) if method == "post" else None
        found[method, path] = rig.api(method.upper(), real, caller, body)
    return found


def test_every_answer_is_as_the_description_says(world: World) -> None:
    for key, answer in answers(world).items():
        operation = OPERATIONS[key]
        assert answer.status_code == operation.status, (key, answer.text)
        schema = _closed(operation.answer)
        jsonschema.validate(answer.json, schema)


def _closed(schema: Any) -> Any:
    """Return a schema in which an object holds nothing that is not described."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _closed(value) for name, value in schema.items()}
    return inner | ({"additionalProperties": False} if schema.get("type") == "object" else {})


def test_every_body_of_the_description_is_a_schema_that_fits(world: World) -> None:
    described = document("https://jobs.example")
    assert described["openapi"] == "3.1.0"
    assert described["servers"] == [{"url": "https://jobs.example/api/v1"}]
    for path, calls in described["paths"].items():
        for method, call in calls.items():
            names = {one["name"] for one in call["parameters"]}
            assert names == set(re.findall(r"{(\w+)}", path)), (method, path)
            if "requestBody" in call:
                schema = call["requestBody"]["content"]["application/json"]["schema"]
                jsonschema.Draft202012Validator.check_schema(schema)
                assert all(one["description"] for one in schema["properties"].values())
    open_calls = [
        p for p, c in described["paths"].items() for one in c.values() if "security" in one
    ]
    assert open_calls == ["/tokens"]
    assert world.rig.app.test_client().get("/api/v1/openapi.json").json == described
