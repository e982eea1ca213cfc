"""Sessions are kept on the server: who has one, how long, and who ends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.job_server.rig import AGENT, PASSWORD, SITE, Rig
from tests.unit.job_server.test_sessions import NEW, session_cookie

from sallyport_common.problems import Problem, UnauthenticatedError
from sallyport_common.protocol import parse_utc, utc_text
from sallyport_job_server.services import clock
from sallyport_job_server.services.access_tokens import Wish
from sallyport_job_server.storage import tables
from sallyport_job_server.views import filters


def later(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Let it be some seconds later for the job server."""
    now = utc_text(datetime.now(UTC) + timedelta(seconds=seconds))
    monkeypatch.setattr(clock, "now", lambda: now)
    monkeypatch.setattr(clock, "until", lambda more: _moved(now, more))
    monkeypatch.setattr(clock, "seconds_since", lambda then: _between(then, now))


def _moved(moment: str, seconds: float) -> str:
    return utc_text(parse_utc(moment) + timedelta(seconds=seconds))


def _between(then: str, now: str) -> float:
    return (parse_utc(now) - parse_utc(then)).total_seconds()


def test_a_sessions_end_does_not_move_when_it_is_used(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = rig.browser("rita")
    for after, status in ((1700, 200), (3000, 200), (3500, 200), (3700, 302)):
        later(monkeypatch, after)
        assert browser.get("/settings/").status_code == status, after


def test_a_session_that_nobody_uses_ends(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that renews itself is not somebody who uses it."""
    browser, control = rig.browser("rita"), rig.browser("rita")
    page = "/status/"
    for after in (900, 1700):
        later(monkeypatch, after)
        assert "Settings" in browser.get(page, headers={"X-Renews": "1"}).text
        assert control.get("/settings/").status_code == 200
    later(monkeypatch, 1900)
    assert browser.get("/settings/").status_code == 302
    assert control.get("/settings/").status_code == 200


@pytest.fixture
def ways_in(rig: Rig) -> Callable[[], list[bool]]:
    """Give a function that says whether session, access token and one-use log-in let rita in."""
    browser, person = rig.browser("rita"), rig.people["rita"]
    token = rig.services.access_tokens.create(person, Wish("script"))
    words, _until = rig.services.login_tokens.create(person)
    hospital = rig.services.backends.by_slug("hospital")

    def check() -> list[bool]:
        found = [browser.get("/settings/").status_code == 200]
        for call in (
            lambda: rig.services.access_tokens.owner(f"rita:{token}"),
            lambda: rig.services.login_tokens.redeem(hospital, "rita", words),
        ):
            try:
                call()
            except Problem:
                found.append(False)
            else:
                found.append(True)
        return found

    return check


def test_three_ways_lead_in(ways_in: Callable[[], list[bool]]) -> None:
    """The control of the tests that end them."""
    assert ways_in() == [True, True, True]


@pytest.mark.parametrize("how", ["changed", "reset", "closed and opened"])
def test_no_way_in_outlives_a_password_or_the_account(
    rig: Rig, ways_in: Callable[[], list[bool]], how: str
) -> None:
    accounts, ada = rig.services.accounts, rig.people["ada"]
    if how == "changed":
        accounts.change_password(rig.people["rita"], PASSWORD, NEW)
    elif how == "reset":
        accounts.reset_password(ada, "rita", NEW)
    else:
        for is_active in (False, True):
            accounts.update(ada, "rita", roles=[], backend_slugs=["hospital"], is_active=is_active)
    assert ways_in() == [False, False, False]


def test_a_cookie_that_was_copied_is_worth_nothing_after_the_log_out(rig: Rig) -> None:
    browser = rig.browser()
    answer = browser.post("/login/", {"username": "rita", "password": PASSWORD})
    cookie = {"Cookie": session_cookie(answer)}
    thief = rig.app.test_client(use_cookies=False)

    def status() -> int:
        return thief.get("/settings/", base_url=SITE, headers=cookie).status_code

    assert status() == 200
    browser.post("/logout/", page="/settings/")
    assert status() == 302


def test_a_person_sees_and_ends_sessions_of_their_own(rig: Rig) -> None:
    here, there = rig.browser("rita"), rig.browser("rita")
    cora = rig.browser("cora")
    page = here.get("/settings/").text
    assert page.count("Firefox on Linux from 192.0.2.7") == 2
    (path,) = re.findall(r'action="(/settings/sessions/\d+/end/)"', page)
    assert "this one" in page
    assert cora.post(path).status_code == 404
    assert there.get("/settings/").status_code == 200
    assert here.post(path).status_code == 302
    assert "The session was ended." in here.get("/settings/").text
    assert there.get("/settings/").status_code == 302


def test_an_administrator_sees_and_ends_sessions_and_tokens_of_anybody(rig: Rig) -> None:
    theirs, ada = rig.browser("rita"), rig.browser("ada")
    token = rig.services.access_tokens.create(rig.people["rita"], Wish("nightly"))
    page = ada.get("/staff/users/rita/").text
    assert "nightly" in page
    paths = re.findall(r'action="(/staff/users/rita/(?:sessions|tokens)/\d+/\w+/)"', page)
    assert len(paths) == 2
    for path in paths:
        assert rig.browser("cora").post(path).status_code == 404
        assert ada.post(path).status_code == 302
    assert theirs.get("/settings/").status_code == 302
    with pytest.raises(UnauthenticatedError):
        rig.services.access_tokens.owner(f"rita:{token}")
    rows = [row.event for row in rig.audit("")]
    assert {"session.end", "token.revoke"} <= set(rows)


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        (AGENT, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.5.0", "A program"),
        ("", "A program"),
    ],
)
def test_a_session_is_told_by_its_browser(agent: str, shown: str) -> None:
    assert filters.browser(agent) == shown


def test_sessions_that_are_over_are_forgotten(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rita = rig.people["rita"]
    rig.services.sessions.start(rita, "local", "")
    later(monkeypatch, 4000)
    assert rig.services.sessions.of(rita) == []
    rig.services.sessions.start(rita, "local", "")
    with rig.services.database.read() as connection:
        rows = connection.execute(tables.sessions.select()).all()
    assert len(rows) == 1
