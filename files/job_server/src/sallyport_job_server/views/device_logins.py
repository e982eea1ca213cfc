"""The page on which a person lets a command on another machine in."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.problems import NotFoundError
from sallyport_common.web import check_csrf
from sallyport_job_server.views.context import me, services

blueprint = Blueprint("device_logins", __name__)
blueprint.before_request(check_csrf)


@blueprint.get("/device/")
def ask() -> ResponseReturnValue:
    """Ask for the code that the command shows."""
    me()
    return render_template("device.html")


@blueprint.post("/device/")
def show() -> ResponseReturnValue:
    """Show what waits with a code, and ask whether it is to be let in."""
    user, code = me(), request.form.get("code", "")
    try:
        found = services().device_logins.find(user, code)
    except NotFoundError as problem:
        return render_template("device.html", problem=problem, code=code), problem.status
    return render_template("device.html", found=found)


@blueprint.post("/device/decide/")
def decide() -> ResponseReturnValue:
    """Let the command in, or refuse it."""
    allow = request.form.get("decision") == "allow"
    found = services().device_logins.decide(me(), request.form.get("code", ""), allow=allow)
    if allow:
        flash(f"{found.label} is logged in as you in a moment. You can close this page.")
    else:
        flash(f"{found.label} was refused.")
    return redirect(url_for("account.settings", _anchor="tokens"))
