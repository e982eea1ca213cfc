"""What every view needs: the services, who is asking, and how their session is kept."""

from __future__ import annotations

import secrets
from datetime import date
from typing import Any, cast

from flask import abort, current_app, g, make_response, redirect, request, session, url_for
from werkzeug.wrappers import Response

from sallyport_common.kept_forms import kept_forms
from sallyport_common.problems import Problem
from sallyport_common.web import client_address, requested_path
from sallyport_job_server.models import User
from sallyport_job_server.services.bundle import Services

WITHOUT_CODES = frozenset({"account.settings", "second_factor.start", "second_factor.turn_on"})
"""What is open to a person who must set up one-time codes first."""
LAST_PAGE = 10**6
"""Beyond any list; a database has a limit for numbers."""
RENEWS = "X-Renews"
"""Header of a page that renews itself: nobody need sit before it."""


def services() -> Services:
    """Return the services of this application."""
    return cast(Services, current_app.extensions["sallyport"])


def start_session(user: User) -> None:
    """Log a person in; nothing of an earlier session is kept."""
    session.clear()
    agent = request.user_agent.string
    session["secret"] = services().sessions.start(user, client_address(), agent)
    session["user"] = user.id  # whose a form is that was open when the session ended
    session["csrf"] = secrets.token_urlsafe(32)
    session.permanent = True


def session_secret() -> str:
    """Return what proves the session of this browser; empty without a session."""
    return str(session.get("secret", ""))


def session_user() -> User | None:
    """Return who is logged in, or None; looked up once for each request."""
    if "user" not in g:
        secret, used = session_secret(), RENEWS not in request.headers
        g.user = services().sessions.user(secret, used=used) if secret else None
    return cast("User | None", g.user)


def session_reader() -> User | None:
    """Return who is logged in, or None; raise ForbiddenError where one-time codes are missing.

    For what answers programs, which cannot be sent to where codes are set up.
    """
    user = session_user()
    if user is not None:
        services().second_factor.check(user)
    return user


def absolute(endpoint: str, **values: Any) -> str:
    """Return an address for use outside of our pages, by the configured name of this site."""
    return services().url + url_for(endpoint, **values)


def me() -> User:
    """Return who is logged in; others are sent to the log-in page and come back afterwards.

    Who must have one-time codes and has none is sent to where they are set up.
    """
    user = session_user()
    if user is None:
        abort(_log_in_first())
    if request.endpoint not in WITHOUT_CODES and services().second_factor.is_missing(user):
        abort(redirect(url_for("account.settings", _anchor="codes")))
    return user


def page_number() -> int:
    """Return which page of a list was asked for, from 1 on."""
    return max(1, min(request.args.get("page", 1, type=int), LAST_PAGE))


def day(text: str) -> str:
    """Return a day that somebody gave, or nothing; raise Problem for a wrong one."""
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise Problem(f"'{text}' is not a day; write it as in 2026-11-30.") from None


def _log_in_first() -> Response:
    """Return the log-in page with the form that was sent, or lead there from any other page."""
    if page := kept_forms().keep(str(session.get("user", ""))):
        return make_response(page)
    return redirect(url_for("account.log_in", next=requested_path()))
