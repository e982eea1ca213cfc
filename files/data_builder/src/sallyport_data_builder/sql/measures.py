"""The physical plans of measures: one query for all intervals that fit, with grouping sets.

What all queries need is one plan, what a query needs before its batches another, and each batch
of intervals a third, because how many intervals fit is known once the patients are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import sqlalchemy as sa

from sallyport_data_builder.memory.measures import Result
from sallyport_data_builder.memory.values import sort_key
from sallyport_data_builder.model.nodes import Node, Series
from sallyport_data_builder.model.roots import Measures
from sallyport_data_builder.plan.fusion import needs
from sallyport_data_builder.plan.relations import Needs
from sallyport_data_builder.plan.shared import movable
from sallyport_data_builder.plan.together import Together, depends, together
from sallyport_data_builder.sql.dialect import Element
from sallyport_data_builder.sql.emitter import Emitter
from sallyport_data_builder.sql.layers import members
from sallyport_data_builder.sql.scans import Intervals
from sallyport_data_builder.sql.scope import INTERVAL, Scope
from sallyport_data_builder.sql.stage import PhysicalPlan, Stage
from sallyport_data_builder.sql.steps import Base, Planner, Prepared

DATES = [("interval_start", "date"), ("interval_end", "date")]


@dataclass(frozen=True)
class Query:
    """The measures of one query, and the plan of what it needs before its batches."""

    plan: PhysicalPlan
    together: Together
    emitter: Emitter
    base: Base
    intervals: Intervals


class MeasurePlanner:
    """Turns measures into physical plans; `done` is how many steps of the job come before."""

    def __init__(self, planner: Planner) -> None:
        self._planner, self._dialect = planner, planner.dialect

    def explained(self, root: Measures) -> PhysicalPlan:
        """Return one plan of everything, with one batch for each query."""
        prepared = self.prepared(root)
        steps, tables = [*prepared.plan.steps], list[str]()
        for measures in self.queries(root):
            query = self.query(measures, prepared, len(steps))
            steps += query.plan.steps
            batch = self.batch(query, 1, len(measures.intervals), len(steps))
            steps += batch.steps
            tables += batch.results
        return self._planner.finished(PhysicalPlan(tuple(steps), tuple(tables)))

    def prepared(self, root: Measures) -> Prepared:
        """Return what all measures need."""
        return self._planner.prepare(root, self._planner.stage())

    def queries(self, root: Measures) -> list[Together]:
        """Return the measures of each query."""
        return [query for found in together(root) for query in self._fitting(found)]

    def _fitting(self, found: Together) -> list[Together]:
        """Divide measures among queries until the joins of each are below the limit (PLN-09)."""
        options = self._planner.options
        # The intervals are joined as well.
        few = len(self._needs(found).relations) < options.max_joins
        if few or len(found.measures) == 1 or not options.on("split"):
            return [found]
        return [query for half in found.halves() for query in self._fitting(half)]

    def _needs(self, found: Together) -> Needs:
        options = self._planner.options
        if not found.brief:
            options = options.without("calendar")
        return needs(found.roots, found.steady(), options, self._dialect.fused_picks)

    def query(self, found: Together, prepared: Prepared, done: int) -> Query:
        """Return a query, with the plan of what comes before its batches."""
        needed, calendar = self._needs(found), found.calendar()
        emitter, stage = prepared.emitter(needed), self._planner.stage(done)
        for relation in needed.relations:
            if relation.early:
                emitter = self._planner.store(relation, emitter, stage)
        base = self._base(found, emitter, stage)
        for relation in needed.relations:
            if not relation.early and not relation.dynamic:
                emitter = self._planner.store(relation, emitter, stage, base.table)
        spans = any(relation.span is not None for relation in needed.relations)
        intervals = _intervals(found, calendar if spans else [], stage)
        return Query(stage.plan(), found, emitter, base, intervals)

    def _base(self, found: Together, emitter: Emitter, stage: Stage) -> Base:
        """Store everybody who may be in an interval, with what no interval changes (MSR-02)."""
        planner = self._planner
        scope, frame = planner.everybody(found.denominator, emitter)
        carried: list[Series] = []
        if planner.options.on("static-columns"):
            carried = movable(found.roots, lambda leaf: _is_ready(leaf, emitter))
        names: dict[Node, str] = {node: f"c{n}" for n, node in enumerate(carried, start=1)}
        select = planner.chosen(emitter, stage, scope, found.steady(), names)
        counted = planner.counted(frame, emitter)
        table = stage.store("patients", select, ["PLN-01", "MSR-02"], everybody=counted)
        return Base(table, names)

    def batch(self, query: Query, first: int, last: int, done: int) -> PhysicalPlan:
        """Return the plan of some intervals; its result is the table with their sums."""
        intervals, emitter, stage = (
            _part(query, first, last),
            query.emitter,
            self._planner.stage(done),
        )
        for relation in emitter.needs.relations:
            if relation.dynamic:
                emitter = self._planner.store(relation, emitter, stage, query.base.table, intervals)
        rules = ["MSR-01"] if len(query.together.measures) > 1 else []
        rules += ["PLN-09"] if query.together.part else []
        grid = self._grid(query, intervals, emitter, stage)
        if self._dialect.stores_grid:
            rows: sa.FromClause = stage.store("population of each interval", grid)
        else:
            rows = grid.subquery("grid")
        return stage.plan(stage.store("sums", self._sums(query, rows), rules))

    def _sums(self, query: Query, rows: sa.FromClause) -> sa.Select[Any]:
        found, types = query.together, self._dialect.types
        everyone = sa.cast(sa.func.count(), types["int"]).label("denominator")
        counted = found.denominator.type == "bool"
        outputs = [
            everyone if counted else self._total(rows.c.d, found.denominator, "denominator"),
            *(
                self._total(rows.c[f"m{n}"], series, f"m{n}")
                for n, series in enumerate(found.numerators)
            ),
        ]
        names = {series: f"g{n}" for n, series in enumerate(found.groups)}
        sets = [["n", *(names[series] for series in group)] for group in found.sets]
        return self._dialect.grouping(rows, sets, outputs)

    def _total(self, value: Element, series: Series, name: str) -> sa.Label[Any]:
        """Sum ints, and count what is true: an int from end to end (MSR-05)."""
        if series.type == "bool":
            total: Element = sa.func.count(sa.case((value, sa.literal_column("1"))))
        else:
            total = sa.func.coalesce(sa.func.sum(value), sa.literal_column("0"))
        return sa.cast(total, self._dialect.types["int"]).label(name)

    def _grid(
        self, query: Query, intervals: Intervals, emitter: Emitter, stage: Stage
    ) -> sa.Select[Any]:
        """Return a row for each patient in the population of an interval."""
        found = query.together
        base, each = query.base.table.alias("p"), intervals.table.alias("i")
        made = {node: base.c[name] for node, name in query.base.carried.items()}
        scope = Scope(base, made, each, base.join(each, sa.true()))
        named = {f"m{n}": series for n, series in enumerate(found.numerators)}
        named |= {f"g{n}": series for n, series in enumerate(found.groups)}
        conditions = found.changing()
        if found.denominator.type != "bool":
            named["d"] = found.denominator
        roots = list(dict.fromkeys(named.values()))
        inner, where = members(emitter, scope, conditions, roots, self._planner.sharing(stage))
        columns = [emitter.expression(series, inner).label(name) for name, series in named.items()]
        if found.denominator.type != "bool":
            number = emitter.expression(found.denominator, inner)
            where.append(number > self._dialect.literal(0, "int"))
        n = cast(sa.FromClause, inner.interval).c[INTERVAL[0]]
        select = sa.select(n.label("n"), *columns).select_from(inner.from_clause())
        return select.where(*where)

    def columns(self, query: Query) -> dict[str, Any]:
        """Return the columns of a batch's sums, with their types."""
        types, found = self._dialect.types, query.together
        groups = {
            f"g{n}": types[series.type]
            for n, series in enumerate(found.groups)
            if any(series in group for group in found.sets)
        }
        sums = {f"m{n}": types["int"] for n, _series in enumerate(found.numerators)}
        head = {"grouping_set": types["int"], "n": types["int"]}
        return {**head, **groups, "denominator": types["int"], **sums}


