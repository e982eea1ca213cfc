"""/api/v1: the whole set-up by API, its refusals, and its description."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.job_server.rig import PASSWORD, SITE, Rig


def test_everything_is_set_up_and_run_by_api(rig: Rig) -> None:
    client = rig.app.test_client()
    answer = client.post("/api/v1/tokens", json={"username": "ada", "password": PASSWORD})
    assert answer.status_code == 201
    headers = {"Authorization": f"ada:{(answer.json or {})['token']}"}

    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        done = client.post(f"/api/v1{path}", json=body, headers=headers)
        assert done.status_code in (200, 201), done.text
        return dict(done.json or {})

    post("/users", {"username": "nina", "fullname": "Nina", "email": "", "password": PASSWORD,
                    "roles": ["output_checker"]})  # fmt: skip
    post("/projects", {"slug": "lungs", "name": "Lung study"})
    post("/projects/lungs/members", {"username": "nina", "roles": ["researcher"]})
    repo = "https://github.com/demo-org/study"
    post("/workspaces", {"name": "lung-1", "project": "lungs", "repo": repo, "branch": "main"})
    post("/backends/hospital/members", {"username": "nina"})
    rig.people["nina"] = rig.services.accounts.log_in("nina", PASSWORD, "", "local")
    made = rig.api("POST", "/job-requests", "nina", {
        "workspace": "lung-1", "backend": "hospital", "requested_actions": ["make"],
    })  # fmt: skip
    assert made.status_code == 201
    identifier = (made.json or {})["identifier"]
    assert (made.json or {})["url"] == f"{SITE}/job-requests/{identifier}/"
    rig.report(identifier, "make", "running", status_message="Executing")
    seen = rig.api("GET", f"/job-requests/{identifier}", "nina").json or {}
    assert (seen["status"], seen["sha"]) == ("running", rig.study.sha)
    assert seen["jobs"][0]["status_message"] == "Executing"
    cancelled = rig.api("POST", f"/job-requests/{identifier}/cancel", "nina")
    assert (cancelled.json or {})["cancelled_actions"] == ["make"]
    words = rig.api("POST", "/login-tokens", "nina")
    assert len((words.json or {})["token"].split()) == 3
    assert (rig.api("GET", "/workspaces/lung-1", "nina").json or {})["repo"] == repo
    assert rig.api("GET", "/workspaces/lung-1/releases", "nina").json == []
    found: Any = rig.api("GET", "/backends", "nina").json
    assert [(one["slug"], one["member"]) for one in found] == [("hospital", True)]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/users", {"username": "x", "fullname": "X", "password": PASSWORD}),
        ("POST", "/projects", {"slug": "x", "name": "X"}),
        ("POST", "/projects/cardiology/members", {"username": "cora", "roles": []}),
        ("POST", "/backends/hospital/members", {"username": "cora"}),
    ],
)
def test_administration_is_for_administrators(
    rig: Rig, method: str, path: str, body: dict[str, Any]
) -> None:
    assert rig.api(method, path, "rita", body).status_code == 403
    assert rig.api(method, path, "ada", body).status_code in (200, 201)


def test_who_is_unknown_gets_401_and_a_foreign_thing_404(rig: Rig) -> None:
    client = rig.app.test_client()
    for headers in ({}, {"Authorization": "rita:x"}):
        answer = client.get("/api/v1/workspaces/heart", headers=headers)
        assert answer.status_code == 401
        assert set(answer.json or {}) == {"detail"}
    wrong = client.post("/api/v1/tokens", json={"username": "rita", "password": "x"})
    assert wrong.status_code == 401
    assert rig.api("GET", "/workspaces/heart", "mallory").status_code == 404
    assert rig.api("GET", "/workspaces/heart", "rita").status_code == 200


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"slug": "x"}, "'name' is missing"),
        (
            {"slug": "x", "name": 5},
            "The field 'name' is not valid; expected: 1 to 200 characters, not only spaces.",
        ),
        (
            {"name": 5, "more": 1},
            "'more' is not a field here; the fields are slug, name. The field 'slug' is missing; "
            "expected: a short name: letters, digits, '-' and '_'. The field 'name' is not valid",
        ),
        ({"slug": "x", "name": "X", "more": 1}, "'more' is not a field here"),
        ({"slug": "a b", "name": "X"}, "expected: a short name: letters"),
        ({"slug": "cardiology", "name": "X"}, "already"),
    ],
)
def test_a_bad_body_is_explained(rig: Rig, body: dict[str, Any], sentence: str) -> None:
    answer = rig.api("POST", "/projects", "ada", body)
    assert answer.status_code in (400, 409)
    assert sentence in (answer.json or {})["detail"]
    assert rig.api("POST", "/projects", "ada", {"slug": "x", "name": "X"}).status_code == 201


def test_an_unknown_action_is_explained(rig: Rig) -> None:
    body = {"workspace": "heart", "backend": "hospital", "requested_actions": ["sumarise"]}
    answer = rig.api("POST", "/job-requests", "rita", body)
    assert answer.status_code == 400
    assert "did you mean 'summarise'?" in (answer.json or {})["detail"]


def test_a_hatch_token_by_api(rig: Rig) -> None:
    answer = rig.api("POST", "/workspaces/heart/hatch-tokens", "rita", {"backend": "hospital"})
    assert answer.status_code == 201
    assert set(answer.json or {}) == {"url", "token", "expires_at"}
