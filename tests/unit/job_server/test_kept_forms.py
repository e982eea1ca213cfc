"""What a person wrote on the job server is not lost when their session ends."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask import Flask
from tests.unit.job_server.rig import CSRF, PASSWORD, Browser, Rig
from werkzeug.test import TestResponse

from sallyport_common.kept_forms import LOGGED_IN_AGAIN, SESSION_ENDED
from sallyport_job_server.services import clock
from sallyport_job_server.storage import tables

OTHER = "Heart <b>rate</b> & pulse"
FORMS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "research.create_workspace": ("rita", "/projects/cardiology/workspaces/", {
        "name": "second", "repo": "https://github.com/demo-org/study", "branch": "main",
    }, "second"),
    "research.set_member": ("ada", "/projects/cardiology/members/", {
        "username": "carl", "roles": "collaborator"}, "carl"),
    "research.submit": ("rita", "/workspaces/heart/run/", {
        "backend": "hospital", "actions": "summarise", "force": "true"}, "summarise"),
    "releases.create_snapshot": ("rita", "/workspaces/heart/snapshots/", {
        "files": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    "releases.delete": ("carl", "/files/01ARZ3NDEKTSV4RRFFQ69G5FAV/delete/", {
        "reason": OTHER}, OTHER),
    "publication.reject": ("paul", "/workspaces/heart/snapshots/1/reject/", {
        "reason": OTHER}, OTHER),
    "publication.comment": ("rita", "/workspaces/heart/snapshots/1/comments/", {
        "text": OTHER}, OTHER),
    "account.create_token": ("rita", "/settings/tokens/", {"label": OTHER}, OTHER),
    "staff.create_user": ("ada", "/staff/users/", {
        "username": "new", "fullname": OTHER, "email": "new@example.org",
        "password": "never kept by anybody"}, OTHER),
    "staff.update_user": ("ada", "/staff/users/carl/", {
        "roles": "output_checker", "is_active": "true"}, "output_checker"),
    "staff.create_project": ("ada", "/staff/projects/", {"slug": "lungs", "name": OTHER}, OTHER),
    "staff.create_backend": ("ada", "/staff/backends/", {
        "slug": "clinic", "name": OTHER, "hatch_url": "https://hatch.example"}, OTHER),
}  # fmt: skip
"""Who sends each form, where to, with which fields, and text that must not be lost."""
NOWHERE = {"releases.delete", "publication.reject", "publication.comment"}
"""Forms about a file or a set that there is not."""
NOT_KEPT = {
    "account.log_in_now": "nobody is logged in yet",
    "account.log_out": "has no field",
    "account.revoke_token": "has no field",
    "account.end_session": "has no field",
    "staff.revoke_token": "has no field",
    "staff.end_session": "has no field",
    "account.create_login_token": "has no field",
    "second_factor.start": "has no field",
    "second_factor.turn_on": "has a secret and a code that is valid for half a minute",
    "second_factor.turn_off": "has a code that is valid for half a minute",
    "second_factor.renew_codes": "has a code that is valid for half a minute",
    "device_logins.show": "has a code that is valid for minutes",
    "device_logins.decide": "has one choice",
    "sign_on.link": "has no field",
    "sign_on.end": "has no field",
    "sign_on.take_code": "nobody is logged in yet",
    "staff.end_identity": "has no field",
    "password_links.use": "nobody is logged in yet",
    "password_links.send": "nobody is logged in yet",
    "staff.new_link": "has no field",
    "staff.send_link": "has no field",
    "staff.test_mail": "has no field",
    "account.choose_messages": "has choices that are quickly made again",
    "staff.end_totp": "has a code that is valid for half a minute",
    "staff.end_backend_token": "has no field",
    "research.plan": "answers a script",
    "jobs.rerun": "has no field",
    "account.change_password": "has passwords only",
    "staff.reset_password": "has a password only",
    "staff.new_backend_token": "has one choice",
    "research.archive": "has one button",
    "research.cancel": "has one button",
    "research.rerun": "has no field",
    "releases.publish_snapshot": "has no field",
}


def hidden(name: str, page: str) -> str:
    """Return the value of a hidden field of a page, empty without one."""
    match = re.search(rf'name="{name}" value="([^"]+)"', page)
    return match[1] if match else ""


def expire(browser: Browser) -> None:
    """Let the session be older than sessions may be."""
    with browser._services.database.change("test") as change:
        change.connection.execute(tables.sessions.update().values(expires_at=clock.ago(1)))


def log_in(browser: Browser, page: str, username: str) -> TestResponse:
    """Send the log-in form of a page."""
    sent = {name: hidden(name, page) for name in ("csrf_token", "kept", "next")}
    return browser.send("/login/", sent | {"username": username, "password": PASSWORD})


def interrupted(rig: Rig, endpoint: str) -> tuple[Browser, str]:
    """Send a form after the session has ended; return the browser and the log-in page."""
    username, path, fields, _text = FORMS[endpoint]
    browser = rig.browser(username)
    expire(browser)
    answer = browser.send(path, {"csrf_token": CSRF} | fields)
    assert (answer.status_code, SESSION_ENDED in answer.text) == (401, True)
    return browser, answer.text


@pytest.mark.parametrize("endpoint", FORMS)
def test_a_form_survives_the_end_of_a_session(rig: Rig, endpoint: str) -> None:
    username, path, fields, text = FORMS[endpoint]
    browser, page = interrupted(rig, endpoint)
    assert html.escape(text) not in page
    again = log_in(browser, page, username)
    assert again.status_code == 200
    assert html.escape(LOGGED_IN_AGAIN, quote=False) in again.text
    assert html.escape(text) in again.text
    assert "never kept" not in again.text
    token = hidden("csrf_token", again.text)
    assert token not in ("", CSRF)
    assert f'action="{path}"' in again.text
    sent = browser.send(path, {"csrf_token": token} | fields)
    if endpoint == "releases.create_snapshot":  # there is no such file
        assert "Select at least one available file." in sent.text
    elif endpoint in NOWHERE:
        assert sent.status_code == 404
    else:
        assert sent.status_code in (200, 302), sent.text


def test_chosen_actions_are_chosen_again(rig: Rig) -> None:
    browser, page = interrupted(rig, "research.submit")
    again = log_in(browser, page, "rita").text
    assert 'value="summarise" checked' in again
    assert 'name="force" value="true" checked' in again
    assert 'value="hospital" selected' in again
    assert 'value="make" checked' not in again


def test_a_password_is_asked_again_and_a_wrong_one_loses_nothing(rig: Rig) -> None:
    browser, page = interrupted(rig, "staff.create_user")
    sent = {name: hidden(name, page) for name in ("csrf_token", "kept", "next")}
    refused = browser.send("/login/", sent | {"username": "ada", "password": "wrong"})
    assert refused.status_code == 403
    again = log_in(browser, refused.text, "ada").text
    assert html.escape(OTHER) in again
    assert re.search(r'name="password" value=""[^>]* type="password"', again)


def test_another_person_does_not_get_the_form(rig: Rig) -> None:
    browser, page = interrupted(rig, "account.create_token")
    answer = log_in(browser, page, "carl")
    assert (answer.status_code, answer.location) == (302, "/")
    browser, page = interrupted(rig, "account.create_token")
    assert log_in(browser, page, "rita").status_code == 200


def test_a_forged_form_is_not_kept_and_a_stranger_is_led_to_the_log_in(rig: Rig) -> None:
    _username, path, fields, _text = FORMS["account.create_token"]
    browser = rig.browser("rita")
    expire(browser)
    forged = browser.send(path, fields)
    assert (forged.status_code, hidden("kept", forged.text)) == (403, "")
    stranger = rig.browser()
    token = hidden("csrf_token", stranger.get("/login/").text)
    answer = stranger.send(path, {"csrf_token": token} | fields)
    assert (answer.status_code, answer.location) == (302, "/login/?next=/")


def test_a_session_ends_although_its_cookie_lives_on(rig: Rig) -> None:
    browser = rig.browser("rita")
    assert browser.get("/settings/").status_code == 200
    expire(browser)
    assert browser.get("/settings/").location == "/login/?next=/settings/"


def test_every_form_is_kept_or_has_its_reason(app: Flask) -> None:
    posts = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/")
    }
    assert posts == {*FORMS, *NOT_KEPT}
    assert set(app.extensions["sallyport_kept_forms"].pages) == set(FORMS)
