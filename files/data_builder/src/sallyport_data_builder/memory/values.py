"""What each operation on values means. None is NULL. Nothing here is clever."""

from __future__ import annotations

import calendar
import datetime
import math
import operator
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

ONE_DAY = datetime.timedelta(days=1)

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le,
    "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip


def logic_and(values: Sequence[bool | None]) -> bool | None:
    """Return false if any is false, else NULL if any is NULL (SEM-01)."""
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True


def logic_or(values: Sequence[bool | None]) -> bool | None:
    """Return true if any is true, else NULL if any is NULL (SEM-01)."""
    if any(value is True for value in values):
        return True
    return None if any(value is None for value in values) else False


def logic_not(values: Sequence[bool | None]) -> bool | None:
    """Return the opposite, NULL for NULL."""
    return None if values[0] is None else not values[0]


LOGIC = {"and": logic_and, "or": logic_or, "not": logic_not}


def member(value: Any, among: Collection[Any]) -> bool | None:
    """Return whether a value is in a set without NULL; an empty one holds not even NULL (SEM-03).

    A collected series has no NULL, see `aggregate`.
    """
    if not among:
        return False
    return None if value is None else value in among


def true_div(left: Any, right: Any) -> float | None:
    """Divide as floats; NULL for a zero divisor (SEM-14)."""
    return None if right == 0 else float(left) / float(right)


def floor_div(left: Any, right: Any) -> int | None:
    """Divide and round towards minus infinity; NULL for a zero divisor (SEM-14)."""
    return (
        None if right == 0 else math.floor(left / right if type(left) is float else left // right)
    )


def power(left: Any, right: Any) -> float | None:
    """Raise to a power; NULL where there is no real answer (SEM-15)."""
    if (left == 0 and right < 0) or (left < 0 and right != int(right)):
        return None
    return float(float(left) ** float(right))


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "neg": operator.neg, "abs": abs, "add": operator.add, "sub": operator.sub,
    "mul": operator.mul, "div": true_div, "floordiv": floor_div, "pow": power,
}  # fmt: skip


def add_days(date: datetime.date, amount: int) -> datetime.date:
    """Move a date by days."""
    return date + amount * ONE_DAY


def add_months(date: datetime.date, amount: int) -> datetime.date:
    """Keep the day; a day that does not exist is the first of the next month (SEM-17)."""
    year, month = divmod(date.year * 12 + date.month - 1 + amount, 12)
    month += 1
    last = calendar.monthrange(year, month)[1]
    if date.day <= last:
        return datetime.date(year, month, date.day)
    return datetime.date(year, month, last) + ONE_DAY


def add_years(date: datetime.date, amount: int) -> datetime.date:
    """Move a date by years (SEM-17)."""
    return add_months(date, 12 * amount)


DATE_ADD = {"days": add_days, "months": add_months, "years": add_years}


def diff_days(start: datetime.date, end: datetime.date) -> int:
    """Return the days from start to end."""
    return (end - start).days


def diff_months(start: datetime.date, end: datetime.date) -> int:
    """Return the whole months: one less if the day of the end comes before (SEM-18)."""
    months = (end.year - start.year) * 12 + end.month - start.month
    return months - (1 if end.day < start.day else 0)


def diff_years(start: datetime.date, end: datetime.date) -> int:
    """Return the whole years: one less if month and day of the end come before (SEM-18)."""
    before = (end.month, end.day) < (start.month, start.day)
    return end.year - start.year - (1 if before else 0)


DATE_DIFF = {"days": diff_days, "months": diff_months, "years": diff_years}


def date_floor(op: str, date: datetime.date) -> datetime.date:
    """Return the first day of the month or year."""
    return date.replace(day=1) if op == "month" else date.replace(month=1, day=1)


def episodes(dates: Iterable[datetime.date | None], gap: int) -> int:
    """Count runs of dates that lie at most gap days apart (SEM-09)."""
    count, previous = 0, None
    for date in sorted(date for date in dates if date is not None):
        if previous is None or (date - previous).days > gap:
            count += 1
        previous = date
    return count


def aggregate(op: str, values: Sequence[Any], gap: int | None) -> Any:
    """Reduce the values of one patient (SEM-07, SEM-08)."""
    if op == "count_episodes":
        return episodes(values, gap or 0)
    kept = [value for value in values if value is not None]
    if op == "count_distinct":
        return len(set(kept))
    if op == "collect":
        return kept
    if not kept:
        return None
    if op == "mean":
        return sum(kept) / len(kept)
    if op == "sum":
        return sum(kept)
    return min(kept) if op == "min" else max(kept)


def sort_key(value: Any) -> tuple[bool, Any]:
    """Return what sorts NULL before everything else (SEM-10)."""
    return (value is not None, value if value is not None else 0)
