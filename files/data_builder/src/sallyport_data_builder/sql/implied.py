"""What a study's filter says about physical columns, so that their indexes are used (BK-06).

The filter itself stays: what is added here only drops rows that it would drop. A plainly mapped
column needs nothing, because databases look through the subquery.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from sallyport_data_builder.backends.parts import MappedColumn
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.comparisons import MIRROR
from sallyport_data_builder.model.nodes import Column, Node, Table, base_table
from sallyport_data_builder.schemas.types import Value
from sallyport_data_builder.sql.arithmetic import COMPARE
from sallyport_data_builder.sql.dialect import Dialect, Element


@dataclass(frozen=True)
class ColumnTest:
    """A column is compared with a constant, or is among some (`in`)."""

    column: str
    op: str
    values: tuple[Value, ...]


def tests(predicates: Iterable[Node], table: Table) -> list[ColumnTest]:
    """Return the tests that rows of a table pass when all predicates are true."""
    found: list[ColumnTest] = []
    for node in predicates:
        if isinstance(node, op.Logic) and node.op == "and":
            found += tests(node.parts, table)
        elif isinstance(node, op.Member) and _of(node.source, table):
            if isinstance(node.among, op.Constants) and node.among.values:
                found.append(ColumnTest(_name(node.source), "in", tuple(node.among.values)))
        elif isinstance(node, op.Compare):
            left, right, word = node.left, node.right, node.op
            if isinstance(left, op.Literal):
                left, right, word = right, left, MIRROR[word]
            if _of(left, table) and isinstance(right, op.Literal) and word != "ne":
                found.append(ColumnTest(_name(left), word, (right.value,)))
    return found


def _of(node: Node, table: Table) -> bool:
    return isinstance(node, Column) and base_table(node.frame) == table and node.domain is not None


def _name(node: Node) -> str:
    return node.name if isinstance(node, Column) else ""


def physical(
    dialect: Dialect, column: MappedColumn, source: sa.FromClause, kind: str, test: ColumnTest
) -> Element | None:
    """Return a test of the physical column that holds wherever the standard one's does."""
    if not column.column or column.plain:
        return None
    own = source.c[column.column]
    among = test.op in ("eq", "in")
    if column.map:
        if not among or column.otherwise in test.values:
            return None
        old = [_quoted(word) for word, new in column.map.items() if new in test.values]
        return own.in_(old) if old else sa.false()
    if column.collation and not among:
        return None  # the order of another collation may be another one
    typed = sa.type_coerce(own, dialect.types[kind])
    if among:
        return typed.in_([dialect.literal(value, kind) for value in test.values])
    found: Element = COMPARE[test.op](typed, dialect.literal(test.values[0], kind))
    return found


def _quoted(word: str) -> Element:
    """Return a word of the mapping without a type, so that an int column takes it too."""
    doubled = word.replace("'", "''")
    return sa.literal_column(f"'{doubled}'")
