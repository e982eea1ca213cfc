"""A command on another machine is let in by who types its code on a page, and by nobody else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.unit.job_server.rig import BOTH, PASSWORD, SITE, Rig
from tests.unit.job_server.test_session_ends import later
from werkzeug.test import TestResponse

from sallyport_job_server.services.access_tokens import TokenScope
from sallyport_job_server.services.device_logins import LIFETIME
from sallyport_job_server.storage import device_logins as stored
from sallyport_job_server.storage import tables

ENGINES = BOTH
NAME = "sallyport on <laptop>"


def call(rig: Rig, path: str, **body: str) -> TestResponse:
    """Call the API as somebody without a token."""
    return rig.app.test_client().post(f"/api/v1{path}", json=body, base_url=SITE)


def begin(rig: Rig) -> dict[str, Any]:
    """Begin a log-in."""
    answer = call(rig, "/device-logins", label=NAME)
    assert answer.status_code == 201, answer.text
    return dict(answer.json or {})


def fetch(rig: Rig, begun: dict[str, Any]) -> TestResponse:
    """Ask whether somebody allowed it."""
    return call(rig, "/device-logins/token", secret=begun["secret"])


def decide(rig: Rig, code: str, decision: str, who: str = "rita") -> TestResponse:
    """Type a code on the page, and press a button of what it shows."""
    browser = rig.browser(who)
    page = browser.post("/device/", {"code": code})
    assert page.status_code == 200, page.text
    found = re.search(r'name="code" value="([A-Z]+)"', page.text)
    assert found is not None
    return browser.post("/device/decide/", {"code": found[1], "decision": decision})


def test_a_command_gets_a_token_once_after_a_person_allowed_it(rig: Rig) -> None:
    begun = begin(rig)
    assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", begun["code"])
    assert begun["url"] == f"{SITE}/device/"
    assert fetch(rig, begun).json == {"username": None, "token": None}
    assert decide(rig, begun["code"].lower().replace("-", " "), "allow").status_code == 302
    told = fetch(rig, begun).json or {}
    assert told["username"] == "rita"
    owner = rig.services.access_tokens.owner(f"rita:{told['token']}", TokenScope.RUN)
    assert owner.username == "rita"
    [token] = rig.services.access_tokens.of(rig.people["rita"])
    assert (token.label, token.scope, token.project) == (NAME, "run", None)
    again = fetch(rig, begun)
    assert (again.status_code, "Begin again" in again.text) == (404, True)
    events = [(row.event, row.actor) for row in rig.audit()[:2]]
    assert events == [("token.create", "rita"), ("device_login.allow", "rita")]


def test_the_page_says_who_asks_and_for_what(rig: Rig) -> None:
    begun = begin(rig)
    page = rig.browser("rita").post("/device/", {"code": begun["code"]}).text
    assert "sallyport on &lt;laptop&gt;" in page
    assert "only if you began it yourself" in page
    assert "127.0.0.1" in page


def test_a_refused_command_gets_nothing(rig: Rig) -> None:
    begun = begin(rig)
    decide(rig, begun["code"], "refuse")
    refused = fetch(rig, begun)
    assert (refused.status_code, "was refused" in refused.text) == (403, True)
    assert rig.services.access_tokens.of(rig.people["rita"]) == []
    assert rig.browser("cora").post("/device/", {"code": begun["code"]}).status_code == 404


def test_a_link_lets_nobody_in(rig: Rig) -> None:
    """The control is the form of our own page."""
    begun = begin(rig)
    browser = rig.browser("rita")
    for path in (f"/device/?code={begun['code']}", f"/device/decide/?code={begun['code']}"):
        answer = browser.get(path)
        assert begun["code"] not in answer.text
        assert NAME not in answer.text
    sent = {"code": begun["code"], "decision": "allow"}
    assert browser.send("/device/decide/", sent).status_code == 403
    assert (fetch(rig, begun).json or {})["token"] is None
    assert browser.post("/device/decide/", sent).status_code == 302
    assert (fetch(rig, begun).json or {})["token"] is not None


def test_a_code_is_decided_about_once_and_not_for_long(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = begin(rig), begin(rig)
    decide(rig, first["code"], "allow")
    other = rig.browser("cora").post(
        "/device/decide/", {"code": first["code"], "decision": "allow"}
    )
    assert other.status_code == 404
    assert (fetch(rig, first).json or {})["username"] == "rita"
    later(monkeypatch, LIFETIME + 1)
    late = rig.browser("rita").post("/device/", {"code": second["code"]})
    assert (late.status_code, "No log-in waits" in late.text) == (404, True)
    assert fetch(rig, second).status_code == 404
    rig.services.tidying.run()
    with rig.services.database.read() as connection:
        assert connection.execute(tables.device_logins.select()).all() == []


def test_who_sets_a_new_password_takes_back_what_was_allowed(rig: Rig) -> None:
    """The control is somebody else's."""
    mine, another = begin(rig), begin(rig)
    decide(rig, mine["code"], "allow")
    decide(rig, another["code"], "allow", "cora")
    rig.services.accounts.change_password(rig.people["rita"], PASSWORD, "another long password")
    assert fetch(rig, mine).status_code == 404
    assert fetch(rig, another).status_code == 200


def test_a_closed_account_gets_no_token(rig: Rig) -> None:
    begun = begin(rig)
    decide(rig, begun["code"], "allow")
    with rig.services.database.change("test") as change:
        closed = tables.users.update().where(tables.users.c.username == "rita")
        change.connection.execute(closed.values(is_active=False))
    assert fetch(rig, begun).status_code == 404
    assert rig.services.access_tokens.of(rig.people["rita"]) == []


@pytest.mark.parametrize("path", ["/device/", "/device/decide/"])
def test_guessing_codes_is_slowed_down(rig: Rig, path: str) -> None:
    """A code of one's own between the guesses does not help."""
    begun, browser = begin(rig), rig.browser("mallory")
    answers = []
    for _ in range(11):
        answers.append(browser.post(path, {"code": "BBBB-BBBB"}).status_code)
        browser.post("/device/", {"code": begun["code"]})
    assert answers == [404] * 10 + [429]
    assert browser.post("/device/", {"code": begun["code"]}).status_code == 429
    assert rig.browser("rita").post("/device/", {"code": begun["code"]}).status_code == 200


def test_one_address_begins_so_many_and_still_logs_in(rig: Rig) -> None:
    answers = [call(rig, "/device-logins", label="x").status_code for _ in range(31)]
    assert answers == [201] * 30 + [429]
    body = {"username": "rita", "password": PASSWORD}
    assert call(rig, "/tokens", **body).status_code == 201


def test_one_of_two_questions_at_once_gets_the_token(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = begin(rig)
    decide(rig, begun["code"], "allow")
    used = stored.use
    monkeypatch.setattr(stored, "use", lambda *given: used(*given) and used(*given))
    assert fetch(rig, begun).status_code == 404
    assert rig.services.access_tokens.of(rig.people["rita"]) == []


@pytest.mark.parametrize("label", ["", " ", "x" * 101])
def test_a_name_that_cannot_be_shown_is_refused(rig: Rig, label: str) -> None:
    assert call(rig, "/device-logins", label=label).status_code == 400
