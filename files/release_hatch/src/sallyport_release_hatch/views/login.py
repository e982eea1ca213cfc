"""Log-in with a one-use token, and log-out."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.kept_forms import kept_forms
from sallyport_common.problems import ForbiddenError, Problem
from sallyport_common.web import check_csrf, client_address, local_path
from sallyport_release_hatch.views import hatch

blueprint = Blueprint("login", __name__)
blueprint.before_request(check_csrf)


@blueprint.get("/login")
def show() -> ResponseReturnValue:
    """Show the log-in page."""
    return render_template("login.html", problem=None, user="")


def page_for(problem: str, sealed: str) -> str:
    """Return the log-in page of who was logged in, with a form that is shown again afterwards."""
    user = session.get("user", "")
    return render_template("login.html", problem=problem, user=user, kept=sealed)


@blueprint.post("/login")
def log_in() -> ResponseReturnValue:
    """Start a session, or show why not."""
    user = request.form.get("user", "").strip()
    token = " ".join(request.form.get("token", "").split())
    try:
        if not user or not token:
            raise ForbiddenError("Enter your name and the three words.")
        secret = hatch().access.log_in(user, token, client_address())
    except Problem as error:
        sealed = request.form.get("kept", "")
        page = render_template("login.html", problem=str(error), user=user, kept=sealed)
        return page, error.status
    session.clear()
    session["sid"] = secret
    identity = hatch().access.identity(secret)
    if identity is not None:
        session["user"] = identity.username
        g.identity = identity
        if again := kept_forms().show(request.form.get("kept", ""), identity.username):
            return again
    return redirect(local_path(request.args.get("next", "/")), HTTPStatus.SEE_OTHER)


@blueprint.post("/logout")
def log_out() -> ResponseReturnValue:
    """End the session."""
    if "sid" in session:
        hatch().access.log_out(str(session["sid"]))
    session.clear()
    return redirect(url_for("login.show"), HTTPStatus.SEE_OTHER)
