"""What is submitted twice under one key is one request, on the page and in the API."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.unit.job_server import worlds
from tests.unit.job_server.rig import BOTH, SITE, Rig
from werkzeug.test import TestResponse

from sallyport_job_server.services import clock
from sallyport_job_server.services.access_tokens import Wish
from sallyport_job_server.services.submissions import LIFETIME

ENGINES = BOTH
BODY = {"workspace": "heart", "backend": "hospital", "requested_actions": ["make"]}
PAGE = "/workspaces/heart/run/"


@pytest.fixture(autouse=True)
def _without_git(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.without_git(rig, monkeypatch)


@pytest.fixture
def token(rig: Rig) -> str:
    """Return an access token of rita's."""
    return rig.services.access_tokens.create(rig.people["rita"], Wish("script"))


def send(rig: Rig, token: str, key: str | None, **changes: Any) -> TestResponse:
    """Submit by the API, with a key unless it is None."""
    headers = {"Authorization": f"rita:{token}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    client = rig.app.test_client()
    return client.post("/api/v1/job-requests", json=BODY | changes, headers=headers, base_url=SITE)


def identifier(answer: TestResponse) -> str:
    """Return the request that an answer is about."""
    assert answer.status_code == 201, answer.text
    return str((answer.json or {})["identifier"])


def listed(rig: Rig) -> int:
    """Return how many requests the runner sees."""
    return len((rig.call("GET", "/job-requests/").json or {})["results"])


def test_a_key_gives_one_request_and_none_gives_one_each(rig: Rig, token: str) -> None:
    first = identifier(send(rig, token, "k"))
    assert identifier(send(rig, token, "k")) == first
    others = {identifier(send(rig, token, key)) for key in ("another", None, None, "")}
    assert len(others | {first}) == 5
    assert listed(rig) == 5


def test_sent_many_times_at_once_it_is_one_request(rig: Rig, token: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _number: identifier(send(rig, token, "k")), range(8)))
    assert len(found) == 1
    assert listed(rig) == 1


def test_a_key_is_for_one_content_and_one_person(rig: Rig, token: str) -> None:
    first = identifier(send(rig, token, "k"))
    answer = send(rig, token, "k", requested_actions=["summarise"])
    assert answer.status_code == 409
    assert answer.json == {
        "detail": f"This Idempotency-Key was used for something else, the request {first}."
    }
    rig.services.directory.set_member(rig.people["ada"], "cardiology", "cora", ["researcher"])
    theirs = rig.services.job_requests.create(
        rig.people["cora"], workspace_name="heart", backend_slug="hospital", actions=["make"],
        key="k",
    )  # fmt: skip
    assert theirs.identifier != first


@pytest.mark.parametrize("key", ["x" * 201, "a\tb"])
def test_a_key_that_cannot_be_stored_is_refused(rig: Rig, token: str, key: str) -> None:
    answer = send(rig, token, key)
    assert answer.status_code == 400
    assert "at most 200 characters, all printable" in answer.text
    assert identifier(send(rig, token, "x" * 200))


def test_a_key_is_forgotten_after_a_day(
    rig: Rig, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = identifier(send(rig, token, "k"))
    ago = clock.ago
    for later, same in ((LIFETIME - 60, True), (LIFETIME + 60, False)):
        monkeypatch.setattr(clock, "ago", lambda seconds, by=later: ago(seconds - by))
        assert (identifier(send(rig, token, "k")) == first) is same


def test_a_form_that_is_sent_twice_is_one_request(rig: Rig) -> None:
    browser = rig.browser("rita")

    def submit(page: str, *actions: str) -> str:
        fields = {name: re.search(rf'name="{name}" value="([^"]+)"', page) for name in
                  ("csrf_token", "sha", "key")}  # fmt: skip
        sent = {name: found[1] for name, found in fields.items() if found}
        assert sent.keys() == fields.keys()
        answer = browser.send(PAGE, sent | {"backend": "hospital", "actions": list(actions)})
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    page = browser.get(PAGE).text
    first = submit(page, "make")
    assert submit(page, "make") == first
    assert submit(page, "make", "summarise") != first, "another choice on the same page"
    assert submit(browser.get(PAGE).text, "make") != first, "the page was opened again"


def test_run_again_that_is_clicked_twice_is_one_request(rig: Rig) -> None:
    browser, request = rig.browser("rita"), rig.submit("make")
    page = browser.get(f"/job-requests/{request}/").text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    path = f"/job-requests/{request}/rerun/"
    places = {browser.post(path, {"key": key[1]}).headers["Location"] for _ in range(2)}
    assert len(places) == 1
    assert f"/job-requests/{request}/" not in places
