"""The physical plan of a dataset: population, relations, result.

Data flows one way: series -> `Needs` (plan/fusion) -> `PhysicalPlan` (here, for measures in
`measures`) -> SQL text (the dialect). A `Stage` collects the steps of one plan while it is made;
everything else is a value.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from sallyport_data_builder.backends.parts import BackendMapping, Exclusion
from sallyport_data_builder.errors import DatabaseFailure, ExitCode
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    Frame,
    Inline,
    Node,
    Series,
    Table,
    Where,
    base_table,
    chain,
    topological,
)
from sallyport_data_builder.plan.codelists import in_tables
from sallyport_data_builder.plan.fusion import needs
from sallyport_data_builder.plan.options import Options, from_environment
from sallyport_data_builder.plan.presence import starting_point
from sallyport_data_builder.plan.relations import Needs, Relation, population_tables, table_columns
from sallyport_data_builder.plan.shared import is_leaf, leaves, movable
from sallyport_data_builder.plan.spans import conjuncts
from sallyport_data_builder.sql.dialect import Dialect, Element
from sallyport_data_builder.sql.emitter import Emitter, Stored
from sallyport_data_builder.sql.inline import rows_of
from sallyport_data_builder.sql.layers import Store, computed, members
from sallyport_data_builder.sql.scans import Intervals, Scans, among_rows
from sallyport_data_builder.sql.scope import Scope
from sallyport_data_builder.sql.stage import PhysicalPlan, Stage, early_dropped
from sallyport_data_builder.sql.standard import Standard


@dataclass(frozen=True)
class Base:
    """The stored population, and which values it carries."""

    table: sa.FromClause
    carried: dict[Node, str]

    def scope(self) -> Scope:
        """Return a scope over it."""
        return Scope(self.table, {node: self.table.c[name] for node, name in self.carried.items()})


@dataclass(frozen=True)
class Prepared:
    """What is stored before anything else: patient keys, tables of a query, rows of the study."""

    plan: PhysicalPlan
    standard: Standard
    loaded: Mapping[Stored, sa.FromClause]

    def emitter(self, needs: Needs) -> Emitter:
        """Return an emitter that reads what is stored."""
        return Emitter(self.standard, needs, self.loaded)


class Planner:
    """Turns the needs of one job into its physical plan; it keeps nothing between calls."""

    def __init__(
        self,
        dialect: Dialect,
        mapping: BackendMapping,
        job: str,
        permissions: Sequence[str] = (),
        options: Options | None = None,
    ) -> None:
        limits = dialect.limits
        self.options = options or from_environment(
            os.environ, limits.joins, limits.columns, limits.literals
        )
        self.dialect, self.mapping, self._job = dialect, mapping, job
        self._permissions = permissions

    def exclusions(self) -> list[Exclusion]:
        """Return the exclusions in force (BK-01)."""
        return self.mapping.in_force(self._permissions)

    def stage(self, done: int = 0) -> Stage:
        """Return a stage for the steps that come after some others."""
        return Stage(self.dialect, self.mapping, self._job, done)

    def dataset(self, dataset: op.Dataset) -> PhysicalPlan:
        """Return the plan of a dataset: its results are the dataset's table, then each event's."""
        columns = [series for _name, series in dataset.columns]
        events = [series for _name, rows in dataset.events for _n, series in rows.columns]
        needed = needs(
            [*columns, *events], [dataset.population], self.options, self.dialect.fused_picks
        )
        stage = self.stage()
        emitter = self.prepare(dataset, stage).emitter(needed)
        for relation in (item for item in needed.relations if item.early):
            emitter = self.store(relation, emitter, stage)
        base = self._population(dataset.population, columns, emitter, stage)
        for relation in (item for item in needed.relations if not item.early):
            emitter = self.store(relation, emitter, stage, base.table)
        tables = [self._events(name, rows, emitter, base, stage) for name, rows in dataset.events]
        result = self._result(dataset, emitter, base, stage)
        return self.finished(stage.plan(result, *tables))

    def finished(self, plan: PhysicalPlan) -> PhysicalPlan:
        """Return a plan that drops tables early, if that rule is on."""
        return early_dropped(plan) if self.options.on("early-drop") else plan

    def prepare(self, root: Node, stage: Stage) -> Prepared:
        """Store what has to be there before anything else."""
        columns = table_columns([root])
        standard = Standard(self.mapping, self.dialect)
        while item := standard.missing(columns):
            standard = standard.storing(item, stage.store(item.label, item.select))
        loaded: dict[Stored, sa.FromClause] = {
            node: _inline(node, stage) for node in topological([root]) if isinstance(node, Inline)
        }
        for constants in in_tables([root], self.options):
            loaded[constants] = _codelist(constants, stage)
        return Prepared(stage.plan(), standard, loaded)

    def store(
        self,
        relation: Relation,
        emitter: Emitter,
        stage: Stage,
        among: sa.FromClause | None = None,
        intervals: Intervals | None = None,
    ) -> Emitter:
        """Store a relation, and return an emitter that reads it.

        It may be restricted to the population (PLN-02), unless parts of it are stored before.
        """
        scans, before = Scans(emitter, stage.part, intervals), stage.plan()
        select, restricted = scans.select(relation), None
        if among is not None and self.options.on("restrict") and stage.plan() == before:
            restricted = scans.select(relation, among)
        table = stage.store(relation.label, select, relation.rules, restricted)
        return emitter.storing(relation, table)

    def everybody(self, condition: Series, emitter: Emitter) -> tuple[Scope, Frame | None]:
        """Return the patients to look at, and the table that they are if it is one (DOM-06)."""
        tables = starting_point(condition, population_tables(condition))
        if len(tables) == 1 and tables[0].domain is None:
            frame = tables[0]
            rows = (
                emitter.stored[frame].alias("t")
                if isinstance(frame, Inline)
                else emitter.standard_rows(cast(Table, frame))
            )
            scope = Scope(rows)
            scope.joined_as_base(frame)
            return scope, frame
        ids = [self._ids(frame, emitter) for frame in tables]
        if not ids:
            nobody = sa.cast(sa.null(), self.dialect.types["int"]).label("patient_id")
            return Scope(sa.select(nobody).subquery("everybody")), None
        union = sa.union(*ids) if len(ids) > 1 else ids[0].distinct()
        return Scope(union.subquery("everybody")), None

    def _ids(self, frame: Frame, emitter: Emitter) -> sa.Select[Any]:
        if isinstance(frame, Inline):
            return sa.select(emitter.stored[frame].c.patient_id)
        table = cast(Table, frame)
        return emitter.standard.table(table.schema, table.name, [])

    def _excluded(
        self, select: sa.Select[Any], patient: Element, standard: Standard
    ) -> sa.Select[Any]:
        """Leave out whom the backend leaves out (BK-01)."""
        for item in self.exclusions():
            listed = standard.exclusion(item.sql, patient)
            select = select.where(listed if item.only else ~listed)
        return select

    def _population(
        self, population: Series, columns: Sequence[Series], emitter: Emitter, stage: Stage
    ) -> Base:
        scope, frame = self.everybody(population, emitter)
        used = {emitter.source(leaf) for leaf in leaves([population])}
        carried: list[Series] = []
        if self.options.on("carry"):
            carried = movable(columns, lambda leaf: emitter.source(leaf) in used)
        names: dict[Node, str] = {node: f"c{n}" for n, node in enumerate(carried, start=1)}
        select = self.chosen(emitter, stage, scope, list(conjuncts(population)), names)
        counted = self.counted(frame, emitter)
        table = stage.store("population", select, ["PLN-01"], everybody=counted)
        return Base(table, names)

    def chosen(
        self,
        emitter: Emitter,
        stage: Stage,
        scope: Scope,
        conditions: Sequence[Series],
        carried: Mapping[Node, str],
    ) -> sa.Select[Any]:
        """Select the patients who meet the conditions, with some values, exclusions applied."""
        nodes = [cast(Series, node) for node in carried]
        kept = [node for node in nodes if not is_leaf(node)]
        inner, where = members(emitter, scope, conditions, nodes, self.sharing(stage), kept)
        values = [emitter.expression(node, inner).label(carried[node]) for node in nodes]
        patient = inner.base.c.patient_id
        select = sa.select(patient, *values).select_from(inner.from_clause()).where(*where)
        return self._excluded(select, patient, emitter.standard)

    def sharing(self, stage: Stage) -> Store | None:
        """Return where shared parts are stored; None if that rule is off."""
        return stage.part if self.options.on("shared") else None

    def counted(self, frame: Frame | None, emitter: Emitter) -> sa.FromClause | None:
        """Return what to count the population against, if that is quick."""
        return None if frame is None else self._ids(frame, emitter).subquery("everybody")

    def _result(
        self, dataset: op.Dataset, emitter: Emitter, base: Base, stage: Stage
    ) -> sa.TableClause:
        limit = self.options.max_columns
        if len(dataset.columns) >= limit:
            raise DatabaseFailure(
                f"The dataset has {len(dataset.columns)} columns; the database stores fewer than "
                f"{limit} in a table.",
                ExitCode.TOO_COMPLEX,
            )
        columns = [series for _name, series in dataset.columns]
        divided = self._divided(columns, emitter, base, stage)
        rules = [] if divided is emitter else ["PLN-09"]
        scope, store = base.scope(), self.sharing(stage)
        if store:
            scope = computed(divided, scope, columns, store)
        values = [divided.expression(series, scope).label(name) for name, series in dataset.columns]
        select = sa.select(scope.base.c.patient_id, *values).select_from(scope.from_clause())
        return stage.store("result", select, rules)

    def _divided(
        self, columns: Sequence[Series], emitter: Emitter, base: Base, stage: Stage
    ) -> Emitter:
        """Store values in parts until the joins of the rest are below the limit (PLN-09)."""
        limit = max(2, self.options.max_joins)
        while self.options.on("split"):
            sources: dict[object, list[Series]] = {}
            for leaf in leaves(columns):
                if leaf not in base.carried:
                    sources.setdefault(emitter.source(leaf), []).append(leaf)
            if len(sources) <= limit:
                break
            groups = list(sources.values())
            for first in range(0, len(groups), limit):
                part = [leaf for group in groups[first : first + limit] for leaf in group]
                emitter = _part(part, emitter, base, stage)
        return emitter

    def _events(
        self, name: str, rows: op.Rows, emitter: Emitter, base: Base, stage: Stage
    ) -> sa.TableClause:
        """Store an event table's rows, of the population alone."""
        frame = cast(Frame, rows.rows)
        filters = tuple(reversed([item for item in chain(frame) if isinstance(item, Where)]))
        table = emitter.standard_rows(base_table(frame), [[w.predicate for w in filters]])
        known = table.c.patient_id.in_(sa.select(base.table.c.patient_id))
        values = [item for _column, item in rows.columns]
        inner, rest = among_rows(emitter, Scope(table), [filters], values, stage.part, [known])
        columns = [emitter.expression(item, inner).label(column) for column, item in rows.columns]
        select = sa.select(inner.base.c.patient_id, *columns).select_from(inner.from_clause())
        return stage.store(f"events {name}", select.where(*rest))


def _codelist(constants: op.Constants, stage: Stage) -> sa.TableClause:
    columns = [("value", constants.kind)]
    return stage.load("codelist", columns, lambda: [(v,) for v in constants.values], ["PLN-05"])


def _inline(node: Inline, stage: Stage) -> sa.TableClause:
    columns = [("patient_id", "int"), *node.spec]
    return stage.load("rows of the study", columns, lambda: rows_of(node))


def _part(group: Sequence[Series], emitter: Emitter, base: Base, stage: Stage) -> Emitter:
    scope = base.scope()
    values = [emitter.expression(leaf, scope).label(f"p{n}") for n, leaf in enumerate(group)]
    select = sa.select(scope.base.c.patient_id, *values).select_from(scope.from_clause())
    table = stage.store("part of the result", select, ["PLN-09"])
    return emitter.holding({leaf: (table, f"p{n}") for n, leaf in enumerate(group)})
