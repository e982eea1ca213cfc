"""Sessions, passwords, one-time codes and the brake on guessing, as they are met in a browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from tests.unit.job_server.rig import AGENT, CSRF, PASSWORD, SITE, Browser, Rig
from werkzeug.test import TestResponse

from sallyport_common.problems import Problem, TooManyError, UnauthenticatedError
from sallyport_common.protocol import parse_utc, utc_text
from sallyport_common.throttle import MESSAGE, PER_ACCOUNT, PER_ADDRESS
from sallyport_job_server.models import Operator
from sallyport_job_server.services import accounts, clock, one_time_codes
from sallyport_job_server.storage import tables, users
from sallyport_job_server.views import filters

NEW = "another long password"
REFUSED = "The user name, the password or the code is wrong."


def code(secret: str, shift: int = 0) -> str:
    """Return the code of a time step relative to now."""
    return pyotp.TOTP(secret).at(int(time.time()) + shift * one_time_codes.STEP)


def session_cookie(answer: TestResponse) -> str:
    """Return name and value of the session's cookie that an answer sets."""
    cookies = [one.partition(";")[0] for one in answer.headers.getlist("Set-Cookie")]
    return next(one for one in cookies if one.startswith("__Host-sallyport="))


def with_codes(rig: Rig, shift: int = -1) -> str:
    """Turn one-time codes on for rita and return the secret."""
    secret = one_time_codes.new_secret()
    rig.services.accounts.set_totp(rig.people["rita"], secret, code(secret, shift))
    return secret


def rita(rig: Rig) -> Any:
    """Return rita's account as it is now."""
    with rig.services.database.read() as connection:
        return users.by_name(connection, "rita")


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"username": "rita", "password": "wrong"}, "password"),
        ({"username": "nobody", "password": PASSWORD}, "name"),
        ({"username": "", "password": ""}, "nothing"),
        ({"username": "closed", "password": PASSWORD}, "closed account"),
        ({"username": "coded", "password": PASSWORD}, "missing code"),
        ({"username": "coded", "password": PASSWORD, "totp": "000000"}, "wrong code"),
        ({"username": "RITA", "password": PASSWORD}, "capitals"),
    ],
)
def test_every_reason_of_a_refused_log_in_looks_alike(
    rig: Rig, form: dict[str, str], why: str
) -> None:
    create, ada = rig.services.accounts.create, rig.people["ada"]
    for name in ("closed", "coded"):
        create(Operator("test"), username=name, fullname=name, email="", password=PASSWORD)
    rig.services.accounts.update(ada, "closed", roles=[], backend_slugs=[], is_active=False)
    secret = one_time_codes.new_secret()
    coded = rig.services.accounts.roles_of("coded")[0]
    rig.services.accounts.set_totp(coded, secret, code(secret))
    browser = rig.browser()
    answer = browser.post("/login/", form)
    assert answer.status_code == 403, why
    assert REFUSED in answer.text
    assert PASSWORD not in answer.text
    assert browser.get("/settings/").status_code == 302
    good = {"username": "rita", "password": PASSWORD}
    assert browser.post("/login/", good).status_code == 302
    assert browser.get("/settings/").status_code == 200


def test_an_unknown_name_costs_a_hash_like_a_known_one(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    verify = PasswordHasher.verify

    def spy(self: PasswordHasher, hashed: str, password: str) -> bool:
        verified.append(hashed)
        return bool(verify(self, hashed, password))

    monkeypatch.setattr(PasswordHasher, "verify", spy)
    for name in ("rita", "nobody"):
        with pytest.raises(UnauthenticatedError):
            rig.services.accounts.log_in(name, "wrong", "", "192.0.2.1")
    assert len(verified) == 2
    assert verified[0] != verified[1]


def test_passwords_are_kept_as_argon2id_each_with_its_own_salt(rig: Rig) -> None:
    hashes = {person.password_hash for person in rig.people.values()}
    assert len(hashes) == len(rig.people)
    assert all(one.startswith("$argon2id$v=19$") for one in hashes)
    default = PasswordHasher()
    assert (default.memory_cost, default.time_cost) >= (19_456, 2)


def test_log_in_starts_a_new_session(rig: Rig) -> None:
    browser = rig.browser()
    before = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/login/").text)
    browser.post("/login/", {"username": "rita", "password": PASSWORD})
    after = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/settings/").text)
    assert before
    assert after
    assert before[1] != after[1]
    stale = browser.send("/settings/tokens/", {"csrf_token": before[1], "label": "x"})
    assert stale.status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda value: "A" + value[1:],
        lambda value: value[:-2] + ("AA" if value[-2:] != "AA" else "BB"),
        lambda value: value.rpartition(".")[0],
        lambda _value: "",
    ],
)
def test_an_edited_cookie_is_nobody(rig: Rig, change: Callable[[str], str]) -> None:
    browser = rig.browser()
    answer = browser.post("/login/", {"username": "rita", "password": PASSWORD})
    value = session_cookie(answer).partition("=")[2]

    def status(cookie: str) -> int:
        client = rig.app.test_client(use_cookies=False)
        headers = {"Cookie": f"__Host-sallyport={cookie}"}
        return client.get("/settings/", base_url=SITE, headers=headers).status_code

    assert status(change(value)) == 302
    assert status(value) == 200


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


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/workspaces/heart/?page=2", "/workspaces/heart/?page=2"),
        ("/", "/"),
        ("", "/"),
        ("workspaces", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
    ],
)
def test_log_in_leads_back_to_a_path_of_this_site(rig: Rig, target: str, lands: str) -> None:
    form = {"username": "rita", "password": PASSWORD, "next": target}
    answer = rig.browser().post("/login/", form)
    assert answer.headers["Location"] == lands
    assert "x=1" not in str(answer.headers)


