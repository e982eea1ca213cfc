"""The admin application: health, metrics, verbs; served on a unix socket inside the daemon."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from sallyport_common import health
from sallyport_common.versions import package_version
from sallyport_runner.services.control import Control
from sallyport_runner.views import admin

NAME = "sallyport-runner"


def _in_json(error: HTTPException) -> ResponseReturnValue:
    return {"detail": error.description}, error.code or HTTPStatus.INTERNAL_SERVER_ERROR


def create_app(control: Control, checks: Mapping[str, health.Check]) -> Flask:
    """Build the application; `checks` decide what /healthz says about this process."""
    app = Flask(__name__)
    app.extensions["control"] = control
    app.register_blueprint(health.blueprint(NAME, package_version(NAME), checks))
    app.register_blueprint(admin.blueprint)
    app.register_error_handler(HTTPException, _in_json)
    return app
