"""Puts the job server together."""

from __future__ import annotations

from datetime import timedelta

from argon2 import PasswordHasher
from flask import Flask

from sallyport_common import health
from sallyport_common.kept_forms import KeptForms, Seal
from sallyport_common.versions import package_version
from sallyport_common.web import configure_sessions
from sallyport_job_server.services.bundle import build
from sallyport_job_server.settings import Settings
from sallyport_job_server.views import (
    account,
    classic_jobs,
    classic_releases,
    device_logins,
    filters,
    jobs,
    kept,
    lists,
    password_links,
    publication,
    releases,
    research,
    second_factor,
    security,
    sign_on,
    staff,
    status,
)
from sallyport_job_server.views.context import services

PAGES = (
    account, second_factor, password_links, sign_on, device_logins, research, jobs, releases,
    publication, staff, status,
)  # fmt: skip
LARGEST_BODY = 17 * 1024 * 1024


def create_app(settings: Settings, hasher: PasswordHasher | None = None) -> Flask:
    """Build the application; the database is migrated beforehand, by the command."""
    app = Flask(__name__)
    lifetime = timedelta(seconds=settings.session_lifetime)
    configure_sessions(app, "sallyport", settings.secret_key, lifetime)
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        RELEASES_REDIRECT=settings.releases_redirect,
    )
    app.extensions["sallyport"] = build(settings, hasher)
    seal = Seal(settings.secret_key.reveal(), settings.session_lifetime)
    KeptForms(seal, kept.PAGES, account.log_in_again, kept.SECRETS).install(app)
    sign_on.install(app, settings)
    _register(app)
    return app


def _check_database() -> None:
    services().database.check_revision()


def _register(app: Flask) -> None:
    checks = {"database": _check_database}
    version = package_version("sallyport-job-server")
    app.register_blueprint(health.blueprint("job_server", version, checks))
    for module in PAGES:
        app.register_blueprint(module.blueprint)
    app.register_blueprint(classic_jobs.blueprint, url_prefix="/api/v2")
    app.register_blueprint(classic_releases.blueprint, url_prefix="/api/v2")
    app.register_blueprint(lists.blueprint, url_prefix="/api/v1")
    filters.install(app)
    security.SHELL.install(app)
