"""The SELECT of a relation: one pass over the rows of a table, grouped by patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Column, Node, Pick, Series, Where
from sallyport_data_builder.plan.branches import any_of, in_common
from sallyport_data_builder.plan.presence import never_null
from sallyport_data_builder.plan.relations import PICK, Output, Relation
from sallyport_data_builder.plan.shared import beneath, levels
from sallyport_data_builder.plan.spans import implied
from sallyport_data_builder.sql import aggregates
from sallyport_data_builder.sql.dialect import Element, Key
from sallyport_data_builder.sql.emitter import Emitter
from sallyport_data_builder.sql.layers import Store, computed
from sallyport_data_builder.sql.scope import Scope


@dataclass(frozen=True)
class Intervals:
    """Where the intervals of measures are: a row each, and a row for each day of each."""

    table: sa.FromClause
    calendar: sa.FromClause | None
    first: Any
    last: Any


def among_rows(
    emitter: Emitter,
    scope: Scope,
    filters: Sequence[Sequence[Where]],
    values: Sequence[Series],
    store: Store,
    where: Sequence[Element],
) -> tuple[Scope, list[Element]]:
    """Compute what values and filters share, and return the conditions that are left to apply.

    `filters` are those of each branch. Filters that need nothing shared are applied first, so
    that less is computed.
    """
    predicates = [frame.predicate for chain in filters for frame in chain]
    roots = list(dict.fromkeys([*predicates, *values]))
    shared = {node for nodes in levels(roots, (), emitter.dialect.depth) for node in nodes}
    formula = any_of([tuple(chain) for chain in filters])
    late = not shared.isdisjoint(beneath(predicates))
    first = list(where)
    if formula is not None and not late:
        first = [emitter.condition(formula, scope), *where]
    inner = computed(emitter, scope, roots, store, where=first)
    rest = [] if inner is not scope else first
    if formula is not None and late:
        rest = [*rest, emitter.condition(formula, inner)]
    return inner, rest


class Scans:
    """Renders relations for one dialect; `store` is for parts of a long computation."""

    def __init__(self, emitter: Emitter, store: Store, intervals: Intervals | None = None) -> None:
        self._emitter, self._dialect, self._intervals = emitter, emitter.dialect, intervals
        self._store = store

    def select(self, relation: Relation, among: sa.FromClause | None = None) -> sa.Select[Any]:
        """Return the rows of a relation, of the patients in another table only (PLN-02)."""
        scope = self._scope(relation)
        where: list[Element] = []
        if among is not None:
            where = [scope.base.c.patient_id.in_(sa.select(among.c.patient_id))]
        if relation.kind == "count_episodes":
            return self._episodes(relation, scope, where)
        if relation.kind == "collect":
            return self._collected(relation, scope, where)
        rows = self._rows(relation, scope, where)
        return rows.pick() if relation.kind == PICK else rows.aggregate()

    def _scope(self, relation: Relation) -> Scope:
        branches = [[w.predicate for w in output.filters] for output in relation.branches]
        base = self._emitter.standard_rows(relation.table, branches)
        if not relation.dynamic:
            return Scope(base)
        known = cast(Intervals, self._intervals)
        if relation.span is None or known.calendar is None:
            each = known.table.alias("i")
            return Scope(base, interval=each, start=base.join(each, sa.true()))
        day = known.calendar.alias("d")
        date = base.c[relation.span.name]
        inside = date.between(
            self._dialect.literal(known.first, "date"), self._dialect.literal(known.last, "date")
        )
        start = base.join(day, sa.and_(day.c.day == date, inside))
        made: dict[Node, Element] = {
            frame.predicate: sa.true()
            for output in relation.outputs
            for frame in output.filters
            if implied(relation.span, frame.predicate)
        }
        return Scope(base, made, day, start)

    def _rows(self, relation: Relation, scope: Scope, where: list[Element]) -> Rows:
        """Compute what the outputs need per row, for the rows that one of them needs."""
        filters = [output.filters for output in relation.branches]
        values = [series for output in relation.outputs for series in output.values]
        inner, applied = among_rows(self._emitter, scope, filters, values, self._store, where)
        flags = [frame.predicate for chain in filters for frame in chain[in_common(filters) :]]
        columns: dict[Node, str] = {}
        for node in [*values, *flags]:
            columns.setdefault(node, f"c{len(columns) + 1}")
        made = [
            self._emitter.expression(cast(Series, n), inner).label(c) for n, c in columns.items()
        ]
        select = sa.select(*inner.keys(), *made).select_from(inner.from_clause()).where(*applied)
        return Rows(self._emitter, relation, select, columns, in_common(filters))

    def _episodes(
        self, relation: Relation, scope: Scope, where: Sequence[Element]
    ) -> sa.Select[Any]:
        """Number of dates that lie more than the gap after the one before (SEM-09)."""
        node = cast(op.Aggregate, relation.outputs[0].node)
        inner, date, rest = self._present(relation, scope, where)
        keys = inner.keys()
        previous = sa.func.lag(date, type_=sa.Date()).over(partition_by=keys, order_by=date)
        dated = sa.select(*keys, date.label("date"), previous.label("previous"))
        runs = dated.select_from(inner.from_clause()).where(*rest).subquery("runs")
        apart = self._dialect.date_diff_days(runs.c.previous, runs.c.date)
        gap = self._dialect.literal(node.gap or 0, "int")
        starts = sa.or_(runs.c.previous.is_(None), apart > gap)
        count = sa.cast(sa.func.sum(sa.case((starts, 1), else_=0)), self._dialect.types["int"])
        grouped = [runs.c[str(key.key)] for key in keys]
        return sa.select(*grouped, count.label(relation.names[node])).group_by(*grouped)

    def _collected(
        self, relation: Relation, scope: Scope, where: Sequence[Element]
    ) -> sa.Select[Any]:
        node = cast(op.Aggregate, relation.outputs[0].node)
        inner, value, rest = self._present(relation, scope, where)
        select = sa.select(*inner.keys(), value.label(relation.names[node])).distinct()
        return select.select_from(inner.from_clause()).where(*rest)

    def _present(
        self, relation: Relation, scope: Scope, where: Sequence[Element]
    ) -> tuple[Scope, Element, list[Element]]:
        """Return the value that an aggregate is of, and the conditions of rows that have one."""
        output = relation.outputs[0]
        filters = [output.filters]
        inner, rest = among_rows(self._emitter, scope, filters, output.values, self._store, where)
        value = self._emitter.expression(output.values[0], inner)
        return inner, value, [*rest, value.is_not(None)]


@dataclass(frozen=True)
class Rows:
    """The rows that a relation is made from, with a column for each value and filter."""

    emitter: Emitter
    relation: Relation
    select: sa.Select[Any]
    columns: Mapping[Node, str]
    common: int

    def _keys(self, rows: sa.FromClause) -> list[Element]:
        return [rows.c.patient_id, *([rows.c.n] if self.relation.dynamic else [])]

    def aggregate(self) -> sa.Select[Any]:
        """Group by patient; a branch that not all rows are of counts its own rows (PLN-03)."""
        rows = self.select.subquery("r")
        picked: dict[Pick, list[Output]] = {}
        for output in self.relation.outputs:
            if isinstance(output.node, Column) and not output.shortcut:
                picked.setdefault(cast(Pick, output.pick), []).append(output)
        made: dict[Node, Element] = {}
        for pick, outputs in picked.items():
            made |= self._picked(pick, outputs, rows)
        for output in self.relation.outputs:
            if output.node not in made:
                made[output.node] = self._value(output, rows)
        named = [made[node].label(name) for node, name in self.relation.names.items()]
        keys = self._keys(rows)
        return sa.select(*keys, *named).group_by(*keys)

    def _own(self, output: Output, rows: sa.FromClause) -> Element | None:
        """Return the condition that a row is of an output's own branch."""
        flags = [rows.c[self.columns[w.predicate]] for w in output.filters[self.common :]]
        return sa.and_(*flags) if flags else None

    def _value(self, output: Output, rows: sa.FromClause) -> Element:
        own, dialect = self._own(output, rows), self.emitter.dialect
        if isinstance(output.node, Pick):
            return aggregates.exists(dialect, own)
        if isinstance(output.node, Column):
            column = output.own_column
            value, first = rows.c[self.columns[column]], cast(Pick, output.pick).op == "first"
            nullable = first and column.name not in _known(output)
            return aggregates.end(dialect, value, column.type, first, nullable, own)
        node = cast(op.Aggregate, output.node)
        source = rows.c[self.columns[node.source]] if isinstance(node.source, Series) else None
        return aggregates.of(dialect, node, source, own)

    def _order(self, outputs: Sequence[Output], rows: sa.FromClause) -> list[Key]:
        """Return the keys of a pick, then the columns that are used of it (SEM-11)."""
        ties = sorted((output.own_column for output in outputs), key=lambda column: column.name)
        known = _known(outputs[0])
        keys = list(dict.fromkeys([*outputs[0].keys, *ties]))
        return [
            aggregates.key(
                self.emitter.dialect,
                rows.c[self.columns[key]],
                key.type,
                not (isinstance(key, Column) and key.name in known),
            )
            for key in keys
        ]

    def _picked(
        self, pick: Pick, outputs: Sequence[Output], rows: sa.FromClause
    ) -> dict[Node, Element]:
        order = self._order(outputs, rows)
        values = [rows.c[self.columns[output.own_column]] for output in outputs]
        own = self._own(outputs[0], rows)
        found = self.emitter.dialect.picked(values, order, pick.op == "last", own)
        return dict(zip((output.node for output in outputs), found, strict=True))

    def pick(self) -> sa.Select[Any]:
        """Keep one row per patient."""
        dialect, outputs = self.emitter.dialect, self.relation.outputs
        columns = [output for output in outputs if isinstance(output.node, Column)]
        pick = cast(Pick, outputs[0].pick)
        rows = self.select.subquery("r")
        if not columns:
            return self.aggregate()
        order = [
            dialect.null_smallest(key.value, pick.op == "last")
            for key in self._order(columns, rows)
        ]
        named = [
            (
                dialect.literal(True, "bool")
                if isinstance(output.node, Pick)
                else rows.c[self.columns[output.own_column]]
            ).label(name)
            for output, name in zip(outputs, self.relation.names.values(), strict=True)
        ]
        select = sa.select(*self._keys(rows), *named)
        if not self.relation.dynamic:
            return dialect.pick(select, rows.c.patient_id, order)
        place = sa.func.row_number().over(partition_by=self._keys(rows), order_by=order)
        ranked = select.add_columns(place.label("place")).subquery("numbered")
        kept = [column for column in ranked.c if column.name != "place"]
        return sa.select(*kept).where(ranked.c.place == 1)


def _known(output: Output) -> frozenset[str]:
    """Return the columns that are not NULL in an output's rows."""
    found: frozenset[str] = frozenset()
    return found.union(*(never_null(frame.predicate) for frame in output.filters))
