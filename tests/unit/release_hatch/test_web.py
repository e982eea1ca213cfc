"""Pages: who may see them, that nothing on them is active, that every look is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from tests.unit.release_hatch.doubles import BASE, CSV, PNG, Browser, JobServerDouble

from sallyport_release_hatch.services.hatch import Hatch
from sallyport_release_hatch.storage.workspaces import LOG_PART

Open = Callable[[str], Browser]
PAGES = [
    "/",
    "/workspaces/w1",
    "/workspaces/w1/files/output/table.csv",
    "/workspaces/w1/logs/summarise",
]


@pytest.mark.parametrize("page", PAGES)
def test_pages_need_a_log_in(
    app: Flask, job_server: JobServerDouble, browser: Open, page: str
) -> None:
    stranger = Browser(app, job_server)
    answer = stranger.get(page)
    assert answer.status_code == 302
    assert answer.location.startswith("/login?next=")
    assert browser("ada").get(page).status_code == 200


def test_log_in_returns_to_the_page_and_refuses_a_used_token(
    app: Flask, job_server: JobServerDouble
) -> None:
    job_server.login_tokens["ada"] = "one two three"
    visitor = Browser(app, job_server)
    path = "/login?next=/workspaces/w1"
    answer = visitor.post(path, page="/login", user=" ada ", token=" one  two three ")
    assert answer.location == "/workspaces/w1"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-hatch=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    again = Browser(app, job_server)
    answer = again.post(path, page="/login", user="ada", token="one two three")
    assert answer.status_code == 403
    assert "not accepted" in answer.text
    assert again.post("/login", page="/login", user="ada", token="").status_code == 403
    job_server.failing = True
    assert again.post("/login", page="/login", user="ada", token="x").status_code == 503


@pytest.mark.parametrize(
    ("target", "location"), [("/requests/1?x=2", "/requests/1?x=2"), ("//evil.test", "/")]
)
def test_log_in_leads_to_the_page_that_was_requested_and_never_elsewhere(
    app: Flask, job_server: JobServerDouble, target: str, location: str
) -> None:
    job_server.login_tokens["ada"] = "one two three"
    ada = Browser(app, job_server)
    path = f"/login?next={target}"
    answer = ada.post(path, page="/login", user="ada", token="one two three")
    assert answer.headers["Location"] == location


def test_log_out_ends_the_session(browser: Open) -> None:
    ada = browser("ada")
    assert ada.get("/").status_code == 200
    assert ada.post("/logout").status_code == 303
    assert ada.get("/").status_code == 302


@pytest.mark.parametrize("token", ["", "guess"])
def test_a_form_of_another_site_is_refused(browser: Open, token: str) -> None:
    ada = browser("ada")
    fields = {"file": "output/table.csv", "policy": "on", "action": "save"}
    answer = ada.post_raw("/workspaces/w1/requests", fields | {"csrf_token": token})
    assert answer.status_code == 403
    assert "out of date" in answer.text
    assert ada.post("/workspaces/w1/requests", **fields).status_code == 303


@pytest.mark.parametrize("page", [*PAGES, "/login", "/none", "/static/hatch.css"])
def test_every_page_has_a_strict_policy(browser: Open, page: str) -> None:
    headers = browser("ada").get(page).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert "script" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"


def test_other_peoples_workspaces_look_like_missing_ones(browser: Open) -> None:
    eve = browser("eve")
    hidden, missing = eve.get("/workspaces/w1"), eve.get("/workspaces/nothing")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.text.replace("w1", "nothing") == missing.text
    assert browser("ada").get("/workspaces/w1").status_code == 200


def test_a_table_is_shown_as_a_table(browser: Open, hatch: Hatch) -> None:
    page = browser("ada").get("/workspaces/w1/files/output/table.csv").text
    assert '<th scope="col">count</th>' in page
    assert "<td>25</td>" in page
    with hatch.database.read() as transaction:
        (row,) = transaction.audit_rows("w1/output/table.csv")
    assert (row["actor"], row["event"]) == ("ada", "file_view_workspace")


def test_markup_comes_out_as_text(browser: Open) -> None:
    page = browser("ada").get("/workspaces/w1/files/output/page.html").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    log = browser("ada").get("/workspaces/w1/logs/summarise").text
    assert "&lt;b&gt;log" in log


def test_each_page_of_a_long_log_leads_to_the_other(browser: Open, tmp_path: Path) -> None:
    path, ada = "/workspaces/w1/logs/summarise", browser("ada")
    assert "Show the" not in ada.get(path).text
    log = tmp_path / "workspaces/w1/metadata/summarise.log"
    log.write_text("first line\n" + "x" * LOG_PART + "\nlast line\n")
    for address, part, shown, hidden, other, address_of_other in (
        (path, "end", "last line", "first line", "beginning", f"{path}?part=beginning"),
        (f"{path}?part=beginning", "beginning", "first line", "last line", "end", path),
    ):
        page = ada.get(address).text
        assert f"this is its {part}." in page
        assert f'<a href="{address_of_other}">Show the {other}</a>' in page
        assert page.count("Show the") == 1
        assert shown in page
        assert hidden not in page


def test_only_images_are_served_raw_and_in_a_sandbox(browser: Open) -> None:
    ada = browser("ada")
    page = ada.get("/workspaces/w1/files/output/plot.png").text
    assert 'src="/workspaces/w1/images/output/plot.png"' in page
    answer = ada.get("/workspaces/w1/images/output/plot.png")
    assert (answer.data, answer.content_type) == (PNG, "image/png")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert ada.get("/workspaces/w1/images/output/page.html").status_code == 404
    assert ada.get("/workspaces/w1/files/output/../table.csv").status_code == 404


def test_frozen_images_are_served_to_checkers(browser: Open, hatch: Hatch) -> None:
    identifier = browser("ada").ask("output/plot.png", "output/table.csv")
    with hatch.database.read() as transaction:
        plot, table = transaction.requests.get(identifier).files
    cy = browser("cy")
    assert (
        f"/requests/{identifier}/images/{plot.id}"
        in cy.get(f"/requests/{identifier}/files/{plot.id}").text
    )
    assert cy.get(f"/requests/{identifier}/images/{plot.id}").data == PNG
    assert cy.get(f"/requests/{identifier}/images/{table.id}").status_code == 404
    assert cy.get(f"/requests/{identifier}/files/none").status_code == 404
    assert browser("eve").get(f"/requests/{identifier}").status_code == 404


def test_the_front_page_lists_what_concerns_a_person(browser: Open) -> None:
    identifier = browser("ada").ask("output/table.csv")
    assert f"/requests/{identifier}" in browser("ada").get("/").text
    queue = browser("cy").get("/").text
    assert f"/requests/{identifier}" in queue
    assert "Waiting for checkers" in queue
    assert f"/requests/{identifier}" not in browser("bob").get("/").text


def test_programs_get_name_and_host(app: Flask) -> None:
    answer = app.test_client().get("/", headers={"Accept": "*/*"})
    assert answer.text == f"hospital {BASE}\n"


def test_health_is_told_and_metrics_stay_inside(app: Flask, hatch: Hatch) -> None:
    client = app.test_client()
    hatch.step()
    assert client.get("/healthz").json == {
        "service": "release_hatch",
        "version": "0.1.0",
        "status": "ok",
        "checks": {"database": "ok", "workspaces": "ok"},
    }
    assert "release_hatch_events_waiting 0.0" in client.get("/metrics").text
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 404


def test_a_fault_shows_nothing_of_itself(
    app: Flask, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = browser("ada")
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    assert CSV.decode() not in ada.get("/workspaces/w1").text
    monkeypatch.setattr("sallyport_release_hatch.storage.workspaces.Workspaces.index", None)
    answer = ada.get("/workspaces/w1")
    assert answer.status_code == 500
    assert "NoneType" not in answer.text
