"""Moments in the wire's form, as the tables keep them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sallyport_common.protocol import parse_utc, utc_now_text, utc_text


def now() -> str:
    """Return the present moment."""
    return utc_now_text()


def until(seconds: float) -> str:
    """Return the moment so many seconds from now."""
    return utc_text(datetime.now(UTC) + timedelta(seconds=seconds))


def ago(seconds: float) -> str:
    """Return the moment so many seconds before now."""
    return until(-seconds)


def seconds_since(moment: str) -> float:
    """Return how many seconds ago a moment was."""
    return (datetime.now(UTC) - parse_utc(moment)).total_seconds()
