"""Draws the value of a column, within its constraints and what is wanted of it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sallyport_data_builder.dummy import texts
from sallyport_data_builder.dummy.chance import Chance
from sallyport_data_builder.dummy.relations import Relation
from sallyport_data_builder.schemas import ColumnSpec
from sallyport_data_builder.schemas.types import CODES, MULTI_CODES

MISSING = 0.12
LATER_MISSING = 0.6
TRIES = 12
EDGE = 0.08
FROM_POOL = 0.75
RECENT = 5 * 365
LATELY = 0.6
AHEAD = 365
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon")
Wants = Sequence[tuple[Relation, Any]]
Days = tuple[int, int, bool]  # the first and the last day, and whether later ones are possible


def value(chance: Chance, spec: ColumnSpec, wants: Wants, pool: Sequence[Any], days: Days) -> Any:
    """Return a value; of wants that contradict each other the first ones win."""
    first = wants[0][0] if wants else None
    if first == Relation.NULL and not spec.not_null:
        return None
    share = 0.0 if wants or spec.not_null else LATER_MISSING if spec.after else MISSING
    if chance.random() < share:
        return None
    draw: Draw = DRAWS.get(spec.type, _text)
    listed = _listed(chance, spec, wants)
    if listed is not None:
        return listed
    for _ in range(TRIES):
        drawn = draw(chance, spec, wants, pool, days)
        if _fits(drawn, wants):
            break
    return drawn


def _fits(drawn: Any, wants: Wants) -> bool:
    return all(
        relation in (Relation.NULL, Relation.PRESENT) or relation.holds(drawn, other)
        for relation, other in wants
    )


def _listed(chance: Chance, spec: ColumnSpec, wants: Wants) -> Any:
    """Return one of the values that are named one by one, or None where there are none."""
    for place, (relation, other) in enumerate(wants):
        if relation == Relation.EQ:
            return other
        if relation == Relation.IN and other:
            rest = [*wants[:place], *wants[place + 1 :]]
            drawn = chance.one_of(other)
            for _ in range(TRIES if rest else 0):
                if _fits(drawn, rest):
                    break
                drawn = chance.one_of(other)
            return drawn
    if spec.categories:
        fitting = [item for item in spec.categories if _fits(item, wants)] if wants else ()
        return chance.one_of(fitting or spec.categories)
    return None


def _bool(chance: Chance, _s: ColumnSpec, _w: Wants, _p: Sequence[Any], _d: Days) -> bool:
    return chance.random() < 0.5


def _number(chance: Chance, spec: ColumnSpec, wants: Wants, pool: Sequence[Any], _d: Days) -> float:
    least, most = spec.range.get("min"), spec.range.get("max")
    low, high = _limits(wants, least, most)
    if low is None and high is None:
        low = min(pool) * 0.5 if pool else 0
        high = max(pool) * 1.5 + 1 if pool else 100
    elif low is None:
        span = max(abs(high or 0), 10)
        low = 0 if high and high > 0 else (high or 0) - span
    elif high is None:
        high = low + max(abs(low), 10)
    if chance.random() < EDGE:
        return _exact(spec, low if chance.random() < 0.5 else high or 0)
    return _exact(spec, low + chance.random() * ((high or 0) - low))


def _limits(wants: Wants, low: Any, high: Any) -> tuple[Any, Any]:
    """Tighten limits by what is wanted, unless nothing would be left."""
    for relation, other in wants:
        if relation in (Relation.GE, Relation.GT) and (low is None or other > low):
            low = other if high is None or other <= high else low
        elif relation in (Relation.LE, Relation.LT) and (high is None or other < high):
            high = other if low is None or other >= low else high
    return low, high


def _exact(spec: ColumnSpec, number: float) -> float:
    """Return a number of the column's type, on a step of its range."""
    step = spec.range.get("step")
    if step:
        start = spec.range.get("min", 0)
        number = start + round((number - start) / step) * step
    return round(number) if spec.type == "int" else round(float(number), 1)


def _date(
    chance: Chance, spec: ColumnSpec, wants: Wants, _p: Sequence[Any], days: Days
) -> datetime.date:
    low, high = _window(wants, days)
    before = high != days[1] and low == days[0] and not spec.first_of_month
    if before and chance.random() < LATELY:
        low = max(low, high - RECENT)
    if (low, high) != days[:2] and chance.random() < EDGE:
        drawn = low if chance.random() < 0.5 else high
    else:
        drawn = chance.between(low, high)
    day = datetime.date.fromordinal(drawn)
    return first_of_month(day, low, high) if spec.first_of_month else day


def _window(wants: Wants, days: Days) -> tuple[int, int]:
    """Return the first and last day that may be: a wish that leaves none is not followed."""
    low, high, later = days
    for relation, other in wants:
        if relation not in (Relation.GE, Relation.GT, Relation.LE, Relation.LT):
            continue
        day = other.toordinal() + {Relation.GT: 1, Relation.LT: -1}.get(relation, 0)
        if relation in (Relation.GE, Relation.GT):
            if day > high == days[1] and later:
                high = day + AHEAD
            low = day if low <= day <= high else low
        else:
            high = day if low <= day <= high else high
    return low, max(low, high)


def first_of_month(day: datetime.date, low: int, high: int) -> datetime.date:
    """Return the first of the month, or of the next one where that would be too early."""
    first = day.replace(day=1)
    if first.toordinal() < low:
        following = (first + datetime.timedelta(days=31)).replace(day=1)
        return following if following.toordinal() <= high else first
    return first


def _code(chance: Chance, spec: ColumnSpec, _w: Wants, pool: Sequence[Any], _d: Days) -> str:
    if pool and chance.random() < FROM_POOL:
        return str(chance.one_of(pool))
    return texts.code(chance, spec.type)


def _multi(chance: Chance, spec: ColumnSpec, wants: Wants, pool: Sequence[Any], _d: Days) -> str:
    """Return many codes in one text."""
    starts = [str(other) for relation, other in wants if relation == Relation.CONTAINS]
    if pool and not starts and chance.random() < FROM_POOL:
        starts = [str(chance.one_of(pool))]
    codes = [texts.start_of_code(chance, spec.type, start) for start in starts]
    codes += [texts.code(chance, MULTI_CODES[spec.type]) for _ in range(chance.below(3))]
    return " ,".join(codes) or texts.code(chance, MULTI_CODES[spec.type])


def _text(chance: Chance, spec: ColumnSpec, wants: Wants, pool: Sequence[Any], _d: Days) -> str:
    if spec.regex:
        return texts.matching(chance, spec.regex)
    wanted = [str(other) for relation, other in wants if relation == Relation.CONTAINS]
    if wanted:
        return " ".join(wanted)
    if pool and chance.random() < FROM_POOL:
        return str(chance.one_of(pool))
    return chance.one_of(WORDS)


Draw = Callable[[Chance, ColumnSpec, Wants, Sequence[Any], Days], Any]
DRAWS: Mapping[str, Draw] = {
    "bool": _bool,
    "int": _number,
    "float": _number,
    "date": _date,
    **dict.fromkeys(CODES, _code),
    **dict.fromkeys(MULTI_CODES, _multi),
}
