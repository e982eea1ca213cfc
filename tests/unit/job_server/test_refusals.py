"""Every refusal says what is wrong in one sentence, and changes nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.unit.job_server.rig import CSRF, PASSWORD, REPO, TOKENS, Rig
from tests.unit.job_server.worlds import World

from sallyport_common.tokens import new_ulid
from sallyport_job_server.services.access_tokens import Wish

WORKSPACE = {"name": "w", "project": "cardiology", "repo": REPO, "branch": "main"}
REQUEST = {"workspace": "heart", "backend": "hospital", "requested_actions": ["make"]}
USER = {"username": "nina", "fullname": "Nina", "password": PASSWORD}

API = [
    ("ada", "/users", USER | {"username": "rita"}, 409, "The user name rita is already taken."),
    ("ada", "/users", USER | {"roles": ["boss"]}, 400,
     "The field 'roles[0]' is not valid; expected: output_checker, publication_approver, admin."),
    ("ada", "/users", USER | {"roles": ["researcher"]}, 400,
     "The field 'roles[0]' is not valid; expected: output_checker"),
    ("ada", "/users", USER | {"roles": [5]}, 400,
     "The field 'roles[0]' is not valid; expected: output_checker, p"),
    ("ada", "/users", USER | {"roles": "admin"}, 400,
     "The field 'roles' is not valid; expected: output_checker, p"),
    ("ada", "/users", {"username": "nina"}, 400,
     "The field 'fullname' is missing; expected: 1 to 200 characters"),
    ("rita", "/users", USER, 403, "rita does not have the permission user_manage."),
    ("ada", "/projects", {"slug": "cardiology", "name": "C"}, 409,
     "The project 'cardiology' already exists."),
    ("ada", "/projects", {"slug": "a", "name": "  "}, 400, "expected: 1 to 200 characters"),
    ("ada", "/projects/none/members", {"username": "rita", "roles": []}, 404,
     "There is no project 'none'."),
    ("ada", "/projects/cardiology/members", {"username": "nobody", "roles": []}, 404,
     "There is no user 'nobody'."),
    ("ada", "/projects/cardiology/members", {"username": "rita", "roles": ["admin"]}, 400,
     "The field 'roles[0]' is not valid; expected: researcher, collaborator."),
    ("ada", "/projects/cardiology/members", {"username": "rita"}, 400,
     "The field 'roles' is missing; expected: researcher, collaborator; an empty list ends"),
    ("rita", "/workspaces", WORKSPACE | {"name": "heart"}, 409,
     "The workspace 'heart' already exists."),
    ("rita", "/workspaces", WORKSPACE | {"name": "a b"}, 400,
     "expected: 1 to 100 letters, digits, '-' and '_'."),
    ("rita", "/workspaces", WORKSPACE | {"project": "none"}, 404, "There is no project 'none'."),
    ("mallory", "/workspaces", WORKSPACE, 404, "There is no project 'cardiology'."),
    ("rita", "/workspaces", WORKSPACE | {"branch": "a..b"}, 400,
     "expected: a branch that git takes: without spaces, .., @{ or any of ~ ^ : ? * ["),
    ("rita", "/workspaces", WORKSPACE | {"repo": "https://github.com/other/x"}, 403,
     "The organisation 'other' is not allowed here; allowed: demo-org."),
    ("rita", "/workspaces", WORKSPACE | {"repo": "http://github.com/demo-org/x"}, 400,
     "expected: the public URL of a repository, https://github.com/ORGANISATION/NAME."),
    ("rita", "/workspaces", WORKSPACE | {"repo": "https://a.example/demo-org/x"}, 403,
     "'a.example' is not a declared forge; declared: github.com."),
    ("ada", "/backends/none/members", {"username": "rita"}, 404, "There is no backend 'none'."),
    ("ada", "/backends/hospital/members", {"username": "nobody"}, 404,
     "There is no user 'nobody'."),
    ("rita", "/job-requests", REQUEST | {"workspace": "none"}, 404,
     "There is no workspace 'none'."),
    ("rita", "/job-requests", REQUEST | {"backend": "clinic"}, 403,
     "You do not have access to the backend 'clinic'. You can use: hospital."),
    ("rita", "/job-requests", REQUEST | {"requested_actions": []}, 400,
     "expected: a list of at least one action of project.yaml, or run_all."),
    ("rita", "/job-requests", REQUEST | {"requested_actions": ["mkae"]}, 400,
     "did you mean 'make'?"),
    ("rita", "/job-requests", REQUEST | {"force_run_dependencies": "yes"}, 400,
     "The field 'force_run_dependencies' is not valid; expected: true to run"),
    ("rita", "/job-requests", REQUEST | {"branch": "-x"}, 400, "'-x' is not the name of a branch."),
    ("rita", "/job-requests", REQUEST | {"sha": "x"}, 400,
     "'sha' is not a field here; the fields are workspace, backend, requested_actions,"),
    ("rita", "/job-requests/none/cancel", {}, 404, "There is no job request 'none'."),
    ("rita", "/job-requests/{request}/cancel", {"actions": ["nope"]}, 400,
     "This request has no action 'nope'."),
    ("cora", "/job-requests/{request}/cancel", {}, 403,
     "A job request can be cancelled by the person who submitted it, or by somebody"),
    ("rita", "/workspaces/heart/hatch-tokens", {"backend": "clinic"}, 404,
     "The backend 'clinic' has no release hatch."),
    ("cora", "/workspaces/heart/hatch-tokens", {"backend": "hospital"}, 403,
     "cora does not have the permission unreleased_outputs_view."),
    ("paul", "/login-tokens", {}, 403,
     "You do not have access to a backend yet. Ask an administrator."),
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
    token = rig.services.access_tokens.create(rig.people["ada"], Wish("t"))
    answer = rig.app.test_client().post(
        "/api/v1/projects",
        data=data.encode("latin-1"),
        headers={"Authorization": f"ada:{token}"},
    )
    assert answer.status_code == 400
    sentences = ("is not valid JSON.", "must be an object.", "The field 'slug' is missing")
    assert any(one in (answer.json or {})["detail"] for one in sentences)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("", "on the page Settings, and send 'username:token'."),
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


PAGES: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("rita", "/projects/none/workspaces/", {}, 400, "A repository looks like"),
    ("rita", "/projects/none/workspaces/", {"repo": REPO}, 400,
     "A workspace&#39;s name has up to 100 letters"),
    ("ada", "/projects/cardiology/members/", {"username": "nobody"}, 404, "There is no user"),
    ("ada", "/staff/users/ada/", {"roles": ["admin"]}, 400, "You cannot close your own account"),
    ("ada", "/staff/users/rita/", {"roles": ["boss"]}, 400, "&#39;boss&#39; is not a role here"),
    ("ada", "/staff/users/rita/", {"backends": ["none"], "is_active": "true"}, 404,
     "There is no backend &#39;none&#39;."),
    ("ada", "/staff/users/nobody/", {"is_active": "true"}, 404,
     "There is no user &#39;nobody&#39;."),
    ("ada", "/staff/backends/", {"slug": "hospital", "name": "H"}, 400,
     "The backend &#39;hospital&#39; already exists."),
    ("ada", "/staff/backends/", {"slug": "b", "name": "B", "hatch_url": "ftp://x"}, 400,
     "The address of the hatch must start with https://."),
    ("ada", "/staff/backends/hospital/tokens/", {"scope": "all"}, 400,
     "&#39;all&#39; is not a scope; the scopes are jobs, review, publish, classic."),
    ("ada", "/staff/backends/none/tokens/", {"scope": "jobs"}, 404, "There is no backend"),
    ("rita", "/workspaces/heart/snapshots/", {}, 400, "Select at least one available file."),
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
