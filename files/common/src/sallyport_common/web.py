"""The web shell that our services share: sessions, forged requests, headers, error answers.

Each application keeps its own templates; what differs between two of them is a `Shell`. Only
services with pages import this module, so Flask comes with the extra `web`.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Flask, Response, make_response, request, session
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, InternalServerError

from sallyport_common.problems import ForbiddenError, Problem
from sallyport_common.settings import Secret

log = logging.getLogger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
STALE_FORM = "This page is out of date. Go back, reload it and submit the form again."
CONTENT_POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True)
class Shell:
    """What is special about one application.

    `answer` turns a status and a sentence into a page or JSON, whichever this client reads;
    `is_program` says whether the present request comes from a program, whose body is not a form;
    `policy` adds directives to the content security policy; `statuses` gives exceptions that are
    not a `Problem` a status, and their text is shown.
    """

    answer: Callable[[int, str], ResponseReturnValue]
    is_program: Callable[[], bool]
    policy: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[type[Exception], int] = field(default_factory=dict)

    def install(self, app: Flask) -> None:
        """Apply the shell to an application and let its forms know their token."""
        app.extensions["sallyport_shell"] = self
        app.before_request(self._refuse_nul)
        app.after_request(self._add_headers)
        app.register_error_handler(Problem, self._problem)
        for kind in self.statuses:
            app.register_error_handler(kind, self._known)
        app.register_error_handler(HTTPException, self._http_error)
        app.register_error_handler(Exception, self._crash)
        app.jinja_env.globals["csrf_token"] = csrf_token

    def _refuse_nul(self) -> None:
        # No database keeps a NUL alike; the body of a program is JSON and is read once, elsewhere.
        texts = [request.path, *request.args.values()]
        if not self.is_program():
            texts += request.form.values()
        if any("\0" in text for text in texts):
            raise Problem("The request contains a character that cannot be stored.")

    def _add_headers(self, response: Response) -> Response:
        directives = {**CONTENT_POLICY, **self.policy}
        policy = "; ".join(f"{name} {value}" for name, value in directives.items())
        headers = {"Content-Security-Policy": policy, **HEADERS}
        if request.endpoint != "static":
            headers["Cache-Control"] = "private, no-store"
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    def _problem(self, error: Problem) -> ResponseReturnValue:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("a dependency failed", exc_info=error, extra={"path": request.path})
        return self.answer(error.status, str(error))

    def _known(self, error: Exception) -> ResponseReturnValue:
        status = next(code for kind, code in self.statuses.items() if isinstance(error, kind))
        return self.answer(status, str(error))

    def _http_error(self, error: HTTPException) -> ResponseReturnValue:
        if error.response is not None:
            return error.get_response()
        sentence = (error.description or "").strip() or error.name
        answer = make_response(self.answer(error.code or 500, sentence))
        methods = getattr(error, "valid_methods", None)
        if methods:
            answer.headers["Allow"] = ", ".join(methods)
        return answer

    def _crash(self, error: Exception) -> ResponseReturnValue:
        log.error("unexpected error", exc_info=error, extra={"path": request.path})
        return self.answer(HTTPStatus.INTERNAL_SERVER_ERROR, InternalServerError.description)


KEPT = timedelta(days=1)
"""How long a cookie outlives its session, so that a form which was open by then is not lost."""


def configure_sessions(app: Flask, name: str, key: Secret, lifetime: timedelta) -> None:
    """Keep sessions in a signed cookie that only this host gets, only over TLS, without scripts.

    The cookie does not prove a log-in: the application checks whether the session has ended.
    """
    app.config.update(
        SECRET_KEY=key.reveal(),
        SESSION_COOKIE_NAME=f"__Host-{name}",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=lifetime + KEPT,
    )


def csrf_token() -> str:
    """Return the token that every form of this session carries."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)
    return str(session["csrf"])


def check_csrf() -> None:
    """Raise ForbiddenError if a change was not sent by one of our pages to this browser."""
    if request.method in SAFE_METHODS:
        return
    sent = request.form.get("csrf_token") or request.headers.get("X-CSRF-Token") or ""
    expected = str(session.get("csrf", ""))
    # A browser without a session has no token, and nothing that it sends equals that.
    if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise ForbiddenError(STALE_FORM)


def local_path(target: str) -> str:
    """Return where to go after log-in: a path of this site, else the start page.

    Browsers drop tabs and line ends from an address and read a backslash as a slash, so a path
    with any of them is not what it seems and is not used.
    """
    parts = urlsplit(target)
    local = target.startswith("/") and not target.startswith("//")
    plain = target.isprintable() and "\\" not in target
    return target if local and plain and not (parts.scheme or parts.netloc) else "/"


def client_address() -> str:
    """Return the client's address, as the reverse proxy reports it."""
    return request.remote_addr or "local"


def requested_path() -> str:
    """Return where to return to after log-in: the page that was requested, not a form's target."""
    return request.full_path.rstrip("?") if request.method in SAFE_METHODS else "/"
