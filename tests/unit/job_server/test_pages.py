"""Every page opens for whom it is for, and looks like a missing one to others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.job_server.rig import PASSWORD, Browser, Rig


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/projects/cardiology/",
        "/workspaces/heart/",
        "/workspaces/heart/run/",
        "/workspaces/heart/releases/",
        "/settings/",
        "/status/",
    ],
)
def test_a_researcher_sees_their_pages(rig: Rig, path: str) -> None:
    answer = rig.browser("rita").get(path)
    assert answer.status_code == 200
    assert "<h1" in answer.text


@pytest.mark.parametrize("path", ["/", "/projects/", "/backends/", "/audit/", "/users/rita/"])
def test_staff_pages_are_for_administrators(rig: Rig, path: str) -> None:
    assert rig.browser("ada").get(f"/staff{path}").status_code == 200
    assert rig.browser("rita").get(f"/staff{path}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/projects/cardiology/", "/workspaces/heart/", "/workspaces/heart/releases/"]
)
def test_a_foreign_project_looks_like_a_missing_one(rig: Rig, path: str) -> None:
    assert rig.browser("rita").get(path).status_code == 200
    assert rig.browser("mallory").get(path).status_code == 404


def test_pages_lead_to_log_in_and_back(browser: Browser) -> None:
    answer = browser.get("/workspaces/heart/")
    assert answer.headers["Location"] == "/login/?next=/workspaces/heart/"
    data = {"username": "rita", "password": PASSWORD, "next": "/workspaces/heart/"}
    assert browser.post("/login/", data).headers["Location"] == "/workspaces/heart/"


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_log_in_leads_to_this_site_only(browser: Browser, target: str) -> None:
    data = {"username": "rita", "password": PASSWORD, "next": target}
    assert browser.post("/login/", data).headers["Location"] == "/"


def test_a_form_without_its_token_is_refused(rig: Rig) -> None:
    browser = rig.browser("rita")
    form = {"label": "script"}
    assert browser.send("/settings/tokens/", form).status_code == 403
    assert browser.post("/settings/tokens/", form, "/settings/").status_code == 200


def test_pages_carry_a_closed_policy_and_no_inline_code(rig: Rig) -> None:
    identifier = rig.submit()
    browser = rig.browser("rita")
    for path in ("/", f"/job-requests/{identifier}/", "/workspaces/heart/run/"):
        answer = browser.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "<script>" not in answer.text
        assert "style=" not in answer.text
        assert " onclick" not in answer.text


def test_cookies_are_kept_from_scripts_and_other_sites(browser: Browser) -> None:
    answer = browser.post("/login/", {"username": "rita", "password": PASSWORD})
    cookies = answer.headers.getlist("Set-Cookie")
    names = {cookie.partition("=")[0] for cookie in cookies}
    assert names == {"__Host-sallyport", "__Host-sallyport-browser"}
    for cookie in cookies:
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))


def test_logging_out_and_a_new_password_end_sessions(rig: Rig) -> None:
    first, second = rig.browser("rita"), rig.browser("rita")
    first.post("/logout/", page="/settings/")
    assert first.get("/settings/").status_code == 302
    assert second.get("/settings/").status_code == 200
    form = {"current": PASSWORD, "new": "another long password"}
    third = rig.browser("rita")
    third.post("/settings/password/", form, "/settings/")
    assert second.get("/settings/").status_code == 302


def test_an_old_session_ends(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = rig.browser("rita")
    assert browser.get("/settings/").status_code == 200
    monkeypatch.setitem(rig.app.config, "PERMANENT_SESSION_LIFETIME", timedelta(seconds=-1))
    assert browser.get("/settings/").status_code == 302


def test_an_administrator_sets_everything_up_in_the_browser(rig: Rig) -> None:
    ada = rig.browser("ada")
    form = {"username": "nina", "fullname": "Nina", "password": PASSWORD, "roles": []}
    assert ada.post("/staff/users/", form, "/staff/").status_code == 302
    form = {"roles": ["output_checker"], "backends": ["hospital"], "is_active": "true"}
    ada.post("/staff/users/nina/", form, "/staff/")
    form = {"slug": "lungs", "name": "Lung study"}
    assert ada.post("/staff/projects/", form, "/staff/").headers["Location"] == "/projects/lungs/"
    form = {"username": "nina", "roles": ["researcher"]}
    ada.post("/projects/lungs/members/", form, "/staff/")
    form = {"name": "lung-1", "repo": "https://github.com/demo-org/study", "branch": "main"}
    answer = ada.post("/projects/lungs/workspaces/", form, "/staff/")
    assert answer.headers["Location"] == "/workspaces/lung-1/"
    nina = rig.browser("nina")
    assert "output checker" in nina.get("/settings/").text
    assert "lung-1" in nina.get("/").text
    form = {"roles": [], "backends": []}
    ada.post("/staff/users/nina/", form, "/staff/")
    assert nina.get("/").status_code == 302


def test_a_backend_gets_its_tokens_in_the_browser(rig: Rig) -> None:
    ada = rig.browser("ada")
    form = {"slug": "clinic", "name": "The Clinic", "hatch_url": ""}
    assert ada.post("/staff/backends/", form, "/staff/backends/").status_code == 302
    page = ada.post("/staff/backends/clinic/tokens/", {"scope": "jobs"}, "/staff/backends/").text
    token = page.partition('id="new-token">')[2][:40]
    assert rig.call("GET", "/job-requests/", token).status_code == 200


def test_the_audit_page_shows_changes(rig: Rig) -> None:
    rig.submit()
    page = rig.browser("ada").get("/staff/audit/?event=job_request").text
    assert "job_request.create" in page
    assert "user.log_in" not in page


def test_a_crash_shows_nothing_of_itself(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_user: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(rig.app, "testing", False)
    monkeypatch.setattr(rig.services.directory, "projects_of", fail)
    answer = rig.browser("rita").get("/")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text


def test_unknown_pages_are_pages_and_unknown_calls_are_json(browser: Browser) -> None:
    assert "<h1>" in browser.get("/nowhere/x/y/").text
    answer = browser.get("/api/v2/nowhere")
    assert answer.status_code == 404
    assert set(answer.json or {}) == {"detail"}
    assert browser.get("/api/v2/releases/authenticate").status_code == 405
    assert "POST" in browser.get("/api/v2/releases/authenticate").headers["Allow"]
