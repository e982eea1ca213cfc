"""Chance that repeats itself: the same seed gives the same choices on any machine."""

from __future__ import annotations

from random import Random


def repeatable(seed: bytes) -> Random:
    """Return a generator for rows and tests, never for secrets."""
    return Random(seed)  # noqa: S311 (repeatable on purpose)
