"""Pages of one's own account: log-in, log-out, settings."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue

from sallyport_common.kept_forms import kept_forms
from sallyport_common.problems import Problem, UnauthenticatedError
from sallyport_common.web import check_csrf, client_address, local_path
from sallyport_job_server.letters import Topic
from sallyport_job_server.models import User
from sallyport_job_server.services.access_tokens import DAYS, TokenScope, Wish
from sallyport_job_server.services.browsers import LIFETIME
from sallyport_job_server.views.context import (
    me,
    services,
    session_secret,
    session_user,
    start_session,
)

blueprint = Blueprint("account", __name__)
blueprint.before_request(check_csrf)

KNOWN_BROWSER = "__Host-sallyport-browser"
"""The cookie by which a browser is known at the next log-in."""


@blueprint.get("/login/")
def log_in() -> ResponseReturnValue:
    """Show the log-in page."""
    target = local_path(request.args.get("next", "/"))
    if session_user():
        return redirect(target)
    return render_template("login.html", target=target, username=request.args.get("username", ""))


def log_in_again(problem: str, sealed: str) -> str:
    """Return the log-in page with a form that is shown again afterwards."""
    return render_template("login.html", target="/", username="", problem=problem, kept=sealed)


@blueprint.post("/login/")
def log_in_now() -> ResponseReturnValue:
    """Log a person in and lead them to where they wanted to go."""
    form = request.form
    target, username = local_path(form.get("next", "/")), form.get("username", "")
    kept = form.get("kept", "")
    try:
        user = services().accounts.log_in(
            username,
            form.get("password", ""),
            form.get("totp", ""),
            client_address(),
            request.cookies.get(KNOWN_BROWSER, ""),
        )
    except Problem as problem:
        page = render_template(
            "login.html", target=target, username=username, problem=problem, kept=kept
        )
        return page, 403 if isinstance(problem, UnauthenticatedError) else problem.status
    start_session(user)
    answer = make_response(kept_forms().show(kept, str(user.id)) or redirect(target))
    _know_browser(answer, user)
    return answer


def _know_browser(answer: Response, user: User) -> None:
    browsers = services().accounts.browsers
    if browsers.number(request.cookies.get(KNOWN_BROWSER, ""), user.username) is None:
        value = browsers.value(user.username)
        answer.set_cookie(
            KNOWN_BROWSER, value, max_age=LIFETIME, secure=True, httponly=True, samesite="Lax"
        )


@blueprint.post("/logout/")
def log_out() -> ResponseReturnValue:
    """End this session."""
    services().sessions.log_out(session_secret())
    session.clear()
    return redirect(url_for(".log_in"))


def settings_page(**more: object) -> str:
    """Return the page of one's own account; `more` is what it shows this once."""
    user = me()
    second_factor = services().second_factor
    return render_template(
        "settings.html",
        tokens=services().access_tokens.of(user),
        scopes=list(TokenScope),
        projects=services().directory.projects_of(user),
        sessions=services().sessions.of(user),
        here=services().sessions.number(session_secret()),
        backends=services().backends.of(user),
        has_totp=user.totp_secret is not None,
        codes_left=second_factor.codes_left(user),
        identities=services().identities.of(user),
        needs_codes=second_factor.is_missing(user),
        topics=list(Topic),
        **more,
    )


@blueprint.get("/settings/")
def settings() -> ResponseReturnValue:
    """Show one's own account."""
    return settings_page()


@blueprint.post("/settings/tokens/")
def create_token() -> ResponseReturnValue:
    """Create an access token and show it, this once."""
    user, form = me(), request.form
    wish = Wish(
        form.get("label", ""),
        form.get("scope", TokenScope.ALL),
        form.get("project", ""),
        form.get("days", DAYS, type=int),
    )
    token = services().access_tokens.create(user, wish)
    return settings_page(new_token=f"{user.username}:{token}")


@blueprint.post("/settings/tokens/<int:number>/revoke/")
def revoke_token(number: int) -> ResponseReturnValue:
    """End an access token."""
    services().access_tokens.revoke(me(), number)
    flash("The access token was revoked.")
    return redirect(url_for(".settings"))


@blueprint.post("/settings/sessions/<int:number>/end/")
def end_session(number: int) -> ResponseReturnValue:
    """End one of one's own sessions."""
    services().sessions.end(me(), number)
    flash("The session was ended.")
    return redirect(url_for(".settings"))


@blueprint.post("/settings/login-token/")
def create_login_token() -> ResponseReturnValue:
    """Create a one-use log-in for the hatch and show it, this once."""
    words, expires_at = services().login_tokens.create(me())
    return settings_page(login_token=words, login_token_expires_at=expires_at)


@blueprint.post("/settings/messages/")
def choose_messages() -> ResponseReturnValue:
    """Set what the person is told about by mail."""
    services().accounts.choose_topics(me(), request.form.getlist("topics"))
    flash("Your choice of messages was saved.")
    return redirect(url_for(".settings", _anchor="messages"))


@blueprint.post("/settings/password/")
def change_password() -> ResponseReturnValue:
    """Set a new password; every session and access token ends."""
    user, form = me(), request.form
    services().accounts.change_password(user, form.get("current", ""), form.get("new", ""))
    session.clear()
    flash("The password was changed; log in with the new one.")
    return redirect(url_for(".log_in"))
