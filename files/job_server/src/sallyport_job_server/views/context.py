"""What every view needs: the services, who is asking, and how their session is kept."""

from __future__ import annotations

import secrets
import time
from typing import Any, cast

from flask import abort, current_app, g, make_response, redirect, session, url_for
from werkzeug.wrappers import Response

from sallyport_common.kept_forms import kept_forms
from sallyport_common.web import requested_path
from sallyport_job_server.models import User
from sallyport_job_server.services.bundle import Services


def services() -> Services:
    """Return the services of this application."""
    return cast(Services, current_app.extensions["sallyport"])


def start_session(user: User) -> None:
    """Log a person in; nothing of an earlier session is kept."""
    session.clear()
    session["user"], session["epoch"] = user.id, user.session_epoch
    session["csrf"] = secrets.token_urlsafe(32)
    session["since"] = int(time.time())
    session.permanent = True


def session_user() -> User | None:
    """Return who is logged in, or None; looked up once for each request."""
    if "user" not in g:
        number, epoch = session.get("user"), session.get("epoch")
        user = None
        if isinstance(number, int) and isinstance(epoch, int) and not _too_old():
            user = services().accounts.session_user(number, epoch)
        g.user = user
    return cast("User | None", g.user)


def _too_old() -> bool:
    # The cookie is signed again whenever something is put into it, so its own age says too little.
    return time.time() - int(session.get("since", 0)) > int(current_app.config["SESSION_SECONDS"])


def absolute(endpoint: str, **values: Any) -> str:
    """Return an address for use outside of our pages, by the configured name of this site."""
    return str(current_app.config["PUBLIC_URL"]) + url_for(endpoint, **values)


def me() -> User:
    """Return who is logged in; others are sent to the log-in page and come back afterwards."""
    user = session_user()
    if user is None:
        abort(_log_in_first())
    return user


def _log_in_first() -> Response:
    """Return the log-in page with the form that was sent, or lead there from any other page."""
    if page := kept_forms().keep(str(session.get("user", ""))):
        return make_response(page)
    return redirect(url_for("account.log_in", next=requested_path()))
