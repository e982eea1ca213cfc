"""One-time codes: which count, and how they are turned on and off."""

from __future__ import annotations

import pyotp
import pytest
from tests.unit.job_server.rig import PASSWORD, Rig
from tests.unit.job_server.test_sessions import code, rita, with_codes

from sallyport_common.problems import Problem
from sallyport_common.throttle import PER_ACCOUNT
from sallyport_job_server.services import one_time_codes


@pytest.mark.parametrize(
    ("shift", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_phones_clock_may_be_one_step_off(
    shift: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_800_000_015.0)
    secret = one_time_codes.new_secret()
    shown = pyotp.TOTP(secret).at(1_800_000_015 + shift * one_time_codes.STEP)
    step = one_time_codes.matching_step(secret, f"{shown[:3]} {shown[3:]}")
    assert (step is not None) is fits
    assert one_time_codes.matching_step(secret, "") is None


@pytest.mark.parametrize("secret", ["", "!!!", "A", "a" * 32, "A" * 33, "A" * 31 + "1", "ß" * 32])
def test_a_secret_that_no_authenticator_made_is_refused(rig: Rig, secret: str) -> None:
    form = {"secret": secret, "code": "000000"}
    answer = rig.browser("rita").post("/settings/totp/on/", form)
    assert answer.status_code == 400
    assert "The code is wrong" in answer.text
    assert "<svg" not in answer.text
    assert rita(rig).totp_secret is None


def test_a_wrong_code_turns_nothing_on(rig: Rig) -> None:
    secret = one_time_codes.new_secret()
    browser = rig.browser("rita")
    wrong = {"secret": secret, "code": code(secret, 9)}
    answer = browser.post("/settings/totp/on/", wrong)
    assert answer.status_code == 400
    assert "The code is wrong" in answer.text
    assert secret in answer.text  # the phone has it by now
    assert rita(rig).totp_secret is None
    right = {"secret": secret, "code": code(secret)}
    assert browser.post("/settings/totp/on/", right).status_code == 200
    assert rita(rig).totp_secret == secret


def test_codes_that_are_on_cannot_be_replaced_by_another_secret(rig: Rig) -> None:
    secret, other = with_codes(rig), one_time_codes.new_secret()
    browser = rig.browser("rita")
    form = {"secret": other, "code": code(other)}
    answer = browser.post("/settings/totp/on/", form)
    assert answer.status_code == 400
    assert "One-time codes are on already; turn them off first." in answer.text
    assert rita(rig).totp_secret == secret
    assert browser.post("/settings/totp/off/", {"code": code(secret)}).status_code == 302
    assert rita(rig).totp_secret is None
    assert browser.post("/settings/totp/on/", form).status_code == 200


def test_a_code_that_logged_in_does_not_turn_codes_off(rig: Rig) -> None:
    secret = with_codes(rig)
    used = code(secret)
    assert rig.services.accounts.log_in("rita", PASSWORD, used, "local")
    with pytest.raises(Problem, match="was used already"):
        rig.services.second_factor.turn_off(rita(rig), used)
    rig.services.second_factor.turn_off(rita(rig), code(secret, 1))
    assert rita(rig).totp_secret is None


def test_guessing_a_code_to_turn_codes_off_is_slowed_down(rig: Rig) -> None:
    secret = with_codes(rig)
    browser = rig.browser("rita")
    for _ in range(PER_ACCOUNT):
        wrong = browser.post("/settings/totp/off/", {"code": code(secret, 9)})
        assert wrong.status_code == 400
    right = browser.post("/settings/totp/off/", {"code": code(secret)})
    assert right.status_code == 429
    assert rita(rig).totp_secret == secret


def test_the_page_of_settings_follows_the_state_of_codes(rig: Rig) -> None:
    browser = rig.browser("rita")
    assert "Set up" in browser.get("/settings/").text
    page = browser.post("/settings/totp/").text
    secret = page.partition("secret: <strong")[2].partition(">")[2].partition("<")[0]
    assert f"otpauth://totp/Sallyport:rita?secret={secret}" in page
    assert "<svg" in page
    browser.post("/settings/totp/on/", {"secret": secret, "code": code(secret)})
    shown = browser.get("/settings/").text
    assert "They are on; 10 recovery codes are left." in shown
    assert "Turn off" in shown
    assert secret not in shown
