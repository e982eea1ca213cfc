"""Every refusal says what is wrong in one sentence, and changes nothing."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest
from tests.unit.job_server.rig import CSRF, PASSWORD, REPO, TOKENS, Rig, file_entry, file_list, job
from tests.unit.job_server.worlds import NAME, TABLE, World

from sallyport_common.tokens import new_ulid
from sallyport_job_server.views.openapi import OPERATIONS, document

jsonschema: Any = importlib.import_module("jsonschema")  # has no types of its own
LONG = "x" * 300
WORKSPACE = {"name": "w", "project": "cardiology", "repo": REPO, "branch": "main"}
REQUEST = {"workspace": "heart", "backend": "hospital", "requested_actions": ["make"]}
USER = {"username": "nina", "fullname": "Nina", "password": PASSWORD}

API = [
    ("ada", "/users", USER | {"username": "rita"}, 409, "There is a user rita already."),
    ("ada", "/users", USER | {"roles": ["boss"]}, 400, "'boss' is not a role here; the roles are "
     "output_checker, publication_approver, admin."),
    ("ada", "/users", USER | {"roles": ["researcher"]}, 400, "'researcher' is not a role here"),
    ("ada", "/users", USER | {"roles": [5]}, 400, "The field 'roles' has the wrong type"),
    ("ada", "/users", USER | {"roles": "admin"}, 400, "The field 'roles' has the wrong type"),
    ("ada", "/users", {"username": "nina"}, 400, "The field 'fullname' is missing: the name that"),
    ("rita", "/users", USER, 403, "rita does not have the permission user_manage."),
    ("ada", "/projects", {"slug": "cardiology", "name": "C"}, 409,
     "There is a project 'cardiology' already."),
    ("ada", "/projects", {"slug": "a", "name": "  "}, 400, "The title must not be empty."),
    ("ada", "/projects/none/members", {"username": "rita", "roles": []}, 404,
     "There is no project 'none'."),
    ("ada", "/projects/cardiology/members", {"username": "nobody", "roles": []}, 404,
     "There is no user 'nobody'."),
    ("ada", "/projects/cardiology/members", {"username": "rita", "roles": ["admin"]}, 400,
     "'admin' is not a role here; the roles are researcher, collaborator."),
    ("ada", "/projects/cardiology/members", {"username": "rita"}, 400,
     "The field 'roles' is missing: researcher, collaborator; an empty list ends"),
    ("rita", "/workspaces", WORKSPACE | {"name": "heart"}, 409,
     "There is a workspace 'heart' already."),
    ("rita", "/workspaces", WORKSPACE | {"name": "a b"}, 400, "The workspace's name may hold only"),
    ("rita", "/workspaces", WORKSPACE | {"project": "none"}, 404, "There is no project 'none'."),
    ("mallory", "/workspaces", WORKSPACE, 404, "There is no project 'cardiology'."),
    ("rita", "/workspaces", WORKSPACE | {"branch": "a..b"}, 400,
     "'a..b' is not the name of a branch."),
    ("rita", "/workspaces", WORKSPACE | {"repo": "https://github.com/other/x"}, 400,
     "The organisation 'other' is not allowed here; allowed: demo-org."),
    ("rita", "/workspaces", WORKSPACE | {"repo": "http://github.com/demo-org/x"}, 400,
     "A repository looks like https://github.com/ORGANISATION/NAME."),
    ("rita", "/workspaces", WORKSPACE | {"repo": "https://a.example/demo-org/x"}, 400,
     "'a.example' is not a declared forge; declared: github.com."),
    ("ada", "/backends/none/members", {"username": "rita"}, 404, "There is no backend 'none'."),
    ("ada", "/backends/hospital/members", {"username": "nobody"}, 404,
     "There is no user 'nobody'."),
    ("rita", "/job-requests", REQUEST | {"workspace": "none"}, 404,
     "There is no workspace 'none'."),
    ("rita", "/job-requests", REQUEST | {"backend": "clinic"}, 400,
     "You may not use the backend 'clinic'; yours: hospital."),
    ("rita", "/job-requests", REQUEST | {"requested_actions": []}, 400,
     "Choose at least one action."),
    ("rita", "/job-requests", REQUEST | {"requested_actions": ["mkae"]}, 400,
     "did you mean 'make'?"),
    ("rita", "/job-requests", REQUEST | {"force_run_dependencies": "yes"}, 400,
     "The field 'force_run_dependencies' has the wrong type"),
    ("rita", "/job-requests", REQUEST | {"branch": "-x"}, 400, "'-x' is not the name of a branch."),
    ("rita", "/job-requests", REQUEST | {"sha": "x"}, 400,
     "'sha' is not a field here; the fields are workspace, backend, requested_actions,"),
    ("rita", "/job-requests/none/cancel", {}, 404, "There is no job request 'none'."),
    ("rita", "/job-requests/{request}/cancel", {"actions": ["nope"]}, 400,
     "This request has no action 'nope'."),
    ("cora", "/job-requests/{request}/cancel", {}, 403,
     "Only who made a request, or who may cancel jobs, can cancel it."),
    ("rita", "/workspaces/heart/hatch-tokens", {"backend": "clinic"}, 404,
     "The backend 'clinic' has no release hatch."),
    ("cora", "/workspaces/heart/hatch-tokens", {"backend": "hospital"}, 403,
     "cora does not have the permission unreleased_outputs_view."),
    ("paul", "/login-tokens", {}, 403,
     "Your account may use no backend yet; ask an administrator."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("caller", "path", "body", "status", "sentence"), API, ids=[f"{r[1]} {r[4][:40]}" for r in API]
)
def test_api(
    world: World, caller: str, path: str, body: dict[str, Any], status: int, sentence: str
) -> None:
    before = world.rig.services.audit.verify().rows
    answer = world.rig.api("POST", world.fill(path), caller, body)
    assert answer.status_code == status, answer.text
    assert sentence in (answer.json or {})["detail"]
    # The rig's access token is the only thing that was made.
    assert world.rig.services.audit.verify().rows == before + 1


@pytest.mark.parametrize(
    "data", ["{", "", "[1]", '"text"', "5", "null", "NaN", '{"slug": NaN}', "[" * 100_000, "\xff"]
)
def test_a_body_that_is_no_json_object_is_refused(rig: Rig, data: str) -> None:
    token = rig.services.access_tokens.create(rig.people["ada"], "t")
    answer = rig.app.test_client().post(
        "/api/v1/projects",
        data=data.encode("latin-1"),
        headers={"Authorization": f"ada:{token}"},
    )
    assert answer.status_code == 400
    sentences = ("is not valid JSON.", "must be a JSON object.", "The field 'slug' is missing")
    assert any(one in (answer.json or {})["detail"] for one in sentences)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("", "The access token is unknown; send 'username:token'."),
        ("rita", "The access token is unknown"),
        (":", "The access token is unknown"),
        ("Bearer rita:x", "The access token is unknown"),
        (TOKENS["classic"], "The access token is unknown"),
    ],
)
def test_an_unknown_person_is_401_in_our_api_and_403_in_the_classic(
    rig: Rig, header: str, sentence: str
) -> None:
    client, headers = rig.app.test_client(), {"Authorization": header}
    for path, status in (
        ("/api/v1/workspaces/heart", 401),
        ("/api/v2/releases/workspace/heart", 403),
    ):
        answer = client.get(path, headers=headers)
        assert answer.status_code == status
        assert sentence in (answer.json or {})["detail"]


JOBS: list[tuple[dict[str, Any], str, str]] = [
    ({"identifier": None}, "identifier", "This field is required and must be a text."),
    ({"identifier": LONG}, "identifier", "This field may have at most 100 characters."),
    ({"job_request_id": ""}, "job_request_id", "This field is required and must be a text."),
    ({"action": None}, "action", "This field is required and must be a text."),
    ({"action": LONG}, "action", "This field may have at most 250 characters."),
    ({"status": "done"}, "status", "'done' is not a status."),
    ({"status": 5}, "status", "This field is required and must be a text."),
    ({"status_code": LONG}, "status_code", "This field may have at most 50 characters."),
    ({"status_code": 5}, "status_code", "This field must be a text."),
    ({"status_message": []}, "status_message", "This field must be a text."),
    ({"run_command": {}}, "run_command", "This field must be a text."),
    ({"created_at": "2026-11-23"}, "created_at", "This is not a time with an offset or Z."),
    ({"created_at": "2026-11-23T06:15:04"}, "created_at", "This is not a time with an offset"),
    ({"started_at": "0001-01-01T00:00:00+14:00"}, "started_at", "This is not a time with an"),
    ({"completed_at": 5}, "completed_at", "This field is required and must be a time or null."),
    ({"metrics": []}, "metrics", "This field must be an object or null."),
    ({"trace_context": "x"}, "trace_context", "This field must be an object or null."),
]


@pytest.mark.parametrize(("changes", "field", "sentence"), JOBS)
def test_jobs_of_runners(world: World, changes: dict[str, Any], field: str, sentence: str) -> None:
    good = job(world.request, "summarise", "running")
    answer = world.rig.call("POST", "/jobs/", json=[good, good | changes])
    assert answer.status_code == 400
    first, second = answer.json or [None, {}]
    assert first == {}
    assert list(second) == [field]
    assert second[field][0].startswith(sentence)
    kept = world.rig.services.job_requests.look(world.rig.people["rita"], world.request).jobs
    assert [one.action for one in kept] == ["make"]


@pytest.mark.parametrize("field", ["identifier", "job_request_id", "action", "status", "created_at",
                                   "updated_at", "started_at", "completed_at"])  # fmt: skip
def test_a_job_needs_its_keys(world: World, field: str) -> None:
    row = job(world.request, "summarise", "running")
    del row[field]
    answer = world.rig.call("POST", "/jobs/", json=[row])
    assert answer.status_code == 400
    assert list((answer.json or [{}])[0]) == [field]


@pytest.mark.parametrize(
    ("body", "answered"),
    [
        ({}, {"non_field_errors": ["Expected a list of jobs."]}),
        ("x", {"non_field_errors": ["Expected a list of jobs."]}),
        ([5], [{"non_field_errors": ["A job must be an object."]}]),
        ([{"action": "a\0"}], {"detail": "The body holds a character that cannot be kept."}),
    ],
)
def test_a_report_that_is_no_list_of_jobs(rig: Rig, body: Any, answered: Any) -> None:
    answer = rig.call("POST", "/jobs/", json=body)
    assert (answer.status_code, answer.json) == (400, answered)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("{", "The header Flags is not valid JSON."),
        ("[" * 5000, "The header Flags is not valid JSON."),
        ("[]", "The header Flags must be an object of objects."),
        ('{"paused": "true"}', "The header Flags must be an object of objects."),
    ],
)
def test_flags_of_runners(rig: Rig, flags: str, sentence: str) -> None:
    answer = rig.call("GET", "/job-requests/", Flags=flags)
    assert (answer.status_code, answer.json) == (400, {"detail": sentence})
    assert rig.services.backends.by_slug("hospital").flags == {}
    assert rig.call("GET", "/job-requests/", Flags="{}").status_code == 200


FILES: list[tuple[dict[str, Any], str]] = [
    ({"name": 5}, "The key 'name' of a file must be a text."),
    ({"name": "x" * 1001}, "The key 'name' of a file must be a text."),
    ({"name": f"output/{LONG}.csv"}, "has a part of more than 200 bytes."),
    ({"name": ""}, "is refused: a file name must not be empty or hold NUL or backslash."),
    ({"name": "a\\b"}, "is refused: a file name must not be empty or hold NUL or backslash."),
    ({"name": "/etc/passwd"}, "is refused: a file name must be relative and without '.'"),
    ({"name": "a/../../b"}, "is refused: a file name must be relative and without '.'"),
    ({"name": "a//b"}, "is refused: a file name must be relative and without '.'"),
    ({"name": "a/.b"}, "is refused: a file name must not start with a dot."),
    ({"url": 5}, "The key 'url' of a file must be a text."),
    ({"sha256": "A" * 64}, "The key 'sha256' of a file must be 64 hexadecimal digits."),
    ({"size": -1}, "The key 'size' of a file must be a whole number."),
    ({"size": "8"}, "The key 'size' of a file must be a whole number."),
    ({"size": 16 * 1024 * 1024 + 1}, "File is too large, it must be below 16.0Mb"),
    ({"date": None}, "The key 'date' of a file must be a time with an offset or Z."),
    ({"date": "9999-12-31T23:59:59-14:00"}, "The key 'date' of a file must be a time with an"),
    ({"metadata": []}, "The keys 'metadata' and 'review' of a file must be objects."),
    ({"review": "yes"}, "The keys 'metadata' and 'review' of a file must be objects."),
]


@pytest.mark.parametrize(("changes", "sentence"), FILES)
def test_files_of_a_release(rig: Rig, changes: dict[str, Any], sentence: str) -> None:
    path, entry = "/releases/workspace/heart", file_entry(NAME, TABLE)
    answer = rig.call("POST", path, "publish", json=file_list(entry | changes), OS_User="carl")
    assert answer.status_code == 400
    assert sentence in (answer.json or {})["detail"]
    assert rig.services.releases.of_workspace(rig.people["rita"], "heart") == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "The body must be an object with a list 'files'."),
        ({"files": {}}, "The body must be an object with a list 'files'."),
        ({"files": []}, "The key 'metadata' is missing."),
        ({"files": [], "metadata": {}}, "The key 'review' is missing."),
        (file_list(), "The list 'files' is empty."),
        ({"files": [5], "metadata": {}, "review": None}, "An entry of 'files' must be an object."),
        (file_list(file_entry("a", b""), file_entry("a", b"")), "A file stands in the list more"),
        (file_list(file_entry("a", b"")) | {"metadata": []}, "The key 'metadata' must be an obj"),
        (file_list({"name": "a"}), "The key 'url' of a file is missing."),
    ],
)
def test_lists_of_files(rig: Rig, body: Any, sentence: str) -> None:
    path = "/releases/workspace/heart"
    answer = rig.call("POST", path, "publish", json=body, OS_User="carl")
    assert answer.status_code == 400
    assert (answer.json or {})["detail"].startswith(sentence)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"event_type": "request_eaten"}, "'request_eaten' is not an event type."),
        ({"user": ""}, "An event needs the texts event_type, workspace, request, request_author,"),
        ({"request": 5}, "An event needs the texts event_type"),
        ({"updates": {"a": 1}}, "The key 'updates' must be a list."),
        ({"request": "a\0"}, "The body holds a character that cannot be kept."),
    ],
)
def test_events_of_hatches(rig: Rig, changes: dict[str, Any], message: str) -> None:
    event = {
        "event_type": "request_submitted", "workspace": "heart", "request": "01J",
        "request_author": "rita", "user": "rita", "updates": [],
    }  # fmt: skip
    answer = rig.call("POST", "/airlock/events/", "review", json=event | changes)
    assert answer.status_code == 201
    assert (answer.json or {})["status"] == "error"
    assert (answer.json or {})["message"].startswith(message)
    good = rig.call("POST", "/airlock/events/", "review", json=event)
    assert (good.status_code, good.json) == (201, {"status": "ok"})


@pytest.mark.parametrize(
    "kind",
    ["submitted", "withdrawn", "partially_reviewed", "reviewed", "approved", "released",
     "rejected", "returned", "resubmitted"],
)  # fmt: skip
def test_every_event_of_the_review_workflow_is_kept(rig: Rig, kind: str) -> None:
    event = {
        "event_type": f"request_{kind}", "workspace": "heart", "request": "01J",
        "request_author": "rita", "user": "carl", "updates": [{"update": "x"}], "org": "o",
    }  # fmt: skip
    assert rig.call("POST", "/airlock/events/", "review", json=event).json == {"status": "ok"}
    row = rig.services.audit.page(rig.people["ada"], "hatch.", None)[0]
    assert (row.actor, row.event, row.object) == (
        "backend:hospital",
        f"hatch.request_{kind}",
        "01J",
    )
    assert row.data == {"workspace": "heart", "author": "rita", "user": "carl", "updates": 1}


PAGES: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("rita", "/projects/none/workspaces/", {}, 400, "The workspace&#39;s name may hold only"),
    ("ada", "/projects/cardiology/members/", {"username": "nobody"}, 404, "There is no user"),
    ("ada", "/staff/users/ada/", {"roles": ["admin"]}, 400, "You cannot close your own account"),
    ("ada", "/staff/users/rita/", {"roles": ["boss"]}, 400, "&#39;boss&#39; is not a role here"),
    ("ada", "/staff/users/rita/", {"backends": ["none"], "is_active": "true"}, 404,
     "There is no backend &#39;none&#39;."),
    ("ada", "/staff/users/nobody/", {"is_active": "true"}, 404,
     "There is no user &#39;nobody&#39;."),
    ("ada", "/staff/backends/", {"slug": "hospital", "name": "H"}, 400,
     "There is a backend &#39;hospital&#39; already."),
    ("ada", "/staff/backends/", {"slug": "b", "name": "B", "hatch_url": "ftp://x"}, 400,
     "The address of the hatch must start with https://."),
    ("ada", "/staff/backends/hospital/tokens/", {"scope": "all"}, 400,
     "&#39;all&#39; is not a scope; the scopes are jobs, review, publish, classic."),
    ("ada", "/staff/backends/none/tokens/", {"scope": "jobs"}, 404, "There is no backend"),
    ("rita", "/workspaces/heart/snapshots/", {}, 400, "Choose at least one file that is here."),
    ("rita", "/workspaces/heart/snapshots/", {"file_ids": ["x"]}, 400,
     "The workspace has no file &#39;x&#39;."),
    ("paul", "/workspaces/heart/snapshots/99/publish/", {}, 404, "There is no such snapshot."),
    ("carl", "/files/none/delete/", {}, 404, "There is no such file, or it was removed."),
    ("rita", "/settings/tokens/99/revoke/", {}, 404, "There is no such token."),
    ("rita", "/job-requests/none/rerun/", {}, 404, "There is no job request &#39;none&#39;."),
    ("rita", "/job-requests/{request}/cancel/", {"actions": ["nope"]}, 400,
     "This request has no action &#39;nope&#39;."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("caller", "path", "form", "status", "sentence"),
    PAGES,
    ids=[f"{r[1]} {r[4][:40]}" for r in PAGES],
)
def test_forms(
    world: World, caller: str, path: str, form: dict[str, Any], status: int, sentence: str
) -> None:
    before = world.rig.services.audit.verify().rows
    answer = world.rig.browser(caller).send(world.fill(path), form | {"csrf_token": CSRF})
    assert answer.status_code == status
    alert = re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert alert
    assert sentence in alert[1]
    assert world.rig.services.audit.verify().rows == before


ADDRESSES = [
    ("/releases/{unknown}/", "There is no release &#39;{unknown}&#39;."),
    ("/files/{unknown}/", "There is no such file, or it was removed."),
    ("/job-requests/none/", "There is no job request &#39;none&#39;."),
    ("/workspaces/none/", "There is no workspace &#39;none&#39;."),
    ("/projects/none/", "There is no project &#39;none&#39;."),
]


@pytest.mark.parametrize(("path", "sentence"), ADDRESSES)
def test_addresses_of_nothing(world: World, path: str, sentence: str) -> None:
    unknown = new_ulid()
    answer = world.rig.browser("rita").get(path.format(unknown=unknown))
    assert answer.status_code == 404
    assert sentence.format(unknown=unknown) in answer.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v2/job-requests/", "GET"),
        ("GET", "/api/v2/airlock/events/", "POST"),
        ("PUT", "/api/v2/jobs/", "POST"),
        ("POST", "/api/v1/backends", "GET"),
        ("GET", "/logout/", "POST"),
    ],
)
def test_a_wrong_method_is_405_and_names_the_right_one(
    rig: Rig, method: str, path: str, allowed: str
) -> None:
    answer = rig.app.test_client().open(path, method=method)
    assert answer.status_code == 405
    assert allowed in answer.headers["Allow"]


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
