"""Follows a relation from a value back to the columns that the value is made of."""

from __future__ import annotations

import datetime
from functools import singledispatch
from typing import TYPE_CHECKING, Any, cast

from sallyport_data_builder.dummy.constants import number
from sallyport_data_builder.dummy.goals import FREE, NEVER, UNKNOWN, Bound, Goal, every, some
from sallyport_data_builder.memory import values
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    Column,
    Frame,
    Inline,
    Node,
    Pick,
    Series,
    base_table,
)

if TYPE_CHECKING:
    from sallyport_data_builder.dummy.aims import Aims

MIRROR = {"eq": "eq", "ne": "ne", "lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}
COMPARE = tuple(MIRROR)
ROWS_AT_MOST = 6


def want(aims: Aims, series: Series, operation: str, other: Node | None) -> Goal:
    """Return what brings a value into a relation to another one."""
    known = aims.constants.value(series)
    if known is not UNKNOWN and other is not None:
        fixed = aims.constants.value(other)
        return FREE if fixed is UNKNOWN or holds(operation, known, fixed) else NEVER
    return back(series, aims, operation, other)


def holds(operation: str, value: Any, other: Any) -> bool:
    """Tell whether a value stands in a relation to another one."""
    if operation in ("null", "some"):
        return (value is None) is (operation == "null")
    if value is None or other is None:
        return False
    if operation in ("in", "out"):
        return (value in other) is (operation == "in")
    if operation in ("contains", "lacks"):
        return (other in value) is (operation == "contains")
    return bool(values.COMPARE[operation](value, other))


@singledispatch
def back(series: Series, aims: Aims, operation: str, other: Node | None) -> Goal:
    """Return what brings a value into a relation; by default that its parts are there."""
    del operation, other
    return aims.there(series)


@back.register(Column)
def _column(series: Column, aims: Aims, operation: str, other: Node | None) -> Goal:
    of_rows = isinstance(other, Series) and other.domain is not None and series.domain is None
    if isinstance(series.frame, Inline) or of_rows:
        return FREE  # a study's own rows are as they are, and one value follows no row
    table = base_table(series.frame)
    own = series.domain is not None or isinstance(series.frame, Pick)
    fixed = UNKNOWN if other is None else aims.constants.value(other)
    bound = Bound(aims.file(table), series.name, own, operation, other, fixed)
    needs = aims.there(other) if isinstance(other, Series) and fixed is UNKNOWN else FREE
    if not isinstance(series.frame, Pick):
        return every([needs, bound])
    closed = operation not in ("some", "null")
    return every([needs, aims.rows(series.frame, 1, closed=closed, goal=bound)])


@back.register(op.DateAdd)
def _date_add(series: op.DateAdd, aims: Aims, operation: str, other: Node | None) -> Goal:
    if operation not in COMPARE or aims.constants.value(series.amount) is UNKNOWN:
        return aims.there(series)
    back_to = op.DateAdd(series.op, cast(Series, other), op.Arithmetic("neg", (series.amount,)))
    return want(aims, series.date, operation, back_to)


@back.register(op.DateDiff)
def _date_diff(series: op.DateDiff, aims: Aims, operation: str, other: Node | None) -> Goal:
    if operation not in COMPARE:
        return aims.there(series)
    limit = cast(Series, other)
    after = op.Arithmetic("add", (limit, op.Literal("int", 1)))
    if operation in ("gt", "le"):
        return want(aims, series, "ge" if operation == "gt" else "lt", after)
    if operation == "eq":
        return every([want(aims, series, "ge", limit), want(aims, series, "lt", after)])
    if operation == "ne":
        return some([want(aims, series, "ge", after), want(aims, series, "lt", limit)])
    up = operation == "ge"
    if aims.constants.value(series.end) is UNKNOWN:
        moved = op.DateAdd(series.op, series.start, limit)
        return aims.related(series.end, "ge" if up else "lt", moved)
    moved = op.DateAdd(series.op, series.end, op.Arithmetic("neg", (limit,)))
    return aims.related(series.start, "le" if up else "gt", moved)


@back.register(op.DateFloor)
def _date_floor(series: op.DateFloor, aims: Aims, operation: str, other: Node | None) -> Goal:
    if operation not in COMPARE or operation == "ne":
        return aims.there(series)
    limit = cast(Series, other)
    following = op.DateAdd(f"{series.op}s", op.DateFloor(series.op, limit), op.Literal("int", 1))
    if operation == "eq":
        return every(
            [want(aims, series.date, "ge", limit), want(aims, series.date, "lt", following)]
        )
    if operation in ("ge", "lt"):
        return want(aims, series.date, operation, limit)
    return want(aims, series.date, "ge" if operation == "gt" else "lt", following)


@back.register(op.DatePart)
def _date_part(series: op.DatePart, aims: Aims, operation: str, other: Node | None) -> Goal:
    year = UNKNOWN if other is None else aims.constants.value(other)
    usable = series.op == "year" and type(year) is int and 1800 < year < 2200
    if not usable or operation not in COMPARE or operation == "ne":
        return aims.there(series)
    first = op.Literal("date", datetime.date(year, 1, 1))
    following = op.Literal("date", datetime.date(year + 1, 1, 1))
    low = want(aims, series.date, "ge", following if operation == "gt" else first)
    high = want(aims, series.date, "lt", first if operation == "lt" else following)
    return every(
        {"eq": [low, high], "ge": [low], "gt": [low], "lt": [high], "le": [high]}[operation]
    )


@back.register(op.Arithmetic)
def _arithmetic(series: op.Arithmetic, aims: Aims, operation: str, other: Node | None) -> Goal:
    limit = None if other is None else aims.constants.value(other)
    if operation not in COMPARE or limit is UNKNOWN or limit is None:
        return aims.there(series)
    if series.op == "neg":
        return _moved(aims, series.parts[0], MIRROR[operation], -limit)
    if series.op == "abs":
        ways = [_moved(aims, series.parts[0], operation, limit)]
        if operation in ("ge", "gt"):
            ways.append(_moved(aims, series.parts[0], MIRROR[operation], -limit))
        return some(ways)
    left, right = (aims.constants.value(part) for part in series.parts)
    if right not in (UNKNOWN, None):
        return _without_right(aims, series, operation, limit, right)
    if left not in (UNKNOWN, None) and series.op in ("add", "sub"):
        rest = limit - left
        up = series.op == "add"
        turned = operation if up else MIRROR[operation]
        return _moved(aims, series.parts[1], turned, rest if up else -rest)
    return aims.there(series)


def _without_right(
    aims: Aims, series: op.Arithmetic, operation: str, limit: float, right: float
) -> Goal:
    """Solve for the left part, the right one being a constant."""
    if series.op in ("add", "sub"):
        rest = limit - right if series.op == "add" else limit + right
        return _moved(aims, series.parts[0], operation, rest)
    turned = operation if right > 0 else MIRROR[operation]
    if series.op == "mul" and right:
        return _moved(aims, series.parts[0], turned, limit / right)
    if series.op == "div" and right:
        return _moved(aims, series.parts[0], turned, limit * right)
    if series.op == "floordiv" and right > 0 and operation != "ne":
        low = _moved(aims, series.parts[0], "ge", (limit + (operation == "gt")) * right)
        high = _moved(aims, series.parts[0], "lt", (limit + (operation != "lt")) * right)
        return every(
            {"eq": [low, high], "ge": [low], "gt": [low], "lt": [high], "le": [high]}[operation]
        )
    return aims.there(series)


def _moved(aims: Aims, series: Series, operation: str, value: float) -> Goal:
    literal = number(series.type, operation, value)
    return aims.there(series) if literal is None else want(aims, series, operation, literal)


@back.register(op.Convert)
def _convert(series: op.Convert, aims: Aims, operation: str, other: Node | None) -> Goal:
    limit = None if other is None else aims.constants.value(other)
    if limit is UNKNOWN or limit is None or operation not in COMPARE:
        return aims.there(series)
    if series.source.type == "bool":
        fitting = [flag for flag in (True, False) if holds(operation, int(flag), limit)]
        return some(aims.truth(series.source, flag) for flag in fitting)
    if series.op == "to_int" and series.source.type == "float" and operation == "eq":
        low = _moved(aims, series.source, "ge", limit)
        return every([low, _moved(aims, series.source, "lt", limit + 1)])
    return _moved(aims, series.source, operation, limit)


@back.register(op.Cases)
def _cases(series: op.Cases, aims: Aims, operation: str, other: Node | None) -> Goal:
    return some(
        every([goal, want(aims, value, operation, other)])
        for value, goal in aims.branches(series)
        if value is not None
    )


@back.register(op.Extreme)
def _extreme(series: op.Extreme, aims: Aims, operation: str, other: Node | None) -> Goal:
    one_is_enough = "le" if series.op == "least" else "ge"
    strict = "lt" if series.op == "least" else "gt"
    parts = [want(aims, part, operation, other) for part in series.parts]
    if operation in (one_is_enough, strict):
        return some(parts)
    if operation in COMPARE and operation not in ("eq", "ne"):
        each = zip(series.parts, parts, strict=True)
        kept = every(some([part, aims.missing(source)]) for source, part in each)
        return every([aims.there(series), kept])
    beyond = "ge" if series.op == "least" else "le"
    if operation == "eq":
        others = [want(aims, part, beyond, other) for part in series.parts]
        return some(
            every([part, *others[:place], *others[place + 1 :]]) for place, part in enumerate(parts)
        )
    if operation == "ne":
        decides = [want(aims, part, strict, other) for part in series.parts]
        none = [want(aims, part, MIRROR[strict], other) for part in series.parts]
        return some([*decides, every(none)])
    return every(parts)


@back.register(op.Aggregate)
def _aggregate(series: op.Aggregate, aims: Aims, operation: str, other: Node | None) -> Goal:
    limit = UNKNOWN if other is None else aims.constants.value(other)
    if series.op == "exists":
        flags = [flag for flag in (True, False) if holds(operation, flag, limit)]
        return some(aims.truth(series, flag) for flag in flags)
    frame = series.source if isinstance(series.source, Frame) else series.rows
    if series.op.startswith("count"):
        return _count(aims, cast(Frame, frame), operation, limit)
    source = cast(Series, series.source)
    goal = want(aims, source, operation, other)
    enough = {"max": ("ge", "gt"), "min": ("le", "lt")}.get(series.op, ())
    closed = operation not in ("some", *enough)
    return aims.rows(cast(Frame, frame), 1, closed=closed, goal=goal, key=(series.op, source))


def _count(aims: Aims, frame: Frame, operation: str, limit: Any) -> Goal:
    """Return that there are enough rows, and not too many."""
    if type(limit) is not int or operation not in COMPARE:
        return aims.rows(frame, 1) if operation in COMPARE else FREE
    if operation == "ne":
        return some([_count(aims, frame, "gt", limit), _count(aims, frame, "lt", limit)])
    least = {"eq": limit, "ge": limit, "gt": limit + 1}.get(operation, 0)
    most = {"eq": limit, "le": limit, "lt": limit - 1}.get(operation, least + 1)
    if most < 0:
        return NEVER
    if operation in ("ge", "gt"):
        return FREE if least <= 0 else aims.rows(frame, least)
    numbers = range(max(least, 0), min(most, ROWS_AT_MOST) + 1)
    return some(aims.rows(frame, many, closed=True) for many in numbers or [least])
