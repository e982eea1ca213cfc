"""What the hatch asks: one-use log-ins, permissions, events, signed tokens."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from itsdangerous import Signer
from tests.unit.job_server.rig import BOTH, Rig

from sallyport_common.problems import ForbiddenError, NotFoundError
from sallyport_job_server.services import clock, login_tokens

ENGINES = BOTH

LOG_IN = "/releases/authenticate"


def test_three_words_log_a_person_in_once(rig: Rig) -> None:
    page = rig.browser("carl").post("/settings/login-token/", {}, "/settings/").text
    words = page.partition('id="login-token-words">')[2].partition("<")[0]
    assert len(words.split()) == 3
    assert set(words.split()) <= set(login_tokens.words())
    body = {"user": "carl", "token": words.replace(" ", "").upper()}
    assert rig.call("POST", LOG_IN, "review", json=body | {"token": "a b c"}).status_code == 403
    answer = rig.call("POST", LOG_IN, "review", json=body)
    assert answer.status_code == 200
    assert answer.json == {
        "username": "carl",
        "fullname": "Carl",
        "workspaces": {},
        "copiloted_workspaces": {},
        "output_checker": True,
        "readonly_access": False,
    }
    assert rig.call("POST", LOG_IN, "review", json=body).status_code == 403


def test_the_words_are_nowhere_in_the_database(rig: Rig) -> None:
    words, _expires = rig.services.login_tokens.create(rig.people["rita"])
    kept, plain = rig.dump(), words.replace(" ", "")
    for text in (words, plain, hashlib.sha256(plain.encode()).hexdigest()):
        assert text not in kept
    assert "rita" in kept


def test_a_log_in_expires_and_a_new_one_ends_the_old(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rita = rig.people["rita"]
    old, _expires = rig.services.login_tokens.create(rita)
    new, _expires = rig.services.login_tokens.create(rita)
    assert (
        rig.call("POST", LOG_IN, "review", json={"user": "rita", "token": old}).status_code == 403
    )
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: "2999-01-01T00:00:00Z")
        late = rig.call("POST", LOG_IN, "review", json={"user": "rita", "token": new})
        assert late.status_code == 403
    by_mail = {"user": "rita@example.org", "token": new}
    assert rig.call("POST", LOG_IN, "review", json=by_mail).status_code == 200


def test_a_person_without_a_backend_gets_no_log_in(rig: Rig) -> None:
    with pytest.raises(ForbiddenError, match="not have access to a backend yet"):
        rig.services.login_tokens.create(rig.people["mallory"])
    assert rig.services.login_tokens.create(rig.people["cora"])


def test_guessing_words_is_slowed_down(rig: Rig) -> None:
    words, _expires = rig.services.login_tokens.create(rig.people["rita"])
    for _ in range(10):
        wrong = {"user": "rita", "token": "a b c"}
        assert rig.call("POST", LOG_IN, "review", json=wrong).status_code == 403
    right = {"user": "rita", "token": words}
    assert rig.call("POST", LOG_IN, "review", json=right).status_code == 429


def test_authorise_says_what_a_person_may_see(rig: Rig) -> None:
    path = "/releases/authorise"
    answer = rig.call("POST", path, "review", json={"user": "rita"})
    assert (answer.json or {})["workspaces"] == {
        "heart": {
            "project_details": {"name": "Heart study", "ongoing": True, "orgs": []},
            "archived": False,
        }
    }
    assert (answer.json or {})["output_checker"] is False
    assert (rig.call("POST", path, "review", json={"user": "cora"}).json or {})["workspaces"] == {}
    assert rig.call("POST", path, "review", json={"user": "nobody"}).status_code == 404
    assert rig.call("POST", path, "review", json={"user": "mallory"}).status_code == 403
    for scope in ("jobs", "publish"):
        assert rig.call("POST", path, scope, json={"user": "rita"}).status_code == 403


def test_events_are_always_201_and_say_what_was_wrong(rig: Rig) -> None:
    event = {
        "event_type": "request_submitted", "workspace": "heart", "request": "01J",
        "request_author": "rita", "user": "rita", "updates": None,
    }  # fmt: skip
    answer = rig.call("POST", "/airlock/events/", "review", json=event)
    assert (answer.status_code, answer.json) == (201, {"status": "ok"})
    wrong: list[Any] = [event | {"event_type": "request_eaten"}, {}, [], event | {"updates": 5}]
    for bad in wrong:
        answer = rig.call("POST", "/airlock/events/", "review", json=bad)
        assert answer.status_code == 201
        assert (answer.json or {})["status"] == "error"
    assert rig.call("POST", "/airlock/events/", "jobs", json=event).status_code == 403
    assert "hatch.request_submitted" in rig.browser("ada").get("/staff/audit/").text


def test_a_hatch_token_has_the_wire_format_of_the_hatch(rig: Rig) -> None:
    made = rig.services.hatch_tokens.create(rig.people["rita"], "heart", "hospital")
    signer = Signer("h" * 40, salt="hatch", key_derivation="hmac", digest_method=hashlib.sha256)
    payload = json.loads(signer.unsign(made["token"]))
    assert payload["url"] == made["url"] == "https://hatch.example/workspace/heart"
    assert payload["user"] == "rita"
    with pytest.raises(ForbiddenError):
        rig.services.hatch_tokens.create(rig.people["cora"], "heart", "hospital")
    with pytest.raises(NotFoundError):
        rig.services.hatch_tokens.create(rig.people["rita"], "heart", "clinic")


def test_roles_under_their_classic_names(rig: Rig) -> None:
    answer = rig.call("GET", "/users/rita/")
    assert (answer.json or {})["roles"] == {
        "global": [], "projects": [{"slug": "cardiology", "roles": ["ProjectDeveloper"]}],
    }  # fmt: skip
    assert "job_run" in (answer.json or {})["permissions"]["projects"][0]["permissions"]
    assert (rig.call("GET", "/users/carl/").json or {})["roles"]["global"] == ["OutputChecker"]
    assert rig.call("GET", "/users/nobody/").status_code == 404
