"""One value of many rows, of all rows of a group or of those that a condition names."""

from __future__ import annotations

from typing import Any, cast

import sqlalchemy as sa

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Series
from sallyport_data_builder.schemas.types import TEXTS
from sallyport_data_builder.sql.dialect import Dialect, Element, Key


def key(dialect: Dialect, value: Element, kind: str, nullable: bool) -> Key:
    """Return a sort key; text goes by code point (SEM-13)."""
    return Key(dialect.text_key(value) if kind in TEXTS else value, nullable)


def _only(dialect: Dialect, aggregate: Any, own: Element | None) -> Element:
    found: Element = aggregate if own is None else dialect.filtered(aggregate, own)
    return found


def _rows(dialect: Dialect, own: Element | None) -> Element:
    return _only(dialect, sa.func.count(sa.literal_column("1")), own)


def exists(dialect: Dialect, own: Element | None) -> Element:
    """Return whether there is a row; without a condition there is, or there would be no group."""
    if own is None:
        return dialect.literal(True, "bool")
    some = dialect.literal(True, "bool"), dialect.literal(False, "bool")
    return sa.case((_rows(dialect, own) > sa.literal_column("0"), some[0]), else_=some[1])


def end(
    dialect: Dialect, value: Element, kind: str, first: bool, nullable: bool, own: Element | None
) -> Element:
    """Return the smallest or largest value with NULL smallest (PLN-04)."""
    ordered = dialect.text_key(value) if kind in TEXTS else value
    function = sa.func.min if first else sa.func.max
    found = _only(dialect, function(ordered, type_=dialect.types[kind]), own)
    if not (first and nullable):
        return found
    known = _only(dialect, sa.func.count(value), own)
    return sa.case((_rows(dialect, own) == known, found))


def of(
    dialect: Dialect, node: op.Aggregate, source: Element | None, own: Element | None
) -> Element:
    """Return an aggregate (SEM-07, SEM-08)."""
    types = dialect.types
    if node.op == "exists":
        return exists(dialect, own)
    if node.op == "count":
        return sa.cast(_rows(dialect, own), types["int"])
    value = cast(Element, source)
    kind = cast(Series, node.source).type
    if kind in TEXTS:
        value = dialect.text_key(value)
    if node.op == "count_distinct":
        return sa.cast(_only(dialect, sa.func.count(sa.distinct(value)), own), types["int"])
    if node.op == "mean":
        mean = sa.func.avg(sa.cast(value, types["float"]), type_=types["float"])
        return sa.cast(_only(dialect, mean, own), types["float"])
    if node.op == "sum":
        total = sa.func.sum(value, type_=types[node.type])
        return sa.cast(_only(dialect, total, own), types[node.type])
    function = sa.func.min if node.op == "min" else sa.func.max
    return _only(dialect, function(value, type_=types[node.type]), own)