def test_a_page_with_a_query_is_come_back_to(rig: Rig) -> None:
    answer = rig.browser().get("/workspaces/heart/?search=make&page=2")
    target = "/login/?next=/workspaces/heart/?search%3Dmake%26page%3D2"
    assert answer.headers["Location"] == target


def test_one_address_is_slowed_down_whatever_the_names(rig: Rig) -> None:
    log_in = rig.services.accounts.log_in
    for number in range(PER_ADDRESS):
        with pytest.raises(UnauthenticatedError):
            log_in(f"name{number}", "wrong", "", "192.0.2.1")
    with pytest.raises(TooManyError, match="15 minutes"):
        log_in("rita", PASSWORD, "", "192.0.2.1")
    assert log_in("rita", PASSWORD, "", "192.0.2.2").username == "rita"
    with pytest.raises(TooManyError):
        log_in("rita", PASSWORD, "", "192.0.2.1")


def test_a_success_forgives_the_name_and_one_attempt_of_the_address(rig: Rig) -> None:
    log_in = rig.services.accounts.log_in
    for _round in range(4):
        for _ in range(PER_ACCOUNT - 1):
            with pytest.raises((UnauthenticatedError, TooManyError)):
                log_in("rita", "wrong", "", "192.0.2.1")
        if _round < 3:
            assert log_in("rita", PASSWORD, "", "192.0.2.1").username == "rita"
    with pytest.raises(TooManyError):
        log_in("cora", PASSWORD, "", "192.0.2.1")


def test_a_browser_is_known_after_a_log_in(rig: Rig) -> None:
    browser, form = rig.browser(), {"username": "rita", "password": PASSWORD}
    cookies = browser.post("/login/", form).headers.getlist("Set-Cookie")
    (cookie,) = [one for one in cookies if one.startswith("__Host-sallyport-browser=")]
    for part in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=15552000"):
        assert part in cookie
    browser.post("/logout/", page="/settings/")
    again = browser.post("/login/", form, page="/login/").headers.getlist("Set-Cookie")
    assert not [one for one in again if "sallyport-browser" in one]


@pytest.mark.parametrize("path", ["/login/", "/api/v1/tokens"])
def test_the_brake_is_429_on_the_page_and_in_the_api(rig: Rig, path: str) -> None:
    browser = rig.browser()
    form = {"username": "rita", "password": "wrong"}

    def attempt(password: str) -> Any:
        sent = form | {"password": password}
        return browser.json(path, sent) if path.startswith("/api") else browser.post(path, sent)

    before = {attempt("wrong").status_code for _ in range(PER_ACCOUNT)}
    assert before == ({401} if path.startswith("/api") else {403})
    answer = attempt(PASSWORD)
    assert answer.status_code == 429
    assert MESSAGE in answer.text


@pytest.mark.parametrize(
    ("current", "new", "sentence"),
    [
        ("wrong", NEW, "The current password is wrong."),
        (PASSWORD, "short", "A password needs at least 12 characters."),
        ("", "", "The current password is wrong."),
    ],
)
def test_a_refused_change_of_password_changes_nothing(
    rig: Rig, current: str, new: str, sentence: str
) -> None:
    browser = rig.browser("rita")
    form = {"current": current, "new": new}
    answer = browser.post("/settings/password/", form)
    assert answer.status_code == 400
    assert sentence in answer.text
    assert browser.get("/settings/").status_code == 200
    assert rig.services.accounts.log_in("rita", PASSWORD, "", "local")


