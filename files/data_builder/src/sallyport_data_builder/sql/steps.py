"""The ordered statements of a dataset: relations, population, result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from sallyport_data_builder.backends.mapping import BackendMapping, Exclusion
from sallyport_data_builder.backends.python import decorated
from sallyport_data_builder.backends.standard import Standard
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Frame, Pick, Series, Where, base_table, chain
from sallyport_data_builder.plan.relations import Relation, needs, population_tables
from sallyport_data_builder.sql.dialect import Dialect, Element
from sallyport_data_builder.sql.emitter import Emitter
from sallyport_data_builder.sql.scope import Scope


@dataclass(frozen=True)
class Step:
    """A SELECT that is stored under a name."""

    label: str
    name: str
    select: sa.Select[Any]


class Planner:
    """Makes the steps of one job; names are `sp_<job>_<n>` (CON-02)."""

    def __init__(
        self, dialect: Dialect, mapping: BackendMapping, job: str, permissions: Sequence[str] = ()
    ) -> None:
        self._dialect, self._mapping, self._job = dialect, mapping, job
        self._standard = Standard(mapping, dialect)
        self._permissions = permissions
        self._steps: list[Step] = []
        self._stored: dict[Relation, sa.FromClause] = {}

    def exclusions(self) -> list[Exclusion]:
        """Return the exclusions in force (BK-01)."""
        return self._mapping.in_force(self._permissions)

    def dataset(self, dataset: op.Dataset) -> list[Step]:
        """Return the steps; the last one holds the rows of the output."""
        wanted = needs([dataset])
        emitter = Emitter(self._dialect, self._standard, wanted, self._stored)
        for item in self._standard.first(wanted.columns):
            self._standard.keep(item, self._store(item.label, item.select, item.columns))
        for relation in wanted.relations:
            select = self._relation(relation, emitter)
            self._stored[relation] = self._store(relation.label, select, relation.columns())
        population = self._store("population", self._population(dataset.population, emitter), [])
        scope = Scope(population)
        columns = [
            emitter.expression(series, scope).label(name) for name, series in dataset.columns
        ]
        select = sa.select(population.c.patient_id, *columns).select_from(scope.from_clause())
        self._store("result", select, [name for name, _series in dataset.columns])
        return self._steps

    def _store(self, label: str, select: sa.Select[Any], columns: list[str]) -> sa.TableClause:
        name = f"sp_{self._job}_{len(self._steps) + 1}"
        self._steps.append(Step(label, name, decorated(select, self._mapping)))
        types = {item.name: item.type for item in select.selected_columns}
        named = [sa.column(column, types[column]) for column in ("patient_id", *columns)]
        return sa.table(name, *named, schema=self._mapping.scratch_schema or None)

    def _population(self, population: Series, emitter: Emitter) -> sa.Select[Any]:
        tables = population_tables(population)
        if not tables:
            everybody: sa.FromClause = sa.select(
                sa.cast(sa.null(), sa.BigInteger).label("patient_id")
            ).subquery("everybody")
        else:
            ids = [self._standard.table(table.schema, table.name, []) for table in tables]
            everybody = (sa.union(*ids) if len(ids) > 1 else ids[0].distinct()).subquery(
                "everybody"
            )
        scope = Scope(everybody)
        condition = emitter.expression(population, scope)
        select = sa.select(everybody.c.patient_id).select_from(scope.from_clause()).where(condition)
        for item in self.exclusions():
            found = self._standard.exclusion(item.sql, everybody.c.patient_id)
            select = select.where(found if item.only else ~found)
        return select

    def _relation(self, relation: Relation, emitter: Emitter) -> sa.Select[Any]:
        rows = relation.rows
        predicates = [item.predicate for item in chain(rows) if isinstance(item, Where)]
        scope = Scope(emitter.standard_rows(base_table(rows), predicates))
        if isinstance(rows, Pick):
            return self._pick(rows, relation, scope, emitter)
        if relation.kind == "count_episodes":
            return self._episodes(relation, scope, emitter)
        if relation.kind == "collect":
            return self._collected(relation, scope, emitter)
        patient = scope.base.c.patient_id
        outputs = [
            self._aggregate(series, scope, emitter).label(name) for name, series in relation.outputs
        ]
        return self._filtered(sa.select(patient, *outputs), rows, scope, emitter).group_by(patient)

    def _filtered(
        self, select: sa.Select[Any], rows: Frame | None, scope: Scope, emitter: Emitter
    ) -> sa.Select[Any]:
        """Add the conditions of a chain, the oldest first; then the FROM clause is complete."""
        filters = [frame for frame in chain(rows) if isinstance(frame, Where)]
        found = [emitter.expression(frame.predicate, scope) for frame in reversed(filters)]
        return select.select_from(scope.from_clause()).where(*found)

    def _aggregate(self, series: Series, scope: Scope, emitter: Emitter) -> Element:
        node, types = cast(op.Aggregate, series), self._dialect.types
        if node.op == "exists":
            return self._dialect.literal(True, "bool")
        if node.op == "count":
            return sa.cast(sa.func.count(), types["int"])
        source = cast(Series, node.source)
        value = emitter.expression(source, scope)
        if source.type == "str":
            value = self._dialect.text_key(value)
        if node.op == "count_distinct":
            return sa.cast(sa.func.count(sa.distinct(value)), types["int"])
        if node.op == "mean":
            return sa.cast(sa.func.avg(sa.cast(value, types["float"])), types["float"])
        if node.op == "sum":
            return sa.cast(sa.func.sum(value), types[node.type])
        function = sa.func.min if node.op == "min" else sa.func.max
        return function(value, type_=types[node.type])

    def _episodes(self, relation: Relation, scope: Scope, emitter: Emitter) -> sa.Select[Any]:
        name, node = relation.outputs[0]
        source, gap = _source(node)
        date, patient = emitter.expression(source, scope), scope.base.c.patient_id
        previous = sa.func.lag(date, type_=sa.Date()).over(partition_by=patient, order_by=date)
        dated = sa.select(patient, date.label("date"), previous.label("previous"))
        inner = self._filtered(dated, relation.rows, scope, emitter)
        runs = inner.where(date.is_not(None)).subquery("runs")
        apart = self._dialect.date_diff_days(runs.c.previous, runs.c.date)
        starts = sa.or_(runs.c.previous.is_(None), apart > self._dialect.literal(gap, "int"))
        count = sa.cast(sa.func.sum(sa.case((starts, 1), else_=0)), self._dialect.types["int"])
        return sa.select(runs.c.patient_id, count.label(name)).group_by(runs.c.patient_id)

    def _collected(self, relation: Relation, scope: Scope, emitter: Emitter) -> sa.Select[Any]:
        name, node = relation.outputs[0]
        value = emitter.expression(_source(node)[0], scope)
        select = sa.select(scope.base.c.patient_id, value.label(name)).distinct()
        return self._filtered(select, relation.rows, scope, emitter).where(value.is_not(None))

    def _pick(
        self, pick: Pick, relation: Relation, scope: Scope, emitter: Emitter
    ) -> sa.Select[Any]:
        """Number the rows by the keys, then by the columns that are used (SEM-11)."""
        patient = scope.base.c.patient_id
        columns = {name: scope.base.c[name] for name in relation.columns()}
        types = dict(pick.columns)
        keys = [(emitter.expression(key, scope), key.type) for key in pick.keys]
        keys += [(column, types[name]) for name, column in columns.items()]
        descending = pick.op == "last"
        order = [
            self._dialect.null_smallest(
                self._dialect.text_key(key) if kind == "str" else key, descending
            )
            for key, kind in keys
        ]
        place = sa.func.row_number().over(partition_by=patient, order_by=order).label("place")
        numbered = sa.select(patient, *(c.label(n) for n, c in columns.items()), place)
        rows = self._filtered(numbered, pick.frame.domain, scope, emitter).subquery("numbered")
        chosen = [rows.c.patient_id, *(rows.c[name] for name in columns)]
        return sa.select(*chosen).where(rows.c.place == 1)


def _source(series: Series) -> tuple[Series, int]:
    """Return what an aggregate of a series aggregates, and its gap."""
    node = cast(op.Aggregate, series)
    return cast(Series, node.source), node.gap or 0
