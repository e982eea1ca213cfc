"""The FROM clause of one statement: its base rows, and what is joined to them by patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.model.nodes import Node
from sallyport_data_builder.sql.dialect import Element

INTERVAL = ("n", "interval_start", "interval_end")


class Scope:
    """Collects joins while expressions are made; each relation is joined once.

    `interval` is where the interval of a measure is read from; rows are then by patient and
    interval. `start` is the FROM clause to begin with, the base alone unless said otherwise.
    """

    def __init__(
        self,
        base: sa.FromClause,
        made: Mapping[Node, Element] | None = None,
        interval: sa.FromClause | None = None,
        start: sa.FromClause | None = None,
    ) -> None:
        self.base, self.interval = base, interval
        self.made: dict[Node, Element] = dict(made or {})
        self._start = base if start is None else start
        self._joined: dict[Any, sa.FromClause] = {}
        self._dynamic: set[Any] = set()
        # What every row that is kept has a match in: joined so that the database may start there.
        self.required: set[Any] = set()

    def keys(self) -> list[Element]:
        """Return what tells rows of a relation apart."""
        patient: list[Element] = [self.base.c.patient_id]
        return patient if self.interval is None else [*patient, self.interval.c.n]

    def joined_as_base(self, key: object) -> None:
        """Say that the base itself is the relation of a key."""
        self._joined[key] = self.base

    def join(
        self, key: object, make: Callable[[], sa.FromClause], dynamic: bool = False
    ) -> sa.FromClause:
        """Return the joined relation of a key; a dynamic one is joined by interval too."""
        if key not in self._joined:
            self._joined[key] = make().alias(f"j{len(self._joined) + 1}")
            if dynamic:
                self._dynamic.add(key)
        return self._joined[key]

    def matches(self, other: sa.FromClause, dynamic: bool) -> Element:
        """Return the condition that a row of a relation is of this row's patient."""
        same: Element = other.c.patient_id == self.base.c.patient_id
        if dynamic and self.interval is not None:
            return sa.and_(same, other.c.n == self.interval.c.n)
        return same

    def from_clause(self) -> sa.FromClause:
        """Return everything, joined from the left: a patient without a row keeps NULLs."""
        found = self._start
        for key, other in self._joined.items():
            if other is not self.base:
                same = self.matches(other, key in self._dynamic)
                found = found.join(other, same, isouter=key not in self.required)
        return found