def test_a_new_password_takes_the_place_of_the_old(rig: Rig) -> None:
    browser, other = rig.browser("rita"), rig.browser("rita")
    form = {"current": PASSWORD, "new": NEW}
    answer = browser.post("/settings/password/", form)
    assert answer.headers["Location"] == "/login/"
    assert "The password was changed; log in with the new one." in browser.get("/login/").text
    assert other.get("/settings/").status_code == 302
    assert rig.services.accounts.log_in("rita", NEW, "", "local")
    with pytest.raises(UnauthenticatedError):
        rig.services.accounts.log_in("rita", PASSWORD, "", "local")


def test_guessing_the_present_password_is_slowed_down(rig: Rig) -> None:
    change = rig.services.accounts.change_password
    for _ in range(PER_ACCOUNT):
        with pytest.raises(Problem, match="current password"):
            change(rig.people["rita"], "wrong", NEW)
    with pytest.raises(TooManyError):
        change(rig.people["rita"], PASSWORD, NEW)
    change(rig.people["cora"], PASSWORD, NEW)


@pytest.fixture
def ways_in(rig: Rig) -> Callable[[], list[bool]]:
    """Give a function that says whether session, access token and one-use log-in let rita in."""
    browser, person = rig.browser("rita"), rig.people["rita"]
    token = rig.services.access_tokens.create(person, "script")
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
    token = rig.services.access_tokens.create(rig.people["rita"], "nightly")
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
    rows = [row.event for row in rig.services.audit.page(rig.people["ada"], "", None)]
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


def test_an_administrators_reset_ends_the_persons_sessions(rig: Rig) -> None:
    rita_browser, ada = rig.browser("rita"), rig.browser("ada")
    path = "/staff/users/rita/password/"
    refused = ada.post(path, {"new": "short"})
    assert refused.status_code == 400
    assert rita_browser.get("/settings/").status_code == 200
    assert ada.post(path, {"new": NEW}).status_code == 302
    assert rita_browser.get("/settings/").status_code == 302
    assert rig.services.accounts.log_in("rita", NEW, "", "local")
    assert ada.post("/staff/users/nobody/password/", {"new": NEW}).status_code == 404


def test_an_access_token_is_shown_once_and_revoked_by_its_owner_only(rig: Rig) -> None:
    browser = rig.browser("rita")
    page = browser.post("/settings/tokens/", {"label": "nightly <job>"}).text
    token = page.partition('id="new-token">')[2].partition("<")[0]
    assert token.startswith("rita:")
    assert "nightly &lt;job&gt;" in page
    assert token not in browser.get("/settings/").text
    number = rig.services.access_tokens.of(rig.people["rita"])[0].id
    path = f"/settings/tokens/{number}/revoke/"
    assert rig.browser("cora").post(path).status_code == 404
    assert rig.services.access_tokens.owner(token).username == "rita"
    assert browser.post(path).status_code == 302
    assert "The access token was revoked." in browser.get("/settings/").text
    with pytest.raises(UnauthenticatedError, match="The access token is unknown"):
        rig.services.access_tokens.owner(token)
    assert browser.post(path).status_code == 404


@pytest.mark.parametrize(
    ("label", "sentence"),
    [("", "The label must not be empty."), ("x" * 101, "The label may have at most 100")],
)
def test_a_label_says_what_a_token_is_for(rig: Rig, label: str, sentence: str) -> None:
    answer = rig.browser("rita").post("/settings/tokens/", {"label": label})
    assert answer.status_code == 400
    assert sentence in answer.text
    assert rig.browser("rita").post("/settings/tokens/", {"label": "x" * 100}).status_code == 200


def test_a_token_made_by_password_needs_the_code_too(rig: Rig) -> None:
    secret = with_codes(rig)
    client = Browser(rig.app)
    body = {"username": "rita", "password": PASSWORD}
    refused = client.json("/api/v1/tokens", body)
    assert refused.status_code == 401
    assert refused.json == {"detail": accounts.REFUSED}
    made = client.json("/api/v1/tokens", body | {"totp": code(secret), "label": "laptop"})
    assert made.status_code == 201
    assert [one.label for one in rig.services.access_tokens.of(rig.people["rita"])] == ["laptop"]


def test_log_out_needs_its_token_and_ends_the_session(rig: Rig) -> None:
    browser = rig.browser("rita")
    assert browser.send("/logout/", {}).status_code == 403
    assert browser.get("/settings/").status_code == 200
    assert browser.send("/logout/", {"csrf_token": CSRF}).headers["Location"] == "/login/"
    assert browser.get("/settings/").status_code == 302
