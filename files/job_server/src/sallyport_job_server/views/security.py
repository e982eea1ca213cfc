"""How the job server answers errors: pages for people, `{"detail": ...}` for programs."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from sallyport_common.web import Shell
from sallyport_study import ProjectError


def is_program() -> bool:
    """Return whether a program sent this request, which gets errors as `{"detail": ...}`."""
    return request.path.startswith("/api/") or request.path.endswith(".json")


def _answer(status: int, sentence: str) -> ResponseReturnValue:
    if is_program():
        # The classic API knows no 401: its clients take 403 for a bad user or token.
        classic = request.path.startswith("/api/v2/") and status == 401
        return {"detail": sentence}, 403 if classic else status
    return render_template("error.html", status=status, text=sentence), status


SHELL = Shell(
    answer=_answer,
    is_program=is_program,
    policy={"script-src": "'self'", "connect-src": "'self'"},
    statuses={ProjectError: 400},
)
