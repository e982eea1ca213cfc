"""Sessions, forged requests, and headers: what holds for every page."""

from __future__ import annotations

import hmac
import secrets
from typing import cast

from flask import Flask, Response, abort, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from sallyport_release_hatch.models import Identity
from sallyport_release_hatch.views import hatch

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
CONTENT_POLICY = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def csrf_token() -> str:
    """Return the token that this browser's forms carry."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)
    return str(session["csrf"])


def refuse_forgery() -> None:
    """Refuse a form that was not made by a page of ours for this browser."""
    if request.method not in SAFE_METHODS:
        sent, expected = request.form.get("csrf_token", ""), str(session.get("csrf", ""))
        if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
            abort(400, "This form is too old. Go back, reload the page and try again.")


def require_log_in() -> ResponseReturnValue | None:
    """Send people without a session to the log-in page."""
    secret = session.get("sid")
    identity = hatch().access.identity(str(secret)) if secret else None
    if identity is None:
        session.pop("sid", None)
        target = request.full_path.rstrip("?") if request.method == "GET" else "/"
        return redirect(url_for("login.show", next=target))
    g.identity = identity
    return None


def viewer() -> Identity:
    """Return who is asking."""
    return cast(Identity, g.identity)


def local_target(target: str) -> str:
    """Return where to go after log-in: a path on this host, or the front page."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if plain and target.isprintable() and "\\" not in target else "/"


def add_headers(response: Response) -> Response:
    """Set headers that no page weakens; a view may set a stricter policy itself."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "private, no-store")
    return response


def install(app: Flask) -> None:
    """Apply the headers to an application and make forms know their token."""
    app.after_request(add_headers)
    app.jinja_env.globals["csrf_token"] = csrf_token
