"""Expressions that are the same on every database once the dialect supplies the pieces."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.sql.dialect import TIGHT, Dialect, Element

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le,
    "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip
SIMPLE: dict[str, Callable[..., Any]] = {
    "neg": operator.neg, "add": operator.add, "sub": operator.sub, "mul": operator.mul,
}  # fmt: skip


def compute(dialect: Dialect, op: str, kind: str, parts: Sequence[Element]) -> Element:
    """Return arithmetic on ints or floats."""
    if op == "neg" and kind == "int":  # MariaDB makes a decimal of a negated constant
        less: Element = dialect.literal(0, "int") - parts[0]
        return less
    if op in SIMPLE:
        found: Element = SIMPLE[op](*parts)
        return found
    if op == "abs":
        return sa.func.abs(parts[0], type_=dialect.types[kind])
    left, right = parts
    if op == "div":
        return _as_float(dialect, left).op("/", precedence=TIGHT)(
            _non_zero(dialect, _as_float(dialect, right))
        )
    if op == "pow":
        return dialect.power(_as_float(dialect, left), _as_float(dialect, right))
    if kind == "float":
        return dialect.floor(left.op("/", precedence=TIGHT)(_non_zero(dialect, right)))
    return dialect.floor_quotient(left, right)


def _as_float(dialect: Dialect, number: Element) -> Element:
    return sa.cast(number, dialect.types["float"])


def _non_zero(dialect: Dialect, number: Element) -> Element:
    """Return the number, NULL for zero (SEM-14)."""
    return sa.func.nullif(number, dialect.literal(0.0, "float"), type_=dialect.types["float"])


def date_diff(dialect: Dialect, op: str, start: Element, end: Element) -> Element:
    """Return whole days, months or years (SEM-18)."""
    if op == "days":
        return dialect.date_diff_days(start, end)
    return dialect.date_diff(op, start, end)
