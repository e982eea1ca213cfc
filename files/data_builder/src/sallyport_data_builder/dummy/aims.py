"""From a condition to what makes it true, or false: goals for one patient.

What cannot be followed backwards, such as a product of two columns, is left open: patients are
tried by the real query, and those that fail it are made anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatchmethod
from typing import cast

from sallyport_data_builder import schemas
from sallyport_data_builder.dummy import inverse
from sallyport_data_builder.dummy.constants import Constants
from sallyport_data_builder.dummy.goals import (
    FREE,
    NEVER,
    UNKNOWN,
    Bound,
    Goal,
    Present,
    RowsOf,
    every,
    some,
)
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
    Where,
    base_table,
    chain,
)
from sallyport_data_builder.schemas import ColumnSpec

OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
MIRROR = {"eq": "eq", "ne": "ne", "lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}
# A category is a set of codes; that it is in no earlier set is nearly always so.
EARLIER = 12


def file_of(table: Table) -> str:
    """Return the name that the rows of a table go by: two schemas may share them."""
    return (
        schemas.load(table.schema).tables[table.name].physical_name if table.schema else table.name
    )


def spec_of(table: Table, column: str) -> ColumnSpec:
    """Return the constraints of a column."""
    known = schemas.load(table.schema).tables[table.name].columns if table.schema else {}
    return known.get(column, ColumnSpec(table.columns[column]))


class Aims:
    """Makes goals of conditions, each once."""

    def __init__(self) -> None:
        self.constants = Constants()
        self._truths: dict[tuple[Node, bool], Goal] = {}
        self._rows: dict[Frame, Goal] = {}

    def file(self, table: Table) -> str:
        """Return the name that the rows of a table go by."""
        return file_of(table)

    def truth(self, node: Series, wanted: bool) -> Goal:
        """Return what makes a condition true, or false: not NULL."""
        if (node, wanted) not in self._truths:
            self._truths[node, wanted] = self._truth(node, wanted)
        return self._truths[node, wanted]

    @singledispatchmethod
    def _truth(self, node: Series, wanted: bool) -> Goal:
        return inverse.want(self, node, "eq", op.Literal("bool", wanted))

    @_truth.register
    def _literal(self, node: op.Literal, wanted: bool) -> Goal:
        return FREE if node.value is wanted else NEVER

    @_truth.register
    def _logic(self, node: op.Logic, wanted: bool) -> Goal:
        if node.op == "not":
            return self.truth(node.parts[0], not wanted)
        parts = [self.truth(part, wanted) for part in node.parts]
        return every(parts) if (node.op == "and") is wanted else some(parts)

    @_truth.register
    def _compare(self, node: op.Compare, wanted: bool) -> Goal:
        operation = node.op if wanted else OPPOSITE[node.op]
        if node.left.type == "bool":
            same = operation == "eq"
            return some(
                every([self.truth(node.left, left), self.truth(node.right, left is same)])
                for left in (True, False)
            )
        return self.related(node.left, operation, node.right)

    @_truth.register
    def _is_null(self, node: op.IsNull, wanted: bool) -> Goal:
        return self.missing(node.source) if wanted else self.there(node.source)

    @_truth.register
    def _member(self, node: op.Member, wanted: bool) -> Goal:
        if self.constants.value(node.among) == ():
            return NEVER if wanted else FREE
        return inverse.want(self, node.source, "in" if wanted else "out", node.among)

    @_truth.register
    def _contains(self, node: op.Contains, wanted: bool) -> Goal:
        return inverse.want(self, node.text, "contains" if wanted else "lacks", node.needle)

    @_truth.register
    def _aggregate(self, node: op.Aggregate, wanted: bool) -> Goal:
        frame = cast(Frame, node.source)
        return self.rows(frame, 1) if wanted else self.rows(frame, 0, closed=True)

    @_truth.register
    def _cases(self, node: op.Cases, wanted: bool) -> Goal:
        return some(every([self.truth(v, wanted), g]) for v, g in self.branches(node) if v)

    def branches(self, node: op.Cases) -> Iterator[tuple[Series | None, Goal]]:
        """Yield each value of a case, None for NULL, with what leads to it."""
        failed: list[Goal] = []
        for predicate, value in node.pairs:
            yield value, every([*failed, self.truth(predicate, True)])
            if len(failed) < EARLIER:
                failed.append(self._fails(predicate))
        yield node.default, every(failed)

    def _fails(self, predicate: Series) -> Goal:
        """Return what makes a predicate not true: a missing value does as well."""
        return some([self.truth(predicate, False), self.missing(predicate)])

    def related(self, left: Series, operation: str, right: Series) -> Goal:
        """Return what makes a comparison of two values true."""
        if self.constants.value(left) is not UNKNOWN:
            return inverse.want(self, right, MIRROR[operation], left)
        if self.constants.value(right) is not UNKNOWN:
            return inverse.want(self, left, operation, right)
        ways = []
        if left.domain is not None or right.domain is None:
            ways.append(inverse.want(self, left, operation, right))
        if left.domain is None or right.domain is not None:
            ways.append(inverse.want(self, right, MIRROR[operation], left))
        if any(isinstance(way, RowsOf) for way in ways):
            return some(ways)
        return every(ways)

    @singledispatchmethod
    def missing(self, node: Series) -> Goal:
        """Return what makes a value NULL."""
        parts = [child for child in node.children if isinstance(child, Series)]
        return some(self.missing(part) for part in parts)

    @missing.register(op.Literal)
    @missing.register(op.IsNull)
    @missing.register(Parameter)
    def _never(self, node: Series) -> Goal:
        del node
        return NEVER

    @missing.register
    def _column_missing(self, node: Column) -> Goal:
        if isinstance(node.frame, Inline):
            return FREE
        table = base_table(node.frame)
        bound = Bound(file_of(table), node.name, node.frame is not table, "null")
        nullable = not spec_of(table, node.name).not_null
        if node.domain is not None:
            own = Bound(bound.table, node.name, True, "null")
            return own if nullable else NEVER
        if isinstance(node.frame, Pick):
            none = self.rows(node.frame, 0, closed=True)
            return some([none, self.rows(node.frame, 1, goal=bound)] if nullable else [none])
        return bound if nullable else Present(bound.table, False)

    @missing.register
    def _cases_missing(self, node: op.Cases) -> Goal:
        return some(
            goal if value is None else every([goal, self.missing(value)])
            for value, goal in self.branches(node)
        )

    @missing.register
    def _extreme_missing(self, node: op.Extreme) -> Goal:
        return every(self.missing(part) for part in node.parts)

    @missing.register
    def _aggregate_missing(self, node: op.Aggregate) -> Goal:
        if node.op in ("min", "max", "sum", "mean"):
            return self.rows(cast(Frame, node.rows), 0, closed=True)
        return NEVER

    @singledispatchmethod
    def there(self, node: Series) -> Goal:
        """Return what makes a value not NULL."""
        return every(self.there(child) for child in node.children if isinstance(child, Series))

    @there.register(op.Literal)
    @there.register(op.IsNull)
    @there.register(Parameter)
    def _always(self, node: Series) -> Goal:
        del node
        return FREE

    @there.register
    def _column_there(self, node: Column) -> Goal:
        return inverse.want(self, node, "some", None)

    @there.register
    def _cases_there(self, node: op.Cases) -> Goal:
        return some(every([g, self.there(value)]) for value, g in self.branches(node) if value)

    @there.register
    def _extreme_there(self, node: op.Extreme) -> Goal:
        return some(self.there(part) for part in node.parts)

    @there.register
    def _aggregate_there(self, node: op.Aggregate) -> Goal:
        if node.op in ("min", "max", "sum", "mean", "collect"):
            source = cast(Series, node.source)
            return self.rows(cast(Frame, node.rows), 1, goal=self.there(source))
        return FREE

    def rows(
        self,
        frame: Frame,
        least: int,
        *,
        closed: bool = False,
        goal: Goal = FREE,
        key: object = None,
    ) -> Goal:
        """Return that a frame has rows: so many, and no others if it is closed."""
        if isinstance(frame, Inline) or goal is NEVER:
            return FREE if isinstance(frame, Inline) else NEVER
        table = base_table(frame)
        if frame is table and table.rows == "one":
            return Present(file_of(table), least > 0)
        if isinstance(frame, Pick):
            key, frame = frame.op, frame.frame
        domain = cast(Frame, frame.domain)
        if least and self.row(domain) is NEVER:
            return NEVER
        return RowsOf(file_of(table), domain, (domain, key), least, closed, goal)

    def row(self, domain: Frame) -> Goal:
        """Return what a row needs to be in a filtered table."""
        if domain not in self._rows:
            predicates = [part.predicate for part in chain(domain) if isinstance(part, Where)]
            self._rows[domain] = every(self.truth(each, True) for each in predicates)
        return self._rows[domain]
