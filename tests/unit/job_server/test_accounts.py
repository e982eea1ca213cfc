"""Logging in: passwords, one-time codes, access tokens, and the brake on guessing."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyotp
import pytest
from tests.unit.job_server.rig import BOTH, PASSWORD, Rig

from sallyport_common.problems import Problem, TooManyError, UnauthenticatedError
from sallyport_common.throttle import PER_ACCOUNT, PER_ADDRESS, WINDOW, Throttle
from sallyport_job_server.models import Operator
from sallyport_job_server.services import clock, one_time_codes
from sallyport_job_server.services.access_tokens import Wish
from sallyport_job_server.storage.users import Attempts

ENGINES = BOTH


def test_a_password_lets_in_and_another_does_not(rig: Rig) -> None:
    accounts = rig.services.accounts
    assert accounts.log_in("rita", PASSWORD, "", "192.0.2.1").username == "rita"
    for name, password in (("rita", "wrong"), ("nobody", PASSWORD)):
        with pytest.raises(UnauthenticatedError):
            accounts.log_in(name, password, "", "192.0.2.1")


def test_guessing_is_slowed_down_for_name_and_address_together(rig: Rig) -> None:
    """A stranger who guesses at somebody's password locks out nobody but themselves."""
    accounts = rig.services.accounts
    for _ in range(PER_ACCOUNT):
        with pytest.raises(UnauthenticatedError):
            accounts.log_in("ada", "wrong", "", "192.0.2.1")
    with pytest.raises(TooManyError):
        accounts.log_in("ada", PASSWORD, "", "192.0.2.1")
    assert accounts.log_in("ada", PASSWORD, "", "192.0.2.2").username == "ada"
    assert accounts.log_in("cora", PASSWORD, "", "192.0.2.1").username == "cora"


def test_of_many_guesses_at_once_no_more_than_the_limit_are_judged(rig: Rig) -> None:
    def guess(_number: int) -> type[Exception]:
        with pytest.raises((UnauthenticatedError, TooManyError)) as caught:
            rig.services.accounts.log_in("rita", "wrong", "", "192.0.2.1")
        return caught.type

    with ThreadPoolExecutor(12) as pool:
        kinds = Counter(pool.map(guess, range(40)))
    assert kinds == {UnauthenticatedError: PER_ACCOUNT, TooManyError: 40 - PER_ACCOUNT}


def test_a_browser_that_is_known_is_not_locked_out_by_its_neighbours(rig: Rig) -> None:
    """Everybody behind one address is locked out, but not where a person has logged in before."""
    accounts = rig.services.accounts
    known = accounts.browsers.value("ada")
    for number in range(PER_ADDRESS):
        with pytest.raises(UnauthenticatedError):
            accounts.log_in(f"name{number}", "wrong", "", "192.0.2.1")
    with pytest.raises(TooManyError):
        accounts.log_in("ada", PASSWORD, "", "192.0.2.1")
    assert accounts.log_in("ada", PASSWORD, "", "192.0.2.1", known).username == "ada"
    with pytest.raises(TooManyError):  # it is known for one person
        accounts.log_in("rita", PASSWORD, "", "192.0.2.1", known)
    for _ in range(PER_ACCOUNT):
        with pytest.raises(UnauthenticatedError):
            accounts.log_in("ada", "wrong", "", "192.0.2.9", known)
    with pytest.raises(TooManyError):
        accounts.log_in("ada", PASSWORD, "", "192.0.2.9", known)


@pytest.mark.parametrize("value", ["", "x", "WyJhZGEiLDFd.aaaa", "\0", "é"])
def test_a_browser_cannot_say_by_itself_that_it_is_known(rig: Rig, value: str) -> None:
    assert rig.services.accounts.browsers.number(value, "ada") is None
    assert rig.services.accounts.browsers.number(rig.services.accounts.browsers.value("ada"), "ADA")


def test_a_refused_log_in_is_in_the_audit_without_what_was_typed(rig: Rig) -> None:
    for name in ("rita", "my password by mistake"):
        with pytest.raises(UnauthenticatedError):
            rig.services.accounts.log_in(name, "wrong", "", "192.0.2.1")
    rows = rig.audit("user.log_in_refused")
    assert [(row.object, row.data) for row in rows] == [
        ("", {"address": "192.0.2.1"}),
        ("rita", {"address": "192.0.2.1"}),
    ]


