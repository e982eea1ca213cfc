"""Log-in with the account of one's organisation (OpenID Connect, authorization code with PKCE)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, session
from flask import url_for as url
from flask.typing import ResponseReturnValue
from joserfc.errors import JoseError

from sallyport_common.errors import SettingsError
from sallyport_common.problems import Problem, UnauthenticatedError, UnavailableError
from sallyport_common.web import check_csrf, client_address, local_path
from sallyport_job_server.models import User
from sallyport_job_server.settings import Settings
from sallyport_job_server.views.context import absolute, me, services, session_user, start_session

blueprint = Blueprint("sign_on", __name__)
blueprint.before_request(check_csrf)
log = logging.getLogger(__name__)

PATH = "/.well-known/openid-configuration"
TIMEOUT = 10
"""Seconds for which a provider may be silent."""
PATIENCE = 300
"""Seconds between the provider's answer and the one-time code."""


def install(app: Flask, settings: Settings) -> None:
    """Make the provider of the site, if there is one, known to the application."""
    provider, secret = settings.oidc, settings.oidc_client_secret
    if provider is None:
        return
    if secret is None:
        raise SettingsError(["JOB_SERVER_OIDC_CLIENT_SECRET_FILE is not set"])
    known: Any = OAuth(app)  # its types are incomplete
    known.register(
        "provider",
        client_id=provider.client_id,
        client_secret=secret.reveal(),
        server_metadata_url=provider.issuer.rstrip("/") + PATH,
        client_kwargs={
            "scope": provider.scopes,
            "code_challenge_method": "S256",
            "verify": str(settings.ca_file),
            "default_timeout": TIMEOUT,
        },
    )


@contextmanager
def _provider() -> Iterator[Any]:
    """Give Authlib's client of the provider; what goes wrong there is a Problem."""
    name = services().identities.required().name
    try:
        yield current_app.extensions["authlib.integrations.flask_client"].provider
    except OAuthError as error:
        log.warning("a log-in at the provider failed", extra={"fault": error.error})
        raise Problem(
            f"{name} did not log you in: {error.description or error.error}. Begin again."
        ) from error
    except (AuthlibBaseError, JoseError) as error:
        log.exception("an answer of the provider is refused")
        raise Problem(f"What {name} said of you could not be verified.") from error
    except (requests.RequestException, ValueError, KeyError) as error:
        raise UnavailableError(f"{name} does not answer as it should; try again later.") from error


@blueprint.get("/login/organisation/")
def start() -> ResponseReturnValue:
    """Lead to the provider's log-in."""
    with _provider() as client:
        answer: ResponseReturnValue = client.authorize_redirect(absolute(".back"))
    session["sign_on"] = {"next": local_path(request.args.get("next", "/"))}
    return answer


@blueprint.get("/login/organisation/back/")
def back() -> ResponseReturnValue:
    """Take the provider's answer: log a person in, or link the account of who is logged in."""
    claims = _claims()
    begun = session.pop("sign_on", {})
    if "link" in begun:
        return _link(begun["link"], claims)
    user = services().identities.find(claims, client_address())
    if user.totp_secret is None:
        return _enter(user, local_path(begun.get("next", "/")))
    half = {"user": user.id, "next": begun.get("next", "/"), "until": time.time() + PATIENCE}
    session.clear()
    session["half"] = half
    return redirect(url(".code"))


def _enter(user: User, target: str) -> ResponseReturnValue:
    services().identities.note(user, client_address(), entered=True)
    start_session(user)
    return redirect(target)


def _claims() -> Mapping[str, Any]:
    """Return what the provider says of a person, verified."""
    provider = services().identities.required()
    with _provider() as client:
        metadata = client.load_server_metadata()
        issuer = str(metadata.get("issuer", ""))
        if issuer.rstrip("/") != provider.issuer.rstrip("/"):
            raise Problem(f"{provider.name} calls itself {issuer}, not {provider.issuer}.")
        token = client.authorize_access_token()
        told = token.get("userinfo")
        if told is None:
            raise Problem(f"{provider.name} did not say who you are.")
        claims = dict(told)
        if metadata.get("userinfo_endpoint"):
            more = client.userinfo(token=token)
            if more.get("sub") != claims["sub"]:  # section 5.3.2
                raise Problem(f"{provider.name} spoke of two different people.")
            claims = dict(more) | claims
    return claims


def _link(number: int, claims: Mapping[str, Any]) -> ResponseReturnValue:
    user = session_user()
    if user is None or user.id != number:
        raise UnauthenticatedError("Your session has ended. Log in and link the accounts again.")
    services().identities.link(user, claims)
    flash(f"You can log in with {services().identities.name} from now on.")
    return redirect(url("account.settings", _anchor="identities"))


@blueprint.post("/settings/identities/")
def link() -> ResponseReturnValue:
    """Show the way to the provider, where a person proves which account there is theirs."""
    user = me()
    with _provider() as client:
        begun = client.create_authorization_url(absolute(".back"), prompt="login")
        client.save_authorize_data(redirect_uri=absolute(".back"), **begun)
    session["sign_on"] = {"link": user.id}
    return render_template("sign_on.html", address=begun["url"])


@blueprint.post("/settings/identities/<int:number>/end/")
def end(number: int) -> ResponseReturnValue:
    """Forget an account at the provider."""
    services().identities.end(me(), number)
    flash("The link was removed.")
    return redirect(url("account.settings", _anchor="identities"))


def _half() -> tuple[User, str]:
    """Return whom the provider has logged in a moment ago, and where they wanted to go."""
    half = session.get("half")
    if half is None or half["until"] < time.time():
        raise UnauthenticatedError("That took too long. Log in again.")
    return services().accounts.open_account(half["user"]), local_path(half["next"])


@blueprint.get("/login/code/")
def code() -> ResponseReturnValue:
    """Ask for the one-time code of somebody whom the provider has logged in."""
    _half()
    return render_template("login_code.html")


@blueprint.post("/login/code/")
def take_code() -> ResponseReturnValue:
    """Log a person in whom the provider knows and whose code is right."""
    user, target = _half()
    try:
        services().second_factor.judge(user, request.form.get("code", ""))
    except Problem as problem:
        services().identities.note(user, client_address(), entered=False)
        return render_template("login_code.html", problem=problem), problem.status
    return _enter(user, target)
