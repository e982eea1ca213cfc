"""The page that a link of an invitation or a reset leads to.

The secret is in the query, which the reverse proxy's log leaves out.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.problems import NotFoundError, Problem
from sallyport_common.web import check_csrf, client_address
from sallyport_job_server.views.context import services

blueprint = Blueprint("password_links", __name__)
blueprint.before_request(check_csrf)


@blueprint.get("/password/")
def show() -> ResponseReturnValue:
    """Ask for a new password."""
    secret = request.args.get("link", "")
    return _page(secret)


@blueprint.post("/password/")
def use() -> ResponseReturnValue:
    """Set the password and lead to the log-in."""
    secret = request.form.get("link", "")
    try:
        user = services().password_links.use(secret, request.form.get("new", ""))
    except NotFoundError:
        raise
    except Problem as problem:
        return _page(secret, problem), problem.status
    session.clear()
    flash("The password is set; log in with it.")
    return redirect(url_for("account.log_in", username=user.username))


@blueprint.get("/password/forgotten/")
def forgotten() -> ResponseReturnValue:
    """Ask whose password was forgotten."""
    if not services().messages.has_mail:
        raise NotFoundError("This site sends no mail. Ask an administrator for a link.")
    return render_template("password_forgotten.html")


@blueprint.post("/password/forgotten/")
def send() -> ResponseReturnValue:
    """Send a link to the person, if there is one."""
    services().password_links.forgotten(request.form.get("name", ""), client_address())
    return render_template("password_forgotten.html", is_done=True)


def _page(secret: str, problem: Problem | None = None) -> str:
    person = services().password_links.owner(secret)
    return render_template("password_link.html", person=person, secret=secret, problem=problem)