def _intervals(found: Together, calendar: Sequence[tuple[Any, ...]], stage: Stage) -> Intervals:
    rows = [(n, *interval) for n, interval in enumerate(found.intervals, start=1)]
    table = stage.write_out("intervals", [("n", "int"), *DATES], rows, ["MSR-03"])
    days = None
    if calendar:
        columns = [("day", "date"), ("n", "int"), *DATES]
        days = stage.write_out("calendar", columns, calendar, ["MSR-04"])
    first = min(start for start, _end in found.intervals)
    return Intervals(table, days, first, max(end for _start, end in found.intervals))


def _is_ready(leaf: Series, emitter: Emitter) -> bool:
    """Return whether a value can be read when the patients are stored."""
    return not depends(leaf) and emitter.is_ready(emitter.source(leaf))


def _part(query: Query, first: int, last: int) -> Intervals:
    """Return the intervals of a batch."""
    whole, bounds = query.intervals, query.together.intervals[first - 1 : last]
    if len(bounds) == len(query.together.intervals):
        return whole
    table = sa.select(whole.table).where(whole.table.c.n.between(first, last)).subquery("i")
    days = whole.calendar
    if days is not None:
        days = sa.select(days).where(days.c.n.between(first, last)).subquery("d")
    return Intervals(table, days, bounds[0][0], max(end for _start, end in bounds))


def results(query: Query, rows: Sequence[Mapping[str, Any]]) -> Iterator[Result]:
    """Give the rows of each measure of a query, by interval and groups."""
    found = query.together
    names = {series: f"g{n}" for n, series in enumerate(found.groups)}
    for measure in found.measures:
        group = tuple(series for _name, series in measure.groups)
        place = found.sets.index(group)
        numerator = f"m{found.numerators.index(measure.numerator)}"
        own = [row for row in rows if row["grouping_set"] == place]
        keys = [names[series] for series in group]
        for row in sorted(own, key=partial(_order, keys=keys)):
            values = {name: row[names[series]] for name, series in measure.groups}
            start, end = found.intervals[row["n"] - 1]
            yield Result(measure.name, start, end, row[numerator], row["denominator"], values)


def _order(row: Mapping[str, Any], keys: Sequence[str]) -> tuple[Any, ...]:
    """Sort by interval, then by groups with NULL first."""
    return (row["n"], *(sort_key(row[key]) for key in keys))
