"""Turns series into SQL expressions; the rules are those of the reference engine."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import singledispatchmethod
from typing import cast

import sqlalchemy as sa
from sqlalchemy.sql.elements import BooleanClauseList, Grouping

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    Column,
    Frame,
    Inline,
    Node,
    Parameter,
    Pick,
    Series,
    Table,
)
from sallyport_data_builder.plan.branches import Both, Either, Formula
from sallyport_data_builder.plan.relations import Needs, Relation
from sallyport_data_builder.sql import arithmetic
from sallyport_data_builder.sql.dialect import Dialect, Element
from sallyport_data_builder.sql.implied import tests
from sallyport_data_builder.sql.scope import Scope
from sallyport_data_builder.sql.standard import Standard

# Databases read a AND b AND c as a tree, a level deeper for each part; SQLite takes 1,000 levels.
SIDE_BY_SIDE = 100
EMPTY = {"exists": False, "count": 0, "count_distinct": 0, "count_episodes": 0}


def _joined(word: str, parts: Sequence[Element]) -> Element:
    """Join conditions by `and` or `or`: many of them in groups, so that the tree stays flat."""
    join, same = {"and": (sa.and_, operator.and_), "or": (sa.or_, operator.or_)}[word]
    flat: list[Element] = []
    for part in parts:
        within = isinstance(part, BooleanClauseList) and part.operator is same
        flat += part.clauses if within else [part]
    while len(flat) > SIDE_BY_SIDE:
        groups = (flat[n : n + SIDE_BY_SIDE] for n in range(0, len(flat), SIDE_BY_SIDE))
        # without a type of its own, a group would become part of the next one again
        flat = [Grouping(sa.type_coerce(join(*group), sa.Boolean())) for group in groups]
    return join(*flat)


Stored = Relation | Inline | op.Constants


@dataclass(frozen=True, eq=False)
class Emitter:
    """Knows where each relation is stored, and renders expressions for one statement's scope.

    `held` are values in an intermediate table, which has one row per patient (PLN-09).
    """

    standard: Standard
    needs: Needs
    stored: Mapping[Stored, sa.FromClause] = field(default_factory=dict)
    held: Mapping[Node, tuple[sa.FromClause, str]] = field(default_factory=dict)

    @property
    def dialect(self) -> Dialect:
        """The database that statements are for."""
        return self.standard.dialect

    def storing(self, relation: Stored, table: sa.FromClause) -> Emitter:
        """Return an emitter that reads a relation from a table."""
        return replace(self, stored={**self.stored, relation: table})

    def holding(self, values: Mapping[Node, tuple[sa.FromClause, str]]) -> Emitter:
        """Return an emitter that reads values from columns of intermediate tables."""
        return replace(self, held={**self.held, **values})

    def standard_rows(self, table: Table, branches: Sequence[Sequence[Series]] = ()) -> sa.Subquery:
        """Return the standard rows of a table, with the columns that the plan uses.

        Each branch is the predicates of rows that are wanted; what they say about physical
        columns is added (BK-06).
        """
        place = (table.schema, table.name)
        implied = [self.standard.implied(*place, tests(branch, table)) for branch in branches]
        known = [item for item in implied if item is not None]
        where = _joined("or", known) if known and len(known) == len(implied) else None
        return self.standard.table(*place, self.needs.columns[table], where).subquery("t")

    def expression(self, node: Series, scope: Scope) -> Element:
        """Return the expression of a series; what it needs is joined to the scope."""
        if node not in scope.made:
            scope.made[node] = self._make(node, scope)
        return scope.made[node]

    def condition(self, formula: Formula, scope: Scope) -> Element:
        """Return the condition that a formula of predicates stands for."""
        if isinstance(formula, Both):
            rest = self.condition(formula.rest, scope)
            return sa.and_(self.expression(formula.predicate, scope), rest)
        if isinstance(formula, Either):
            return _joined("or", [self.condition(part, scope) for part in formula.parts])
        return self.expression(formula, scope)

    def is_ready(self, source: object) -> bool:
        """Return whether what is joined can be read: a relation has to be stored first."""
        return not isinstance(source, Relation) or source in self.stored

    def source(self, node: Node) -> object | None:
        """Return what must be joined to read a value, None if nothing has to be."""
        if node in self.held:
            return self.held[node][0]
        if node in self.needs.places:
            return self.needs.places[node][0]
        if isinstance(node, op.Aggregate):
            frame = node.source
            return self.needs.places[frame][0] if isinstance(frame, Pick) else frame
        return node.frame if isinstance(node, Column) else None

    def _all(self, nodes: Sequence[Series], scope: Scope) -> list[Element]:
        return [self.expression(node, scope) for node in nodes]

    def _join(self, relation: Relation, scope: Scope) -> sa.FromClause:
        return scope.join(relation, lambda: self.stored[relation], relation.dynamic)

    def one_row(self, frame: Frame, scope: Scope) -> sa.FromClause:
        """Join a table with one row per patient."""
        if isinstance(frame, Inline):
            return scope.join(frame, lambda: self.stored[frame])
        return scope.join(frame, lambda: self.standard_rows(cast(Table, frame)))

    def _place(self, node: Node, scope: Scope) -> Element:
        relation, name = self.needs.places[node]
        return self._join(relation, scope).c[name]

    @singledispatchmethod
    def _make(self, node: Node, scope: Scope) -> Element:
        raise NotImplementedError(type(node).__name__)

    @_make.register
    def _column(self, node: Column, scope: Scope) -> Element:
        if node in self.held:
            return self._held(node, scope)
        if node.domain is not None:
            return scope.base.c[node.name]
        if isinstance(node.frame, Table | Inline):
            return self.one_row(node.frame, scope).c[node.name]
        return self._place(node, scope)

    def _held(self, node: Node, scope: Scope) -> Element:
        table, name = self.held[node]
        return scope.join(table, lambda: table).c[name]

    @_make.register
    def _aggregate(self, node: op.Aggregate, scope: Scope) -> Element:
        if node in self.held:
            return self._held(node, scope)
        if node.rows is None:
            return self._of_one_row(node, scope)
        found = self._place(node, scope)
        return found if node.op not in EMPTY else self._or_empty(found, node)

    def _or_empty(self, found: Element, node: op.Aggregate) -> Element:
        """Patients without rows are in no relation, but have a count."""
        empty = self.dialect.literal(EMPTY[node.op], node.type)
        return sa.func.coalesce(found, empty, type_=self.dialect.types[node.type])

    def _of_one_row(self, node: op.Aggregate, scope: Scope) -> Element:
        if isinstance(node.source, Pick):
            present: Element = sa.func.coalesce(
                self._place(node.source, scope),
                self.dialect.literal(False, "bool"),
                type_=self.dialect.types["bool"],
            )
        else:
            present = self.one_row(cast(Frame, node.source), scope).c.patient_id.is_not(None)
        if node.op == "exists":
            return present
        one, zero = (self.dialect.literal(value, "int") for value in (1, 0))
        return sa.case((present, one), else_=zero)

    @_make.register
    def _parameter(self, node: Parameter, scope: Scope) -> Element:
        return cast(sa.FromClause, scope.interval).c[node.name]

    @_make.register
    def _literal(self, node: op.Literal, scope: Scope) -> Element:
        del scope
        return self.dialect.literal(node.value, node.kind)

    @_make.register
    def _cases(self, node: op.Cases, scope: Scope) -> Element:
        pairs = [
            (self.expression(when, scope), self.expression(then, scope))
            for when, then in node.pairs
        ]
        otherwise = None if node.default is None else self.expression(node.default, scope)
        return sa.case(*pairs, else_=otherwise)

    @_make.register
    def _compare(self, node: op.Compare, scope: Scope) -> Element:
        left, right = self._all((node.left, node.right), scope)
        if node.left.type == "str" and node.op not in ("eq", "ne"):
            left, right = self.dialect.text_key(left), self.dialect.text_key(right)
        return cast(Element, arithmetic.COMPARE[node.op](left, right))

    @_make.register
    def _logic(self, node: op.Logic, scope: Scope) -> Element:
        parts = self._all(self._side_by_side(node, scope), scope)
        if node.op == "not":
            # NOT binds less tightly than what may follow it, IS NULL or =.
            # not_ of and_ or or_ has no type of its own, and SQLite then gives 0 and 1
            return Grouping(sa.type_coerce(sa.not_(parts[0]), sa.Boolean()))
        return _joined(node.op, parts)

    def _side_by_side(self, node: op.Logic, scope: Scope) -> list[Series]:
        """Return the parts, with those of parts of the same kind that are not computed yet."""
        found: list[Series] = []
        stack = list(reversed(node.parts))
        while stack:
            part = stack.pop()
            if (
                isinstance(part, op.Logic)
                and part.op == node.op != "not"
                and part not in scope.made
            ):
                stack += reversed(part.parts)
            else:
                found.append(part)
        return found

    @_make.register
    def _is_null(self, node: op.IsNull, scope: Scope) -> Element:
        return self.expression(node.source, scope).is_(None)

    @_make.register
    def _member(self, node: op.Member, scope: Scope) -> Element:
        source = self.expression(node.source, scope)
        if isinstance(node.among, op.Constants):
            return self._listed(node.among, source)
        relation, name = self.needs.places[node.among]
        stored = self.stored[relation].alias()
        own: sa.Select[tuple[int]] = sa.select(sa.literal_column("1")).where(
            scope.matches(stored, relation.dynamic)
        )
        false, null = self.dialect.literal(False, "bool"), sa.null()
        return sa.case(
            (~sa.exists(own), false),
            (source.is_(None), null),
            else_=sa.exists(own.where(stored.c[name] == source)),
        )

    def _listed(self, among: op.Constants, source: Element) -> Element:
        if not among.values:
            return self.dialect.literal(False, "bool")
        if among in self.stored:
            return source.in_(sa.select(self.stored[among].c.value))
        return self.dialect.among(source, among.values, among.kind)

    @_make.register
    def _contains(self, node: op.Contains, scope: Scope) -> Element:
        return self.dialect.contains(*self._all((node.text, node.needle), scope))

    @_make.register
    def _arithmetic(self, node: op.Arithmetic, scope: Scope) -> Element:
        parts = self._all(node.parts, scope)
        return arithmetic.compute(self.dialect, node.op, node.parts[0].type, parts)

    @_make.register
    def _convert(self, node: op.Convert, scope: Scope) -> Element:
        source = self.expression(node.source, scope)
        if node.source.type == "bool":
            one, zero = (self.dialect.literal(value, "int") for value in (1, 0))
            return sa.case((source, one), (sa.not_(source), zero))
        if node.op == "to_float":
            return sa.cast(source, self.dialect.types["float"])
        return source if node.source.type == "int" else self.dialect.to_int(source)

    @_make.register
    def _date_add(self, node: op.DateAdd, scope: Scope) -> Element:
        date, amount = self._all((node.date, node.amount), scope)
        if node.op == "years":
            return self.dialect.date_add("months", date, amount * self.dialect.literal(12, "int"))
        return self.dialect.date_add(node.op, date, amount)

    @_make.register
    def _date_diff(self, node: op.DateDiff, scope: Scope) -> Element:
        return arithmetic.date_diff(
            self.dialect, node.op, *self._all((node.start, node.end), scope)
        )

    @_make.register
    def _date_part(self, node: op.DatePart, scope: Scope) -> Element:
        return self.dialect.date_part(node.op, self.expression(node.date, scope))

    @_make.register
    def _date_floor(self, node: op.DateFloor, scope: Scope) -> Element:
        return self.dialect.date_floor(node.op, self.expression(node.date, scope))

    @_make.register
    def _extreme(self, node: op.Extreme, scope: Scope) -> Element:
        parts = self._all(node.parts, scope)
        if node.type == "str":
            parts = [self.dialect.text_key(part) for part in parts]
        return self.dialect.extreme(node.op, parts, node.type)
