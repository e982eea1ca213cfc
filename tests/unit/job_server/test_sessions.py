"""Sessions, passwords, one-time codes and the brake on guessing, as they are met in a browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from tests.unit.job_server.rig import CSRF, PASSWORD, SITE, Browser, Rig
from werkzeug.test import TestResponse

from sallyport_common.problems import Problem, TooManyError, UnauthenticatedError
from sallyport_common.throttle import MESSAGE, PER_ACCOUNT, PER_ADDRESS
from sallyport_job_server.models import Operator
from sallyport_job_server.services import accounts, one_time_codes
from sallyport_job_server.storage import users

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
    rig.services.second_factor.turn_on(rig.people["rita"], secret, code(secret, shift))
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
    rig.services.second_factor.turn_on(coded, secret, code(secret))
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
