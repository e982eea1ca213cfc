"""One dummy patient: rows that grow, and the reference engine to look at them meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sallyport_data_builder.dummy.goals import UNKNOWN, Bound
from sallyport_data_builder.memory.engine import Engine, Row
from sallyport_data_builder.model.nodes import (
    PARAMETERS,
    Frame,
    Inline,
    Node,
    Series,
    Table,
    Where,
    chain,
)
from sallyport_data_builder.model.roots import Interval
from sallyport_data_builder.model.tables import physical_name
from sallyport_data_builder.sql.inline import rows_of

Facts = dict[str, list[dict[str, Any]]]


class Person(Engine):
    """Answers about the rows that a patient has so far."""

    def __init__(self, root: Node, inputs: Sequence[Inline]) -> None:
        files = {node: _named(node) for node in inputs if node.source}
        super().__init__({}, root, files=files)
        self.patient = 0
        self.facts: Facts = {}
        self._files: dict[Table, str] = {}

    def begin(self, patient: int, interval: Interval | None) -> None:
        """Start with a patient who has no row yet."""
        self.patient, self.facts = patient, {}
        self.during(interval)
        self.changed()

    def changed(self) -> None:
        """Drop what was computed from the rows: some have been added, or filled in."""
        self.forget(self.patient)

    def during(self, interval: Interval | None) -> None:
        """Look at another interval of measures."""
        parameters = dict(zip(PARAMETERS, interval or (), strict=False))
        if parameters != self._parameters:
            self._parameters = parameters
            self.changed()

    def _table(self, table: Table | Inline) -> Mapping[int, Sequence[Row]]:
        if isinstance(table, Inline):
            return super()._table(table)
        if table not in self._files:
            self._files[table] = physical_name(table)
        return {self.patient: self.facts.get(self._files[table], ())}

    def other(self, bound: Bound, row: Row | None) -> Any:
        """Return what a bound compares with now; None if that is missing."""
        if bound.fixed is not UNKNOWN or bound.other is None:
            return bound.fixed
        node = cast(Series, bound.other)
        self._of_rows.clear()  # the row may have got a value since
        if node.domain is not None and row is None:
            return None
        try:
            return self.value(node, self.patient, row)
        except (OverflowError, ValueError):
            return None

    def is_in(self, row: Row, domain: Frame) -> bool:
        """Return whether a row passes all filters of a table."""
        self._of_rows.clear()  # the row may have got a value since
        return all(
            self.value(part.predicate, self.patient, row) is True
            for part in reversed(list(chain(domain)))
            if isinstance(part, Where)
        )


def _named(node: Inline) -> list[dict[str, Any]]:
    names = ("patient_id", *node.columns)
    return [dict(zip(names, row, strict=True)) for row in rows_of(node)]
