"""Solves a relation backwards: from a computed value to bounds of the columns it is made of."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from functools import singledispatch
from typing import Any, Protocol, cast

from sallyport_data_builder.dummy.constants import Constants, number
from sallyport_data_builder.dummy.goals import ALWAYS, IMPOSSIBLE, UNKNOWN, Bound, Goal, every, some
from sallyport_data_builder.dummy.relations import Relation, needed_ends
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
from sallyport_data_builder.model.tables import physical_name

ROWS_AT_MOST = 6


class Solver(Protocol):
    """What solves the parts of an operation."""

    """Turns conditions into goals; what solves one operation asks it about the parts."""

    constants: Constants
    relations: dict[tuple[Series, Relation, Node | None], Goal]

    def condition_goal(self, node: Series, value: bool) -> Goal:
        """Return what makes a condition true, or false."""

    def comparison_goal(self, left: Series, relation: Relation, right: Series) -> Goal:
        """Return what makes a comparison of two series true."""

    def null_goal(self, node: Series) -> Goal:
        """Return what makes a value NULL."""

    def present_goal(self, node: Series) -> Goal:
        """Return what makes a value not NULL."""

    def rows_goal(
        self,
        frame: Frame,
        least: int,
        *,
        closed: bool = False,
        goal: Goal = ALWAYS,
        key: object = None,
    ) -> Goal:
        """Return what gives a frame so many rows."""

    def branches(self, node: op.Cases) -> Iterator[tuple[Series | None, Goal]]:
        """Yield each value of a case with what leads to it."""


def relation_goal(solver: Solver, series: Series, relation: Relation, other: Node | None) -> Goal:
    """Return what makes a series relate to another one as asked.

    `(patients.date_of_birth + years(65)) <= "2020-01-01"` becomes a bound of the column
    date_of_birth: at most 1955-01-01. Constants on both sides decide at once: ALWAYS or IMPOSSIBLE.
    """
    known = solver.constants.value(series)
    if known is not UNKNOWN and other is not None:
        fixed = solver.constants.value(other)
        return ALWAYS if fixed is UNKNOWN or relation.holds(known, fixed) else IMPOSSIBLE
    key = (series, relation, other)
    if key not in solver.relations:
        solver.relations[key] = solve(series, solver, relation, other)
    return solver.relations[key]


@singledispatch
def solve(series: Series, solver: Solver, relation: Relation, other: Node | None) -> Goal:
    """Return the goal for one kind of operation, whose value is not a constant.

    An operation that cannot be solve backwards, such as the product of two columns, only asks that
    its parts are present: the patients are tried by the real query afterwards.
    """
    del relation, other
    return solver.present_goal(series)


@solve.register(Column)
def _column(series: Column, solver: Solver, relation: Relation, other: Node | None) -> Goal:
    of_rows = isinstance(other, Series) and other.domain is not None and series.domain is None
    if isinstance(series.frame, Inline) or of_rows:
        return ALWAYS  # a study's own rows are as they are, and one value follows no row
    table = base_table(series.frame)
    own = series.domain is not None or isinstance(series.frame, Pick)
    fixed = UNKNOWN if other is None else solver.constants.value(other)
    bound = Bound(physical_name(table), series.name, own, relation, other, fixed)
    needs = solver.present_goal(other) if isinstance(other, Series) and fixed is UNKNOWN else ALWAYS
    if not isinstance(series.frame, Pick):
        return every([needs, bound])
    closed = relation not in (Relation.PRESENT, Relation.NULL)
    return every([needs, solver.rows_goal(series.frame, 1, closed=closed, goal=bound)])


@solve.register(op.DateAdd)
def _date_add(series: op.DateAdd, solver: Solver, relation: Relation, other: Node | None) -> Goal:
    if not relation.is_comparison or solver.constants.value(series.amount) is UNKNOWN:
        return solver.present_goal(series)
    original = op.DateAdd(series.op, cast(Series, other), op.Arithmetic("neg", (series.amount,)))
    return relation_goal(solver, series.date, relation, original)


@solve.register(op.DateDiff)
def _date_diff(series: op.DateDiff, solver: Solver, relation: Relation, other: Node | None) -> Goal:
    if not relation.is_comparison:
        return solver.present_goal(series)
    limit = cast(Series, other)
    after = op.Arithmetic("add", (limit, op.Literal("int", 1)))
    if relation in (Relation.GT, Relation.LE):
        return relation_goal(
            solver, series, Relation.GE if relation == Relation.GT else Relation.LT, after
        )
    if relation == Relation.EQ:
        return every(
            [
                relation_goal(solver, series, Relation.GE, limit),
                relation_goal(solver, series, Relation.LT, after),
            ]
        )
    if relation == Relation.NE:
        return some(
            [
                relation_goal(solver, series, Relation.GE, after),
                relation_goal(solver, series, Relation.LT, limit),
            ]
        )
    up = relation == Relation.GE
    if solver.constants.value(series.end) is UNKNOWN:
        moved = op.DateAdd(series.op, series.start, limit)
        return solver.comparison_goal(series.end, Relation.GE if up else Relation.LT, moved)
    moved = op.DateAdd(series.op, series.end, op.Arithmetic("neg", (limit,)))
    return solver.comparison_goal(series.start, Relation.LE if up else Relation.GT, moved)


@solve.register(op.DateFloor)
def _date_floor(
    series: op.DateFloor, solver: Solver, relation: Relation, other: Node | None
) -> Goal:
    if not relation.is_comparison or relation == Relation.NE:
        return solver.present_goal(series)
    limit = cast(Series, other)
    following = op.DateAdd(f"{series.op}s", op.DateFloor(series.op, limit), op.Literal("int", 1))
    if relation == Relation.EQ:
        return every(
            [
                relation_goal(solver, series.date, Relation.GE, limit),
                relation_goal(solver, series.date, Relation.LT, following),
            ]
        )
    if relation in (Relation.GE, Relation.LT):
        return relation_goal(solver, series.date, relation, limit)
    return relation_goal(
        solver, series.date, Relation.GE if relation == Relation.GT else Relation.LT, following
    )


@solve.register(op.DatePart)
def _date_part(series: op.DatePart, solver: Solver, relation: Relation, other: Node | None) -> Goal:
    year = UNKNOWN if other is None else solver.constants.value(other)
    usable = series.op == "year" and type(year) is int and 1800 < year < 2200
    if not usable or not relation.is_comparison or relation == Relation.NE:
        return solver.present_goal(series)
    first = op.Literal("date", datetime.date(year, 1, 1))
    following = op.Literal("date", datetime.date(year + 1, 1, 1))
    low = relation_goal(
        solver, series.date, Relation.GE, following if relation == Relation.GT else first
    )
    high = relation_goal(
        solver, series.date, Relation.LT, first if relation == Relation.LT else following
    )
    return every(needed_ends(relation, low, high))


@solve.register(op.Arithmetic)
def _arithmetic(
    series: op.Arithmetic, solver: Solver, relation: Relation, other: Node | None
) -> Goal:
    limit = None if other is None else solver.constants.value(other)
    if not relation.is_comparison or limit is UNKNOWN or limit is None:
        return solver.present_goal(series)
    if series.op == "neg":
        return _moved(solver, series.parts[0], relation.mirrored, -limit)
    if series.op == "abs":
        ways = [_moved(solver, series.parts[0], relation, limit)]
        if relation in (Relation.GE, Relation.GT):
            ways.append(_moved(solver, series.parts[0], relation.mirrored, -limit))
        return some(ways)
    left, right = (solver.constants.value(part) for part in series.parts)
    if right not in (UNKNOWN, None):
        return _without_right(solver, series, relation, limit, right)
    if left not in (UNKNOWN, None) and series.op in ("add", "sub"):
        rest = limit - left
        up = series.op == "add"
        turned = relation if up else relation.mirrored
        return _moved(solver, series.parts[1], turned, rest if up else -rest)
    return solver.present_goal(series)


def _without_right(
    solver: Solver, series: op.Arithmetic, relation: Relation, limit: float, right: float
) -> Goal:
    """Solve for the left part, the right one being a constant."""
    if series.op in ("add", "sub"):
        rest = limit - right if series.op == "add" else limit + right
        return _moved(solver, series.parts[0], relation, rest)
    turned = relation if right > 0 else relation.mirrored
    if series.op == "mul" and right:
        return _moved(solver, series.parts[0], turned, limit / right)
    if series.op == "div" and right:
        return _moved(solver, series.parts[0], turned, limit * right)
    if series.op == "floordiv" and right > 0 and relation != Relation.NE:
        low = _moved(
            solver, series.parts[0], Relation.GE, (limit + (relation == Relation.GT)) * right
        )
        high = _moved(
            solver, series.parts[0], Relation.LT, (limit + (relation != Relation.LT)) * right
        )
        return every(needed_ends(relation, low, high))
    return solver.present_goal(series)


def _moved(solver: Solver, series: Series, relation: Relation, value: float) -> Goal:
    literal = number(series.type, relation, value)
    return (
        solver.present_goal(series)
        if literal is None
        else relation_goal(solver, series, relation, literal)
    )


@solve.register(op.Convert)
def _convert(series: op.Convert, solver: Solver, relation: Relation, other: Node | None) -> Goal:
    limit = None if other is None else solver.constants.value(other)
    if limit is UNKNOWN or limit is None or not relation.is_comparison:
        return solver.present_goal(series)
    if series.source.type == "bool":
        fitting = [flag for flag in (True, False) if relation.holds(int(flag), limit)]
        return some(solver.condition_goal(series.source, flag) for flag in fitting)
    if series.op == "to_int" and series.source.type == "float" and relation == Relation.EQ:
        low = _moved(solver, series.source, Relation.GE, limit)
        return every([low, _moved(solver, series.source, Relation.LT, limit + 1)])
    return _moved(solver, series.source, relation, limit)


@solve.register(op.Cases)
def _cases(series: op.Cases, solver: Solver, relation: Relation, other: Node | None) -> Goal:
    return some(
        every([goal, relation_goal(solver, value, relation, other)])
        for value, goal in solver.branches(series)
        if value is not None
    )


@solve.register(op.Extreme)
def _extreme(series: op.Extreme, solver: Solver, relation: Relation, other: Node | None) -> Goal:
    any_suffices = Relation.LE if series.op == "least" else Relation.GE
    strict = Relation.LT if series.op == "least" else Relation.GT
    parts = [relation_goal(solver, part, relation, other) for part in series.parts]
    if relation in (any_suffices, strict):
        return some(parts)
    if relation.is_comparison and relation not in (Relation.EQ, Relation.NE):
        each = zip(series.parts, parts, strict=True)
        kept = every(some([part, solver.null_goal(source)]) for source, part in each)
        return every([solver.present_goal(series), kept])
    beyond = Relation.GE if series.op == "least" else Relation.LE
    if relation == Relation.EQ:
        others = [relation_goal(solver, part, beyond, other) for part in series.parts]
        return some(
            every([part, *others[:place], *others[place + 1 :]]) for place, part in enumerate(parts)
        )
    if relation == Relation.NE:
        decides = [relation_goal(solver, part, strict, other) for part in series.parts]
        none = [relation_goal(solver, part, strict.mirrored, other) for part in series.parts]
        return some([*decides, every(none)])
    return every(parts)


@solve.register(op.Aggregate)
def _aggregate(
    series: op.Aggregate, solver: Solver, relation: Relation, other: Node | None
) -> Goal:
    limit = UNKNOWN if other is None else solver.constants.value(other)
    if series.op == "exists":
        flags = [flag for flag in (True, False) if relation.holds(flag, limit)]
        return some(solver.condition_goal(series, flag) for flag in flags)
    frame = series.source if isinstance(series.source, Frame) else series.rows
    if series.op.startswith("count"):
        return _count(solver, cast(Frame, frame), relation, limit)
    source = cast(Series, series.source)
    goal = relation_goal(solver, source, relation, other)
    enough = {"max": (Relation.GE, Relation.GT), "min": (Relation.LE, Relation.LT)}.get(
        series.op, ()
    )
    closed = relation not in (Relation.PRESENT, *enough)
    return solver.rows_goal(
        cast(Frame, frame), 1, closed=closed, goal=goal, key=(series.op, source)
    )


def _count(solver: Solver, frame: Frame, relation: Relation, limit: Any) -> Goal:
    """Return that there are enough rows, and not too many."""
    if type(limit) is not int or not relation.is_comparison:
        return solver.rows_goal(frame, 1) if relation.is_comparison else ALWAYS
    if relation == Relation.NE:
        return some(
            [_count(solver, frame, Relation.GT, limit), _count(solver, frame, Relation.LT, limit)]
        )
    least = {Relation.EQ: limit, Relation.GE: limit, Relation.GT: limit + 1}.get(relation, 0)
    most = {Relation.EQ: limit, Relation.LE: limit, Relation.LT: limit - 1}.get(relation, least + 1)
    if most < 0:
        return IMPOSSIBLE
    if relation in (Relation.GE, Relation.GT):
        return ALWAYS if least <= 0 else solver.rows_goal(frame, least)
    numbers = range(max(least, 0), min(most, ROWS_AT_MOST) + 1)
    return some(solver.rows_goal(frame, many, closed=True) for many in numbers or [least])
