"""Blueprints: they parse, call a service and render."""

from __future__ import annotations

from typing import cast

from flask import current_app

from sallyport_release_hatch.services.hatch import Hatch


def hatch() -> Hatch:
    """Return the services of the running application."""
    return cast(Hatch, current_app.extensions["hatch"])
