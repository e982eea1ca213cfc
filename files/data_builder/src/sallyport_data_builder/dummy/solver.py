"""From a condition to what makes it true, or false: goals for one patient.

What cannot be followed backwards, such as a product of two columns, is left open: patients are
tried by the real query, and those that fail it are generated again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatchmethod
from typing import cast

from sallyport_data_builder.dummy import inverse
from sallyport_data_builder.dummy.constants import Constants
from sallyport_data_builder.dummy.goals import (
    ALWAYS,
    IMPOSSIBLE,
    UNKNOWN,
    Bound,
    Goal,
    Present,
    RowsOf,
    every,
    some,
)
from sallyport_data_builder.dummy.relations import Relation
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    Column,
    Frame,
    Inline,
    Node,
    Parameter,
    Pick,
    Series,
    Where,
    base_table,
    chain,
)
from sallyport_data_builder.model.tables import column_spec, physical_name

# A category is a set of codes; that it is in no earlier set is nearly always so.
EARLIER = 12


class GoalSolver:
    """Makes goals of conditions; each condition is solved once and its goal kept."""

    def __init__(self) -> None:
        self.constants = Constants()
        self._conditions: dict[tuple[Node, bool], Goal] = {}
        self._rows: dict[Frame, Goal] = {}
        self.relations: dict[tuple[Series, Relation, Node | None], Goal] = {}
        self._nulls: dict[Node, Goal] = {}
        self._presents: dict[Node, Goal] = {}

    def condition_goal(self, node: Series, value: bool) -> Goal:
        """Return what makes a condition true, or false: not NULL."""
        if (node, value) not in self._conditions:
            self._conditions[node, value] = self._condition(node, value)
        return self._conditions[node, value]

    @singledispatchmethod
    def _condition(self, node: Series, value: bool) -> Goal:
        return inverse.relation_goal(self, node, Relation.EQ, op.Literal("bool", value))

    @_condition.register
    def _literal(self, node: op.Literal, value: bool) -> Goal:
        return ALWAYS if node.value is value else IMPOSSIBLE

    @_condition.register
    def _logic(self, node: op.Logic, value: bool) -> Goal:
        if node.op == "not":
            return self.condition_goal(node.parts[0], not value)
        parts = [self.condition_goal(part, value) for part in node.parts]
        return every(parts) if (node.op == "and") is value else some(parts)

    @_condition.register
    def _compare(self, node: op.Compare, value: bool) -> Goal:
        relation = Relation(node.op) if value else Relation(node.op).opposite
        if node.left.type == "bool":
            same = relation == Relation.EQ
            return some(
                every(
                    [
                        self.condition_goal(node.left, left),
                        self.condition_goal(node.right, left is same),
                    ]
                )
                for left in (True, False)
            )
        return self.comparison_goal(node.left, relation, node.right)

    @_condition.register
    def _is_null(self, node: op.IsNull, value: bool) -> Goal:
        return self.null_goal(node.source) if value else self.present_goal(node.source)

    @_condition.register
    def _member(self, node: op.Member, value: bool) -> Goal:
        if self.constants.value(node.among) == ():
            return IMPOSSIBLE if value else ALWAYS
        return inverse.relation_goal(
            self, node.source, Relation.IN if value else Relation.NOT_IN, node.among
        )

    @_condition.register
    def _contains(self, node: op.Contains, value: bool) -> Goal:
        return inverse.relation_goal(
            self, node.text, Relation.CONTAINS if value else Relation.LACKS, node.needle
        )

    @_condition.register
    def _aggregate(self, node: op.Aggregate, value: bool) -> Goal:
        frame = cast(Frame, node.source)
        return self.rows_goal(frame, 1) if value else self.rows_goal(frame, 0, closed=True)

    @_condition.register
    def _cases(self, node: op.Cases, value: bool) -> Goal:
        return some(every([self.condition_goal(v, value), g]) for v, g in self.branches(node) if v)

    def branches(self, node: op.Cases) -> Iterator[tuple[Series | None, Goal]]:
        """Yield each value of a case, None for NULL, with what leads to it."""
        failed: list[Goal] = []
        for predicate, value in node.pairs:
            yield value, every([*failed, self.condition_goal(predicate, True)])
            if len(failed) < EARLIER:
                failed.append(self._fails(predicate))
        yield node.default, every(failed)

    def _fails(self, predicate: Series) -> Goal:
        """Return what makes a predicate not true: a missing value does as well."""
        return some([self.condition_goal(predicate, False), self.null_goal(predicate)])

    def comparison_goal(self, left: Series, relation: Relation, right: Series) -> Goal:
        """Return what makes a comparison of two values true."""
        if self.constants.value(left) is not UNKNOWN:
            return inverse.relation_goal(self, right, relation.mirrored, left)
        if self.constants.value(right) is not UNKNOWN:
            return inverse.relation_goal(self, left, relation, right)
        ways = []
        if left.domain is not None or right.domain is None:
            ways.append(inverse.relation_goal(self, left, relation, right))
        if left.domain is None or right.domain is not None:
            ways.append(inverse.relation_goal(self, right, relation.mirrored, left))
        if any(isinstance(way, RowsOf) for way in ways):
            return some(ways)
        return every(ways)

    def null_goal(self, node: Series) -> Goal:
        """Return what makes a value NULL."""
        if node not in self._nulls:
            self._nulls[node] = self._null(node)
        return self._nulls[node]

    @singledispatchmethod
    def _null(self, node: Series) -> Goal:
        parts = [child for child in node.children if isinstance(child, Series)]
        return some(self.null_goal(part) for part in parts)

    @_null.register(op.Literal)
    @_null.register(op.IsNull)
    @_null.register(Parameter)
    def _not_null(self, node: Series) -> Goal:
        del node
        return IMPOSSIBLE

    @_null.register
    def _column_null(self, node: Column) -> Goal:
        if isinstance(node.frame, Inline):
            return ALWAYS
        table = base_table(node.frame)
        bound = Bound(physical_name(table), node.name, node.frame is not table, Relation.NULL)
        nullable = not column_spec(table, node.name).not_null
        if node.domain is not None:
            own = Bound(bound.table, node.name, True, Relation.NULL)
            return own if nullable else IMPOSSIBLE
        if isinstance(node.frame, Pick):
            none = self.rows_goal(node.frame, 0, closed=True)
            return some([none, self.rows_goal(node.frame, 1, goal=bound)] if nullable else [none])
        return bound if nullable else Present(bound.table, False)

    @_null.register
    def _cases_null(self, node: op.Cases) -> Goal:
        return some(
            goal if value is None else every([goal, self.null_goal(value)])
            for value, goal in self.branches(node)
        )

    @_null.register
    def _extreme_null(self, node: op.Extreme) -> Goal:
        return every(self.null_goal(part) for part in node.parts)

    @_null.register
    def _aggregate_null(self, node: op.Aggregate) -> Goal:
        if node.op in ("min", "max", "sum", "mean"):
            return self.rows_goal(cast(Frame, node.rows), 0, closed=True)
        return IMPOSSIBLE

    def present_goal(self, node: Series) -> Goal:
        """Return what makes a value not NULL."""
        if node not in self._presents:
            self._presents[node] = self._present(node)
        return self._presents[node]

    @singledispatchmethod
    def _present(self, node: Series) -> Goal:
        return every(
            self.present_goal(child) for child in node.children if isinstance(child, Series)
        )

    @_present.register(op.Literal)
    @_present.register(op.IsNull)
    @_present.register(Parameter)
    def _constant_present(self, node: Series) -> Goal:
        del node
        return ALWAYS

    @_present.register
    def _column_present(self, node: Column) -> Goal:
        return inverse.relation_goal(self, node, Relation.PRESENT, None)

    @_present.register
    def _cases_present(self, node: op.Cases) -> Goal:
        return some(
            every([g, self.present_goal(value)]) for value, g in self.branches(node) if value
        )

    @_present.register
    def _extreme_present(self, node: op.Extreme) -> Goal:
        return some(self.present_goal(part) for part in node.parts)

    @_present.register
    def _aggregate_present(self, node: op.Aggregate) -> Goal:
        if node.op in ("min", "max", "sum", "mean", "collect"):
            source = cast(Series, node.source)
            return self.rows_goal(cast(Frame, node.rows), 1, goal=self.present_goal(source))
        return ALWAYS

    def rows_goal(
        self,
        frame: Frame,
        least: int,
        *,
        closed: bool = False,
        goal: Goal = ALWAYS,
        key: object = None,
    ) -> Goal:
        """Return that a frame has rows: so many, and no others if it is closed."""
        if isinstance(frame, Inline) or goal is IMPOSSIBLE:
            return ALWAYS if isinstance(frame, Inline) else IMPOSSIBLE
        table = base_table(frame)
        if frame is table and table.rows == "one":
            return Present(physical_name(table), least > 0)
        if isinstance(frame, Pick):
            key, frame = frame.op, frame.frame
        domain = cast(Frame, frame.domain)
        if least and self.row_goal(domain) is IMPOSSIBLE:
            return IMPOSSIBLE
        return RowsOf(physical_name(table), domain, (domain, key), least, closed, goal)

    def row_goal(self, domain: Frame) -> Goal:
        """Return what a row needs to be in a filtered table."""
        if domain not in self._rows:
            predicates = [part.predicate for part in chain(domain) if isinstance(part, Where)]
            self._rows[domain] = every(self.condition_goal(each, True) for each in predicates)
        return self._rows[domain]
