"""Figures, and what is made of many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A figure and what it must not exceed."""

    name: str
    value: float
    bar: float
    unit: str


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of all values is, in milliseconds."""
    return 1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))]
