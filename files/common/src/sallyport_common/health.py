"""`/healthz` with the version, and `/metrics`, for every component that answers HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Check = Callable[[], None]
"""Raises when what it looks at is not healthy."""


def _run(check: Check) -> str:
    try:
        check()
    except Exception as error:
        return f"failed: {type(error).__name__}"
    return "ok"


def blueprint(service: str, version: str, checks: Mapping[str, Check]) -> Blueprint:
    """Return the blueprint with `/healthz` (200, or 503 when a check raises) and `/metrics`."""
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def healthz() -> ResponseReturnValue:
        results = {name: _run(check) for name, check in checks.items()}
        healthy = all(result == "ok" for result in results.values())
        status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
        body = {
            "service": service,
            "version": version,
            "status": "ok" if healthy else "failing",
            "checks": results,
        }
        return body, status

    @pages.get("/metrics")
    def metrics() -> ResponseReturnValue:
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    return pages
