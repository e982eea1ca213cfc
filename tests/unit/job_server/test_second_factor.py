"""Recovery codes, roles that need one-time codes, and the way back in without the phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.unit.job_server.conftest import HASHER
from tests.unit.job_server.rig import PASSWORD, Rig, make_settings
from tests.unit.job_server.test_sessions import code, rita, with_codes

from sallyport_common.problems import ForbiddenError, Problem, UnauthenticatedError
from sallyport_common.throttle import PER_ACCOUNT
from sallyport_job_server.models import Operator
from sallyport_job_server.roles import Role
from sallyport_job_server.services import one_time_codes, recovery_codes
from sallyport_job_server.services.access_tokens import Wish
from sallyport_job_server.services.bundle import build
from sallyport_job_server.storage import users


def turned_on(rig: Rig, username: str = "rita") -> tuple[str, list[str]]:
    """Turn one-time codes on for a person; return the secret and the recovery codes."""
    secret = one_time_codes.new_secret()
    person = rig.people[username]
    codes = rig.services.second_factor.turn_on(person, secret, code(secret, -1))
    with rig.services.database.read() as connection:
        rig.people[username] = users.required(connection, username)
    return secret, codes


def test_a_recovery_code_lets_in_once(rig: Rig) -> None:
    _secret, codes = turned_on(rig)
    log_in = rig.services.accounts.log_in
    assert log_in("rita", PASSWORD, codes[0], "local")
    with pytest.raises(UnauthenticatedError):
        log_in("rita", PASSWORD, codes[0], "local")
    assert log_in("rita", PASSWORD, codes[1].upper().replace("-", " "), "local")
    assert rig.services.second_factor.codes_left(rita(rig)) == 8
    rows = rig.audit("user.recovery_code")
    used = [row.data["left"] for row in rows if row.event == "user.recovery_code"]
    assert used == [8, 9]


def test_recovery_codes_are_kept_as_digests_and_shown_once(rig: Rig) -> None:
    secret = one_time_codes.new_secret()
    browser = rig.browser("rita")
    page = browser.post("/settings/totp/on/", {"secret": secret, "code": code(secret)}).text
    shown = re.findall(r'<li class="token">([^<]+)</li>', page)
    assert len(set(shown)) == recovery_codes.COUNT
    assert not any(one in browser.get("/settings/").text for one in shown)
    assert not any(one in rig.dump() for one in shown)


def test_new_recovery_codes_end_the_old_ones_and_need_a_code(rig: Rig) -> None:
    secret, old = turned_on(rig)
    browser = rig.browser("rita")
    wrong = browser.post("/settings/recovery-codes/", {"code": code(secret, 9)})
    assert wrong.status_code == 400
    page = browser.post("/settings/recovery-codes/", {"code": code(secret)})
    assert page.status_code == 200
    new = re.findall(r'<li class="token">([^<]+)</li>', page.text)
    with pytest.raises(UnauthenticatedError):
        rig.services.accounts.log_in("rita", PASSWORD, old[0], "local")
    assert rig.services.accounts.log_in("rita", PASSWORD, new[0], "local")


@pytest.mark.parametrize("typed", ["", "abcd", "0000-0000-0000-0000", "abcd-efgh-jkmn-pqrs-t"])
def test_what_is_no_recovery_code_is_not_looked_up(typed: str) -> None:
    assert recovery_codes.digest(typed) is None
    assert recovery_codes.digest(recovery_codes.new()[0]) is not None


def test_an_administrator_turns_off_the_codes_of_a_lost_phone_with_a_code_of_their_own(
    rig: Rig,
) -> None:
    with_codes(rig)
    theirs, path = rig.browser("rita"), "/staff/users/rita/totp/end/"
    token = rig.services.access_tokens.create(rig.people["rita"], Wish("script"))
    ada = rig.browser("ada")
    refused = ada.post(path, {"code": "000000"})
    assert refused.status_code == 403
    assert "Turn on one-time codes for your own account first." in refused.text
    secret, _codes = turned_on(rig, "ada")
    assert ada.post(path, {"code": code(secret, 9)}).status_code == 400
    assert rita(rig).totp_secret
    assert "The phone was lost" in ada.get("/staff/users/rita/").text
    assert ada.post(path, {"code": code(secret)}).status_code == 302
    assert rita(rig).totp_secret is None
    assert theirs.get("/settings/").status_code == 302
    with pytest.raises(UnauthenticatedError):
        rig.services.access_tokens.owner(f"rita:{token}")
    assert rig.services.accounts.log_in("rita", PASSWORD, "", "local")
    (row,) = rig.audit("user.totp_end")
    assert (row.actor, row.object) == ("ada", "rita")


def test_only_who_manages_accounts_ends_the_codes_of_others(rig: Rig) -> None:
    secret, _codes = turned_on(rig, "ada")
    with_codes(rig)
    end = rig.services.second_factor.end_of_account
    for name in ("cora", "rita"):
        with pytest.raises(ForbiddenError):
            end(rig.people[name], "rita", "000000")
    with pytest.raises(Problem, match="Turn off your own"):
        end(rig.people["ada"], "ada", code(secret))
    assert rita(rig).totp_secret
    end(Operator(), "rita")
    assert rita(rig).totp_secret is None


def test_guessing_a_code_to_end_those_of_another_is_slowed_down(rig: Rig) -> None:
    with_codes(rig)
    secret, _codes = turned_on(rig, "ada")
    ada, path = rig.browser("ada"), "/staff/users/rita/totp/end/"
    for _ in range(PER_ACCOUNT):
        assert ada.post(path, {"code": code(secret, 9)}).status_code == 400
    assert ada.post(path, {"code": code(secret)}).status_code == 429
    assert rita(rig).totp_secret


@pytest.fixture
def strict(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Give a job server whose administrators and researchers must have one-time codes."""
    roles = (Role.ADMIN, Role.RESEARCHER)
    url = rig.services.database.engine.url.render_as_string(hide_password=False)
    settings = make_settings(rig.folder, database_url=url, second_factor_roles=roles)
    services = build(settings, HASHER)
    monkeypatch.setitem(rig.app.extensions, "sallyport", services)
    monkeypatch.setattr(rig, "services", services)
    yield rig
    services.database.engine.dispose()


