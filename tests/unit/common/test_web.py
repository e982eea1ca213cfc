"""What every page of ours promises, tried on a small application."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from flask import Flask, abort, redirect, render_template_string, request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from werkzeug.test import TestResponse

from sallyport_common.problems import ConflictError, UnavailableError
from sallyport_common.settings import Secret
from sallyport_common.web import (
    STALE_FORM,
    Shell,
    check_csrf,
    client_address,
    configure_sessions,
    local_path,
    requested_path,
)

SECRET = "a row that nobody may see"


def answer(status: int, sentence: str) -> ResponseReturnValue:
    """Answer in plain text."""
    return f"{status}: {sentence}", status


def problems(kind: str) -> str:
    """Raise what the path names."""
    if kind == "conflict":
        raise ConflictError("The name is in use.")
    if kind == "unavailable":
        raise UnavailableError("The database does not answer.")
    if kind == "known":
        raise LookupError("There is no such study.")
    if kind == "moved":
        abort(redirect("/elsewhere"))
    raise RuntimeError(SECRET)


@pytest.fixture
def app() -> Flask:
    """Return an application with a form, and with pages that fail."""
    app = Flask(__name__)
    configure_sessions(app, "try", Secret("k" * 40), timedelta(hours=1))
    shell = Shell(
        answer=answer,
        is_program=lambda: request.path.startswith("/api/"),
        policy={"script-src": "'self'"},
        statuses={LookupError: 404},
    )
    shell.install(app)
    app.before_request(check_csrf)
    app.add_url_rule("/form", "form", lambda: render_template_string("{{ csrf_token() }}"))
    app.add_url_rule("/form", "save", lambda: "saved", methods=["POST", "DELETE"])
    app.add_url_rule("/api/rows", "rows", lambda: str(len(request.get_data())), methods=["POST"])
    app.add_url_rule("/address", "address", lambda: f"{client_address()} {requested_path()}")
    app.add_url_rule("/fail/<kind>", "fail", problems)
    return app


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """Return a browser; its cookies need TLS."""
    client = app.test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    return client


def post(browser: FlaskClient, token: str | None) -> TestResponse:
    """Send the form."""
    data = {} if token is None else {"csrf_token": token}
    return browser.post("/form", base_url="https://localhost", data=data)


def test_a_form_needs_the_token_of_its_own_browser(app: Flask, browser: FlaskClient) -> None:
    token = browser.get("/form", base_url="https://localhost").text
    other = app.test_client().get("/form", base_url="https://localhost").text
    for wrong in (None, "", "-", other, token + "x"):
        refused = post(browser, wrong)
        assert (refused.status_code, refused.text) == (403, f"403: {STALE_FORM}")
    assert post(browser, token).text == "saved"
    header = {"X-CSRF-Token": token}
    saved = browser.delete("/form", base_url="https://localhost", headers=header)
    assert saved.text == "saved"


@pytest.mark.parametrize("token", [None, "", "-", "None"])
def test_a_browser_without_a_session_cannot_send_a_form(app: Flask, token: str | None) -> None:
    assert post(app.test_client(), token).status_code == 403


def test_the_session_is_kept_in_a_cookie_for_this_host_only(browser: FlaskClient) -> None:
    cookie = browser.get("/form", base_url="https://localhost").headers["Set-Cookie"]
    for part in ("__Host-try=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie


def test_headers_are_on_pages_and_on_errors(browser: FlaskClient) -> None:
    for path in ("/form", "/nothing", "/fail/bug"):
        headers = browser.get(path, base_url="https://localhost").headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert headers["Cache-Control"] == "private, no-store"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/fail/conflict", 409, "409: The name is in use."),
        ("/fail/unavailable", 503, "503: The database does not answer."),
        ("/fail/known", 404, "404: There is no such study."),
        ("/nothing", 404, "404: The requested URL was not found"),
        ("/api/rows", 405, "405: The method is not allowed"),
        ("/fail/bug", 500, "500: The server encountered an internal error"),
    ],
)
def test_each_error_has_its_status_and_sentence(
    browser: FlaskClient, path: str, status: int, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = browser.get(path)
    assert response.status_code == status
    assert response.text.startswith(text)
    assert SECRET not in response.text
    assert bool(caplog.records) == (status >= 500)


def test_an_error_that_is_a_redirect_stays_one(browser: FlaskClient) -> None:
    assert browser.get("/fail/moved").headers["Location"] == "/elsewhere"


def test_a_wrong_method_names_the_right_ones(browser: FlaskClient) -> None:
    assert "POST" in browser.get("/api/rows").headers["Allow"]


def test_nul_is_refused_in_addresses_and_forms_and_left_in_bodies_of_programs(
    browser: FlaskClient,
) -> None:
    token = browser.get("/form", base_url="https://localhost").text
    url = {"base_url": "https://localhost"}
    assert browser.get("/form?q=%00", base_url="https://localhost").status_code == 400
    form = {"csrf_token": token, "text": "a\0b"}
    assert browser.post("/form", data=form, **url).status_code == 400
    assert browser.post("/form", data=form | {"text": "ab"}, **url).text == "saved"
    header = {"X-CSRF-Token": token}
    assert browser.post("/api/rows", data=b"a\0b", headers=header, **url).text == "3"


@pytest.mark.parametrize(
    ("target", "result"),
    [
        ("/", "/"),
        ("/projects/heart/?page=2#top", "/projects/heart/?page=2#top"),
        ("/a//b", "/a//b"),
        ("/ä", "/ä"),
        ("", "/"),
        ("projects", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("/\n/evil.example/", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        ("/\u2028x", "/"),
        ("javascript:alert(1)", "/"),
        (" //evil.example", "/"),
    ],
)
def test_after_log_in_a_person_stays_on_this_site(target: str, result: str) -> None:
    assert local_path(target) == result


def test_the_path_to_return_to_is_a_page_and_not_a_forms_target(
    app: Flask, browser: FlaskClient
) -> None:
    assert browser.get("/address").text == "127.0.0.1 /address"
    assert browser.get("/address?a=b").text == "127.0.0.1 /address?a=b"
    with app.test_request_context("/form", method="POST"):
        assert requested_path() == "/"
