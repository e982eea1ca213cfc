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
        return _power(dialect, _as_float(dialect, left), _as_float(dialect, right))
    if kind == "float":
        return dialect.floor(left.op("/", precedence=TIGHT)(_non_zero(dialect, right)))
    return _floor_of_ints(dialect, left, sa.func.nullif(right, dialect.literal(0, "int")))


def _as_float(dialect: Dialect, number: Element) -> Element:
    return sa.cast(number, dialect.types["float"])


def _non_zero(dialect: Dialect, number: Element) -> Element:
    """Return the number, NULL for zero (SEM-14)."""
    return sa.func.nullif(number, dialect.literal(0.0, "float"), type_=dialect.types["float"])


def _floor_of_ints(dialect: Dialect, left: Element, right: Element) -> Element:
    """Integer division cuts towards zero everywhere: one less where the signs differ."""
    zero, one = dialect.literal(0, "int"), dialect.literal(1, "int")
    quotient = dialect.int_quotient(left, right)
    inexact = (left - quotient * right) != zero
    differ = sa.or_(sa.and_(left < zero, right > zero), sa.and_(left > zero, right < zero))
    return sa.case((sa.and_(inexact, differ), quotient - one), else_=quotient)


def _power(dialect: Dialect, left: Element, right: Element) -> Element:
    """NULL where there is no real answer (SEM-15)."""
    zero = dialect.literal(0.0, "float")
    no_answer = sa.or_(
        sa.and_(left == zero, right < zero),
        sa.and_(left < zero, right != sa.func.floor(right)),
    )
    return sa.case((no_answer, sa.null()), else_=dialect.power(left, right))


def date_diff(dialect: Dialect, op: str, start: Element, end: Element) -> Element:
    """Return whole days, months or years (SEM-18)."""
    if op == "days":
        return dialect.date_diff_days(start, end)
    twelve, hundred = dialect.literal(12, "int"), dialect.literal(100, "int")
    part = {
        name: (dialect.date_part(name, start), dialect.date_part(name, end))
        for name in ("year", "month", "day")
    }
    years = part["year"][1] - part["year"][0]
    if op == "months":
        found = years * twelve + part["month"][1] - part["month"][0]
        before = part["day"][1] < part["day"][0]
    else:
        found = years
        places = [
            month * hundred + day for month, day in zip(part["month"], part["day"], strict=True)
        ]
        before = places[1] < places[0]
    one_less = found - dialect.literal(1, "int")
    quick = dialect.whole_years(start, end) if op == "years" else None
    if quick is not None:
        return sa.case((start <= end, quick), (before, one_less), else_=found)
    return sa.case((before, one_less), else_=found)
