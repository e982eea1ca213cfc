"""Headers of every answer, and errors as pages or as JSON."""

from __future__ import annotations

import logging

from flask import Flask, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, InternalServerError

from sallyport_job_server.models import Problem, UnavailableError
from sallyport_study import ProjectError

log = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def add_headers(response: Response) -> Response:
    """Add what is missing of the headers; pages and answers are not cached unless they say so."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def wants_json() -> bool:
    """Tell whether a program asks, which gets errors as `{"detail": ...}`."""
    return request.path.startswith("/api/") or request.path.endswith(".json")


def _answer(status: int, text: str) -> ResponseReturnValue:
    if wants_json():
        # The classic API knows no 401: its clients take 403 for a bad user or token.
        classic = request.path.startswith("/api/v2/") and status == 401
        return {"detail": text}, 403 if classic else status
    return render_template("error.html", status=status, text=text), status


def problem(error: Problem) -> ResponseReturnValue:
    """Answer one of our own problems; a page does not tell a forbidden thing from a missing one."""
    if isinstance(error, UnavailableError):
        log.error("the database cannot be used", exc_info=error, extra={"path": request.path})
    return _answer(error.status, str(error))


def project_error(error: ProjectError) -> ResponseReturnValue:
    """Answer a project.yaml that is refused."""
    return _answer(400, str(error))


def http_error(error: HTTPException) -> ResponseReturnValue:
    """Answer what Flask itself refuses; redirects pass."""
    if error.response is not None:
        return error.get_response()
    answer = make_response(_answer(error.code or 500, error.description or error.name))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        answer.headers["Allow"] = ", ".join(allowed)
    return answer


def crash(error: Exception) -> ResponseReturnValue:
    """Log what nobody foresaw; the answer shows nothing of it."""
    log.error("unexpected error", exc_info=error, extra={"path": request.path})
    return _answer(500, InternalServerError.description)


def refuse_unkept_texts() -> None:
    """Raise Problem for a NUL in an address or a form, which no database keeps alike."""
    given = [request.path, *request.args.values()]
    if not request.path.startswith("/api/"):  # whose bodies are no forms, and are read once
        given += request.form.values()
    if any("\0" in text for text in given):
        raise Problem("The request holds a character that cannot be kept.")


def install(app: Flask) -> None:
    """Add headers and error pages to an application."""
    app.before_request(refuse_unkept_texts)
    app.after_request(add_headers)
    app.register_error_handler(Problem, problem)
    app.register_error_handler(ProjectError, project_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, crash)
