"""The ordered statements of a dataset: population, relations, result."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import sqlalchemy as sa

from sallyport_data_builder.backends.mapping import BackendMapping, Exclusion
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
from sallyport_data_builder.plan.branches import any_of
from sallyport_data_builder.plan.codelists import in_tables
from sallyport_data_builder.plan.fusion import needs
from sallyport_data_builder.plan.options import Options, from_environment
from sallyport_data_builder.plan.presence import starting_point
from sallyport_data_builder.plan.relations import Needs, Relation, population_tables, table_columns
from sallyport_data_builder.plan.shared import is_leaf, leaves, movable
from sallyport_data_builder.plan.spans import conjuncts
from sallyport_data_builder.sql.dialect import Dialect, Element
from sallyport_data_builder.sql.emitter import Emitter
from sallyport_data_builder.sql.inline import rows_of
from sallyport_data_builder.sql.layers import computed, members
from sallyport_data_builder.sql.scans import Intervals, Scans
from sallyport_data_builder.sql.scope import Scope
from sallyport_data_builder.sql.stage import AnyStep, Stage
from sallyport_data_builder.sql.stage import Step as Step
from sallyport_data_builder.sql.standard import Standard


@dataclass(frozen=True)
class Base:
    """The stored population, and which values it carries."""

    table: sa.FromClause
    carried: dict[Node, str]

    def scope(self) -> Scope:
        """Return a scope over it."""
        return Scope(self.table, {node: self.table.c[name] for node, name in self.carried.items()})


class Planner:
    """Makes the steps of one job from a dataset."""

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
        self.dialect, self.mapping = dialect, mapping
        self.standard = Standard(mapping, dialect)
        self.stage = Stage(dialect, mapping, job)
        self.loaded: dict[Inline | op.Constants, sa.FromClause] = {}
        self._permissions = permissions

    def exclusions(self) -> list[Exclusion]:
        """Return the exclusions in force (BK-01)."""
        return self.mapping.in_force(self._permissions)

    def dataset(self, dataset: op.Dataset) -> list[AnyStep]:
        """Return the steps; those of the output are last, the dataset's own at the very end."""
        columns = [series for _name, series in dataset.columns]
        events = [series for _name, rows in dataset.events for _n, series in rows.columns]
        wanted = needs(
            [*columns, *events], [dataset.population], self.options, self.dialect.fused_picks
        )
        self.prepare(dataset)
        emitter = self.emitter(wanted)
        for relation in (item for item in wanted.relations if item.early):
            self.keep(relation, emitter)
        base = self._population(dataset.population, columns, emitter)
        for relation in (item for item in wanted.relations if not item.early):
            self.keep(relation, emitter, base.table)
        kept = [self._events(name, rows, emitter, base) for name, rows in dataset.events]
        kept.append(self._result(dataset, emitter, base))
        return self.stage.finished(self.options.on("early-drop"), kept)

    def prepare(self, root: Node) -> None:
        """Store what has to be there before anything else."""
        for item in self.standard.first(table_columns([root])):
            self.standard.keep(item, self.stage.store(item.label, item.select))
        for node in topological([root]):
            if isinstance(node, Inline):
                self.loaded[node] = self._inline(node)
        for constants in in_tables([root], self.options):
            self.loaded[constants] = self._codelist(constants)

    def emitter(self, wanted: Needs) -> Emitter:
        """Return an emitter that knows what was prepared."""
        emitter = Emitter(self.dialect, self.standard, wanted)
        for node, table in self.loaded.items():
            emitter.stored[node] = table
        return emitter

    def _codelist(self, constants: op.Constants) -> sa.TableClause:
        columns = [("value", constants.kind)]
        return self.stage.load(
            "codelist", columns, lambda: [(value,) for value in constants.values], ["PLN-05"]
        )

    def _inline(self, node: Inline) -> sa.TableClause:
        columns = [("patient_id", "int"), *node.spec]
        return self.stage.load("rows of the study", columns, lambda: rows_of(node))

    def keep(
        self,
        relation: Relation,
        emitter: Emitter,
        among: sa.FromClause | None = None,
        intervals: Intervals | None = None,
    ) -> None:
        """Store a relation; it may be restricted to the population (PLN-02)."""
        scans = Scans(emitter, intervals)
        select, restricted = scans.select(relation), None
        if among is not None and self.options.on("restrict"):
            restricted = scans.select(relation, among)
        label, rules = relation.label, relation.rules
        emitter.stored[relation] = self.stage.store(label, select, rules, restricted)

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
        return self.standard.table(table.schema, table.name, [])

    def excluded(self, select: sa.Select[Any], patient: Element) -> sa.Select[Any]:
        """Leave out whom the backend leaves out (BK-01)."""
        for item in self.exclusions():
            found = self.standard.exclusion(item.sql, patient)
            select = select.where(found if item.only else ~found)
        return select

    def _population(self, population: Series, columns: Sequence[Series], emitter: Emitter) -> Base:
        scope, frame = self.everybody(population, emitter)
        used = {emitter.source(leaf) for leaf in leaves([population])}
        carried: list[Series] = []
        if self.options.on("carry"):
            carried = movable(columns, lambda leaf: emitter.source(leaf) in used)
        names: dict[Node, str] = {node: f"c{n}" for n, node in enumerate(carried, start=1)}
        select = self.chosen(emitter, scope, list(conjuncts(population)), names)
        counted = self.counted(frame, emitter)
        table = self.stage.store("population", select, ["PLN-01"], everybody=counted)
        return Base(table, names)

    def chosen(
        self,
        emitter: Emitter,
        scope: Scope,
        conditions: Sequence[Series],
        carried: Mapping[Node, str],
    ) -> sa.Select[Any]:
        """Select the patients who meet the conditions, with some values, exclusions applied."""
        nodes = [cast(Series, node) for node in carried]
        kept = [node for node in nodes if not is_leaf(node)]
        shared = self.options.on("shared")
        inner, where = members(emitter, scope, conditions, nodes, kept if shared else (), shared)
        made = [emitter.expression(node, inner).label(carried[node]) for node in nodes]
        patient = inner.base.c.patient_id
        select = sa.select(patient, *made).select_from(inner.from_clause()).where(*where)
        return self.excluded(select, patient)

    def counted(self, frame: Frame | None, emitter: Emitter) -> sa.FromClause | None:
        """Return what to count the population against, if that is quick."""
        return None if frame is None else self._ids(frame, emitter).subquery("everybody")

    def layered(
        self, emitter: Emitter, scope: Scope, roots: Sequence[Series], kept: Sequence[Series] = ()
    ) -> Scope:
        """Compute shared parts first, if that rule is on."""
        return computed(emitter, scope, roots, kept) if self.options.on("shared") else scope

    def _result(self, dataset: op.Dataset, emitter: Emitter, base: Base) -> str:
        limit = self.options.max_columns
        if len(dataset.columns) >= limit:
            raise DatabaseFailure(
                f"The dataset has {len(dataset.columns)} columns; the database stores fewer than "
                f"{limit} in a table.",
                ExitCode.TOO_COMPLEX,
            )
        columns = [series for _name, series in dataset.columns]
        rules = ["PLN-09"] if self.split(columns, emitter, base) else []
        scope = self.layered(emitter, base.scope(), columns)
        made = [emitter.expression(series, scope).label(name) for name, series in dataset.columns]
        select = sa.select(scope.base.c.patient_id, *made).select_from(scope.from_clause())
        return str(self.stage.store("result", select, rules).name)

    def split(self, columns: Sequence[Series], emitter: Emitter, base: Base) -> bool:
        """Store values in parts until the joins of the rest are below the limit (PLN-09)."""
        limit, done = max(2, self.options.max_joins), False
        while self.options.on("split"):
            sources: dict[object, list[Series]] = {}
            for leaf in leaves(columns):
                if leaf not in base.carried:
                    sources.setdefault(emitter.source(leaf), []).append(leaf)
            if len(sources) <= limit:
                break
            waiting = iter(sources.values())
            while group := [leaf for found in islice(waiting, limit) for leaf in found]:
                self._part(group, emitter, base)
            done = True
        return done

    def _part(self, group: Sequence[Series], emitter: Emitter, base: Base) -> None:
        scope = base.scope()
        made = [emitter.expression(leaf, scope).label(f"p{n}") for n, leaf in enumerate(group)]
        select = sa.select(scope.base.c.patient_id, *made).select_from(scope.from_clause())
        table = self.stage.store("part of the result", select, ["PLN-09"])
        emitter.held |= {leaf: (table, f"p{n}") for n, leaf in enumerate(group)}

    def _events(self, name: str, rows: op.Rows, emitter: Emitter, base: Base) -> str:
        """Return the name of the table with an event table's rows, of the population alone."""
        series = [item for _name, item in rows.columns]
        frame = cast(Frame, rows.rows)
        filters = tuple(reversed([item for item in chain(frame) if isinstance(item, Where)]))
        table = emitter.standard_rows(base_table(frame), [[w.predicate for w in filters]])
        scope = Scope(table)
        formula = any_of([filters])
        where = [] if formula is None else [emitter.condition(formula, scope)]
        where.append(table.c.patient_id.in_(sa.select(base.table.c.patient_id)))
        made = [
            emitter.expression(item, scope).label(column)
            for (column, _series), item in zip(rows.columns, series, strict=True)
        ]
        select = sa.select(table.c.patient_id, *made).select_from(scope.from_clause()).where(*where)
        return str(self.stage.store(f"events {name}", select).name)
