"""Open pages for monitoring: when did each backend call last, is the service up."""

from __future__ import annotations

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from sallyport_common.protocol import LONGEST_SILENCE
from sallyport_job_server.services import clock
from sallyport_job_server.views.context import services

blueprint = Blueprint("status", __name__)


def is_lost(last_seen_at: str | None) -> bool:
    """Return whether a backend was silent for too long."""
    return last_seen_at is None or clock.seconds_since(last_seen_at) > LONGEST_SILENCE


@blueprint.get("/status/")
def overview() -> ResponseReturnValue:
    """Show every backend's state."""
    backends = [(backend, is_lost(backend.last_seen_at)) for backend in services().backends.all()]
    return render_template("status.html", backends=backends)


@blueprint.get("/status/<slug>/")
def backend(slug: str) -> ResponseReturnValue:
    """Return when a backend called last; 503 if that is too long ago."""
    last_seen_at = services().backends.by_slug(slug).last_seen_at
    status = 503 if is_lost(last_seen_at) else 200
    return Response(last_seen_at or "never", status=status, mimetype="text/plain")


@blueprint.get("/health-check/")
def health_check() -> ResponseReturnValue:
    """Answer 200 to classic monitors."""
    return Response("ok", mimetype="text/plain")