@pytest.mark.parametrize(("name", "needed"), [("ada", True), ("rita", True), ("cora", False)])
def test_a_role_that_needs_codes_opens_nothing_without(
    strict: Rig, name: str, needed: bool
) -> None:
    browser = strict.browser(name)
    token = strict.services.access_tokens.create(strict.people[name], Wish("script"))
    header = {"Authorization": f"{name}:{token}"}

    def answers() -> list[int]:
        client = strict.app.test_client()
        return [
            browser.get("/workspaces/heart/").status_code,
            client.get("/api/v1/backends", headers=header).status_code,
            browser.get("/api/v2/releases/workspace/heart").status_code,
            browser.get("/api/v2/workspaces/heart/statuses/").status_code,
            browser.get("/settings/").status_code,
        ]

    releases = 403 if name == "ada" else 200  # an administrator of accounts reads none
    opened = [200, 200, releases, 200, 200]
    if needed:
        answer = browser.get("/workspaces/heart/")
        assert answer.headers["Location"] == "/settings/#codes"
        assert "Your role needs one-time codes." in browser.get("/settings/").text
        assert browser.post("/settings/tokens/", {"label": "x"}).status_code == 302
    assert answers() == ([302, 403, 403, 403, 200] if needed else opened)
    secret = re.findall(r'name="secret" value="(\w+)"', browser.post("/settings/totp/").text)[0]
    form = {"secret": secret, "code": code(secret)}
    assert browser.post("/settings/totp/on/", form).status_code == 200
    assert answers() == opened
