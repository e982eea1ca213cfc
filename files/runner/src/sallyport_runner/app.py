"""The admin application: health, metrics, verbs; served on a unix socket inside the daemon."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask

from sallyport_common import health
from sallyport_runner.services.control import Control
from sallyport_runner.views import admin

NAME = "sallyport-runner"


def create_app(control: Control, checks: Mapping[str, health.Check]) -> Flask:
    """Build the application; `checks` decide what /healthz says about this process."""
    app = Flask(__name__)
    app.extensions["control"] = control
    app.register_blueprint(health.blueprint(NAME, health.package_version(NAME), checks))
    app.register_blueprint(admin.blueprint)
    return app
