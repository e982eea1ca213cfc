"""Turns series into SQL expressions; the rules are those of the reference engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatchmethod
from typing import cast

import sqlalchemy as sa

from sallyport_data_builder.backends.implied import tests
from sallyport_data_builder.backends.standard import Standard
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Column, Node, Pick, Series, Table
from sallyport_data_builder.plan.relations import Needs, Relation
from sallyport_data_builder.sql import arithmetic
from sallyport_data_builder.sql.dialect import Dialect, Element
from sallyport_data_builder.sql.scope import Scope

EMPTY = {"exists": False, "count": 0, "count_distinct": 0, "count_episodes": 0}


class Emitter:
    """Knows where each relation is stored, and renders expressions for one statement's scope."""

    def __init__(
        self,
        dialect: Dialect,
        standard: Standard,
        needs: Needs,
        stored: Mapping[Relation, sa.FromClause],
    ) -> None:
        self.dialect, self._standard, self._needs, self._stored = dialect, standard, needs, stored
        self._places = needs.places()
        self._picks = {item.rows: item for item in needs.relations if item.kind == "pick"}

    def standard_rows(self, table: Table, predicates: Sequence[Series] = ()) -> sa.Subquery:
        """Return the standard rows of a table, with the columns that the dataset uses."""
        columns, place = self._needs.columns[table], (table.schema, table.name)
        implied = self._standard.implied(*place, tests(predicates, table)) if predicates else None
        return self._standard.table(*place, columns, implied).subquery("t")

    def expression(self, node: Series, scope: Scope) -> Element:
        """Return the expression of a series; what it needs is joined to the scope."""
        if node not in scope.made:
            scope.made[node] = self._make(node, scope)
        return scope.made[node]

    def _all(self, nodes: Sequence[Series], scope: Scope) -> list[Element]:
        return [self.expression(node, scope) for node in nodes]

    def _join(self, relation: Relation, scope: Scope) -> sa.FromClause:
        return scope.join(relation, lambda: self._stored[relation])

    def _one_row(self, table: Table, scope: Scope) -> sa.FromClause:
        return scope.join(table, lambda: self.standard_rows(table))

    @singledispatchmethod
    def _make(self, node: Node, scope: Scope) -> Element:
        raise NotImplementedError(type(node).__name__)

    @_make.register
    def _column(self, node: Column, scope: Scope) -> Element:
        if node.domain is not None:
            return scope.base.c[node.name]
        if isinstance(node.frame, Table):
            return self._one_row(node.frame, scope).c[node.name]
        relation, name = self._places[node]
        return self._join(relation, scope).c[name]

    @_make.register
    def _aggregate(self, node: op.Aggregate, scope: Scope) -> Element:
        if node.rows is None:
            return self._of_one_row(node, scope)
        relation, name = self._places[node]
        found: Element = self._join(relation, scope).c[name]
        if node.op not in EMPTY:
            return found
        return sa.func.coalesce(
            found,
            self.dialect.literal(EMPTY[node.op], node.type),
            type_=self.dialect.types[node.type],
        )

    def _of_one_row(self, node: op.Aggregate, scope: Scope) -> Element:
        if isinstance(node.source, Pick):
            joined = self._join(self._picks[node.source], scope)
        else:
            joined = self._one_row(cast(Table, node.source), scope)
        present = joined.c.patient_id.is_not(None)
        if node.op == "exists":
            return present
        one, zero = (self.dialect.literal(value, "int") for value in (1, 0))
        return sa.case((present, one), else_=zero)

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
        parts = self._all(node.parts, scope)
        if node.op == "not":
            return sa.not_(parts[0])
        return sa.and_(*parts) if node.op == "and" else sa.or_(*parts)

    @_make.register
    def _is_null(self, node: op.IsNull, scope: Scope) -> Element:
        return self.expression(node.source, scope).is_(None)

    @_make.register
    def _member(self, node: op.Member, scope: Scope) -> Element:
        source = self.expression(node.source, scope)
        if isinstance(node.among, op.Constants):
            if not node.among.values:
                return self.dialect.literal(False, "bool")
            return source.in_(node.among.values)
        relation, name = self._places[node.among]
        stored = self._stored[relation].alias()
        own: sa.Select[tuple[int]] = sa.select(sa.literal_column("1")).where(
            stored.c.patient_id == scope.base.c.patient_id
        )
        false, null = self.dialect.literal(False, "bool"), sa.null()
        return sa.case(
            (~sa.exists(own), false),
            (source.is_(None), null),
            else_=sa.exists(own.where(stored.c[name] == source)),
        )

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
        return self.dialect.extreme(node.op, parts)