def test_attempts_are_accepted_again_after_the_window(rig: Rig) -> None:
    now = [1_800_000_000.0]
    limits = Throttle(Attempts(rig.services.database), lambda: now[0])
    for _round in range(2):
        for _ in range(PER_ACCOUNT):
            limits.attempt("user:x", "user:y")
        with pytest.raises(TooManyError):
            limits.attempt("user:x")
        now[0] += WINDOW + 1
    limits.attempt("user:x")
    limits.undone("user:x", "user:nobody")
    for _ in range(PER_ACCOUNT):
        limits.attempt("user:x")
    with pytest.raises(TooManyError):
        limits.attempt("user:x")


def test_one_time_codes_are_asked_for_and_count_once(rig: Rig) -> None:
    browser, secret = rig.browser("rita"), one_time_codes.new_secret()
    step = int(time.time()) // one_time_codes.STEP
    codes = [pyotp.TOTP(secret).at((step + shift) * one_time_codes.STEP) for shift in (-1, 0, 1)]
    page = browser.post("/settings/totp/", page="/settings/").text
    assert "otpauth://" in page
    form = {"secret": secret, "code": codes[0]}
    assert browser.post("/settings/totp/on/", form, "/settings/").status_code == 200
    accounts = rig.services.accounts
    with pytest.raises(UnauthenticatedError):
        accounts.log_in("rita", PASSWORD, "", "local")
    with pytest.raises(UnauthenticatedError):
        accounts.log_in("rita", PASSWORD, codes[0], "local")
    assert accounts.log_in("rita", PASSWORD, codes[1], "local").username == "rita"
    with pytest.raises(UnauthenticatedError):
        accounts.log_in("rita", PASSWORD, codes[1], "local")
    assert browser.post("/settings/totp/off/", {"code": "1"}, "/settings/").status_code == 400


def test_an_access_token_opens_the_api_until_it_is_revoked(rig: Rig) -> None:
    rita, tokens = rig.people["rita"], rig.services.access_tokens
    token = tokens.create(rita, Wish("script"))
    assert token.partition("-")[0].isalnum()
    assert len(token) == 64 + 1 + 10
    assert tokens.owner(f"rita:{token}") == rita
    for header in (f"cora:{token}", f"rita:{token}x", "rita:", "", token):
        with pytest.raises(UnauthenticatedError):
            tokens.owner(header)
    tokens.revoke(rita, tokens.of(rita)[0].id)
    with pytest.raises(UnauthenticatedError):
        tokens.owner(f"rita:{token}")


def test_an_access_token_expires(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = rig.services.access_tokens
    token = tokens.create(rig.people["rita"], Wish("script"))
    assert tokens.owner(f"rita:{token}")
    monkeypatch.setattr(clock, "now", lambda: "2999-01-01T00:00:00Z")
    with pytest.raises(UnauthenticatedError, match="expired"):
        tokens.owner(f"rita:{token}")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"username": "a b"}, "A user name may hold only"),
        ({"username": "rita"}, "The user name rita is already taken"),
        ({"password": "short"}, "at least 12"),
        ({"roles": ["boss"]}, "'boss' is not a role here"),
        ({"fullname": " "}, "must not be empty"),
    ],
)
def test_a_bad_account_is_refused(rig: Rig, changes: dict[str, object], sentence: str) -> None:
    values: dict[str, Any] = {
        "username": "nina", "fullname": "N", "email": "", "password": PASSWORD, "roles": [],
    }  # fmt: skip
    with pytest.raises(Problem, match=sentence):
        rig.services.accounts.create(Operator("test"), **(values | changes))
    rig.services.accounts.create(Operator("test"), **values)


def test_administrators_are_ensured_once_and_keep_their_password(rig: Rig) -> None:
    wanted = [{"username": "root", "fullname": "Root", "password": PASSWORD}]
    accounts = rig.services.accounts
    with pytest.raises(Problem, match="at least 12 characters"):  # an empty secret invites nobody
        accounts.ensure_administrators(Operator(), [wanted[0] | {"password": ""}])
    assert accounts.ensure_administrators(Operator(), wanted) == {"root": "created"}
    changed = [wanted[0] | {"password": "something else entirely"}]
    assert accounts.ensure_administrators(Operator(), changed) == {"root": "unchanged"}
    assert accounts.log_in("root", PASSWORD, "", "local").roles == ["admin"]


def test_an_administrator_cannot_lock_themselves_out(rig: Rig) -> None:
    ada = rig.people["ada"]
    update = rig.services.accounts.update
    with pytest.raises(Problem, match="your own"):
        update(ada, "ada", roles=[], backend_slugs=[], is_active=True)
    update(ada, "ada", roles=["admin"], backend_slugs=["hospital"], is_active=True)
