"""What is to hold for a patient, as choices and bounds that can be followed.

A goal does not promise anything: what it leads to is tried by the real query afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sallyport_data_builder.dummy.relations import Relation
from sallyport_data_builder.model.nodes import Frame, Node

UNKNOWN: Any = object()
LIKELY_MISSING = 4


@dataclass(frozen=True, eq=False)
class Goal:
    """The base of all goals."""


@dataclass(frozen=True, eq=False)
class Every(Goal):
    """All parts are to hold; without parts there is nothing to do."""

    parts: tuple[Goal, ...]


@dataclass(frozen=True, eq=False)
class Some(Goal):
    """One part is to hold, by weight; without parts it cannot."""

    parts: tuple[Goal, ...]
    weights: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Bound(Goal):
    """A column's value relates to another value; `own` is of the row being made.

    `fixed` is the other value where it is a constant.
    """

    table: str
    column: str
    own: bool
    op: Relation
    other: Node | None = None
    fixed: Any = UNKNOWN


@dataclass(frozen=True, eq=False)
class Present(Goal):
    """A table with one row per patient has one, or has none."""

    table: str
    wanted: bool


@dataclass(frozen=True, eq=False)
class RowsOf(Goal):
    """Rows of a filtered table: so many at least, and no others if it is closed."""

    table: str
    frame: Frame
    key: object
    least: int
    closed: bool
    goal: Goal


ALWAYS = Every(())
IMPOSSIBLE = Some((), ())


def every(parts: Iterable[Goal]) -> Goal:
    """Join goals; what cannot be makes the whole impossible."""
    joined: dict[Goal, None] = {}
    for part in parts:
        if part is IMPOSSIBLE:
            return IMPOSSIBLE
        joined.update(dict.fromkeys(part.parts if isinstance(part, Every) else [part]))
    if not joined:
        return ALWAYS
    return next(iter(joined)) if len(joined) == 1 else Every(tuple(joined))


def some(parts: Iterable[Goal]) -> Goal:
    """Choose among goals; one that leaves a value missing is the common case in real data."""
    choices = [part for part in parts if part is not IMPOSSIBLE]
    if not choices:
        return IMPOSSIBLE
    if len(choices) == 1:
        return choices[0]
    missing = (isinstance(part, Bound) and part.op == Relation.NULL for part in choices)
    return Some(tuple(choices), tuple(LIKELY_MISSING if is_null else 1 for is_null in missing))
