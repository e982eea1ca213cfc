"""Open pages for monitoring: is each backend heard of, is the service up."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from sallyport_common.protocol import LONGEST_SILENCE
from sallyport_job_server.roles import PROJECT_ROLES, classic, permissions_of
from sallyport_job_server.services import clock
from sallyport_job_server.services.backend_access import Scope
from sallyport_job_server.views.context import services

blueprint = Blueprint("status", __name__)


def is_lost(last_seen_at: str | None) -> bool:
    """Return whether a backend was silent for too long."""
    return last_seen_at is None or clock.seconds_since(last_seen_at) > LONGEST_SILENCE


@blueprint.get("/status/")
def overview() -> ResponseReturnValue:
    """Show every backend's state."""
    found = [(backend, is_lost(backend.last_seen_at)) for backend in services().backends.all()]
    return render_template("status.html", backends=found)


@blueprint.get("/status/<slug>/")
def backend(slug: str) -> ResponseReturnValue:
    """Answer when a backend was last heard of; 503 when that is too long ago."""
    found = services().backends.by_slug(slug)
    status = 503 if is_lost(found.last_seen_at) else 200
    return Response(found.last_seen_at or "never", status=status, mimetype="text/plain")


@blueprint.get("/health-check/")
def health_check() -> ResponseReturnValue:
    """Answer 200 to classic monitors."""
    return Response("ok", mimetype="text/plain")


@blueprint.get("/api/v2/users/<username>/")
def user(username: str) -> ResponseReturnValue:
    """Answer a person's roles and permissions under the classic names, to a backend."""
    services().backends.caller(request.headers.get("Authorization"), *Scope)
    person, inside = services().accounts.roles_of(username)
    return {
        "permissions": {
            "global": sorted(permissions_of(person.roles)),
            "projects": [
                {"slug": slug, "permissions": sorted(permissions_of(roles))}
                for slug, roles in inside.items()
            ],
        },
        "roles": {
            "global": classic(person.roles),
            "projects": [
                {"slug": slug, "roles": classic(r for r in roles if r in PROJECT_ROLES)}
                for slug, roles in inside.items()
            ],
        },
    }
