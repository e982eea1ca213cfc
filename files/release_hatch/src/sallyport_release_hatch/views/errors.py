"""Refusals as answers: a page for people, flat JSON for programs."""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Flask, g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from sallyport_common.errors import SallyportError
from sallyport_release_hatch.models import (
    BadInputError,
    NotAllowedError,
    NotFoundError,
    WrongStateError,
)
from sallyport_release_hatch.services.job_server import JobServerUnreachableError

log = logging.getLogger(__name__)
STATUS: dict[type[Exception], HTTPStatus] = {
    BadInputError: HTTPStatus.BAD_REQUEST,
    NotFoundError: HTTPStatus.NOT_FOUND,
    NotAllowedError: HTTPStatus.FORBIDDEN,
    WrongStateError: HTTPStatus.CONFLICT,
    JobServerUnreachableError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def _answer(status: int, sentence: str) -> ResponseReturnValue:
    if request.path.startswith("/workspace/"):
        return {"detail": sentence}, status
    person = g.get("identity")
    page = render_template("error.html", person=person, status=status, sentence=sentence)
    return page, status


def refusal(error: SallyportError) -> ResponseReturnValue:
    """Answer one of our own errors; what has no status of its own is a fault of ours."""
    status = STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("fault", extra={"reason": str(error)})
    return _answer(status, str(error))


def http_error(error: HTTPException) -> ResponseReturnValue:
    """Answer what the framework refuses."""
    if error.response is not None:
        return error
    sentence = (error.description or "").strip() or "This cannot be done."
    return _answer(error.code or HTTPStatus.INTERNAL_SERVER_ERROR, sentence)


def install(app: Flask) -> None:
    """Answer all errors of an application."""
    app.register_error_handler(SallyportError, refusal)
    app.register_error_handler(HTTPException, http_error)
