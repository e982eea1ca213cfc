"""Puts the hatch together: one application for people and clients, one for the publisher."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask, abort, request
from werkzeug.middleware.proxy_fix import ProxyFix

from sallyport_common import health
from sallyport_common.kept_forms import KeptForms, Seal
from sallyport_common.versions import package_version
from sallyport_common.web import configure_sessions
from sallyport_release_hatch import views
from sallyport_release_hatch.services.hatch import Hatch, build
from sallyport_release_hatch.settings import Settings
from sallyport_release_hatch.views import api, login, outbox, requests, security, web

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LARGEST_FORM = 1024 * 1024
DISTRIBUTION = "sallyport-release-hatch"


def create_app(settings: Settings, hatch: Hatch | None = None) -> Flask:
    """Build the application for people and clients; tests pass services of their own."""
    app = Flask(__name__)
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    lifetime = timedelta(seconds=settings.session_lifetime)
    configure_sessions(app, "hatch", settings.secret_key, lifetime)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.extensions["hatch"] = hatch or build(settings)
    app.before_request(_keep_metrics_inside)
    security.SHELL.install(app)
    checks = {"database": _check_database, "workspaces": _check_workspaces}
    version = package_version(DISTRIBUTION)
    app.register_blueprint(health.blueprint("release_hatch", version, checks))
    for part in (login, web, requests, api):
        app.register_blueprint(part.blueprint)
    app.register_blueprint(web.front)
    seal = Seal(settings.secret_key.reveal(), settings.session_lifetime)
    KeptForms(seal, requests.FORM_PAGES, login.page_for).install(app)
    app.jinja_env.globals.update(version=version, backend=settings.backend)
    return app


def _check_database() -> None:
    views.hatch().database.check()


def _check_workspaces() -> None:
    views.hatch().workspaces.check()


def _keep_metrics_inside() -> None:
    # nginx says on whose behalf it asks; whoever comes through it is a browser, not our collector.
    if request.path == "/metrics" and "X-Forwarded-For" in request.headers:
        abort(404)


def create_outbox(hatch: Hatch) -> Flask:
    """Build the application for the publisher's reports."""
    app = Flask(f"{__name__}.outbox", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_FORM)
    app.extensions["hatch"] = hatch
    app.register_blueprint(outbox.blueprint)
    return app


class BySocket:
    """Sends a call to the application whose socket it came in by, so neither has the other's."""

    def __init__(self, pages: Flask, reports: Flask, outbox_socket: str) -> None:
        self._pages: WSGIApplication = ProxyFix(pages, x_for=1, x_proto=1, x_host=1)
        self._reports: WSGIApplication = reports
        self._outbox = outbox_socket

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a call."""
        connection: Any = environ.get("gunicorn.socket")
        on_outbox = connection is not None and connection.getsockname() == self._outbox
        chosen = self._reports if on_outbox else self._pages
        return chosen(environ, start_response)
