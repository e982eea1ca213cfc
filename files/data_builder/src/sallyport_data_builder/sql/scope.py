"""The FROM clause of one statement: its base rows, and what is joined to them by patient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.model.nodes import Node
from sallyport_data_builder.sql.dialect import Element


class Scope:
    """Collects joins while expressions are made; each relation is joined once."""

    def __init__(self, base: sa.FromClause) -> None:
        self.base = base
        self.made: dict[Node, Element] = {}
        self._joined: dict[Any, sa.FromClause] = {}

    def join(self, key: object, make: Callable[[], sa.FromClause]) -> sa.FromClause:
        """Return the joined relation of a key."""
        if key not in self._joined:
            self._joined[key] = make().alias(f"j{len(self._joined) + 1}")
        return self._joined[key]

    def from_clause(self) -> sa.FromClause:
        """Return everything, joined from the left: a patient without a row keeps NULLs."""
        found = self.base
        for other in self._joined.values():
            found = found.outerjoin(other, other.c.patient_id == self.base.c.patient_id)
        return found
