"""What SQLite computes by functions of ours, so that each argument is written once.

A function gives NULL for a NULL, unless it says otherwise. Dates are ISO text.
"""

from __future__ import annotations

import datetime
import math
import sqlite3
from collections.abc import Callable
from typing import Any


def least_of(*values: Any) -> Any:
    """Return the least that is not NULL (SEM-06)."""
    return min((value for value in values if value is not None), default=None)


def greatest_of(*values: Any) -> Any:
    """Return the greatest that is not NULL (SEM-06)."""
    return max((value for value in values if value is not None), default=None)


def floor_divide(left: int, right: int) -> int | None:
    """Return the quotient rounded down, NULL for a division by zero (SEM-14)."""
    return left // right if right else None


def power(left: float, right: float) -> float | None:
    """Return the power, NULL where it is not a real number (SEM-15)."""
    if (left == 0 and right < 0) or (left < 0 and right != math.floor(right)):
        return None
    return math.pow(left, right)


def add_months(date: str, months: int) -> str:
    """Move a date by months; a day that is cut off is the first of the next month (SEM-17)."""
    day = datetime.date.fromisoformat(date)
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        moved = day.replace(year=years, month=month + 1)
    except ValueError:
        years, month = divmod(years * 12 + month + 1, 12)
        moved = datetime.date(years, month + 1, 1)
    return moved.isoformat()


def whole_months(start: str, end: str) -> int:
    """Return the whole months from start to end (SEM-18)."""
    first, last = datetime.date.fromisoformat(start), datetime.date.fromisoformat(end)
    months = (last.year - first.year) * 12 + last.month - first.month
    return months - (last.day < first.day)


def whole_years(start: str, end: str) -> int:
    """Return the whole years from start to end (SEM-18)."""
    first, last = datetime.date.fromisoformat(start), datetime.date.fromisoformat(end)
    return last.year - first.year - ((last.month, last.day) < (first.month, first.day))


def _of_values(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: None if None in values else function(*values)


def register(driver: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    for function in (least_of, greatest_of):
        driver.create_function(function.__name__, -1, function, deterministic=True)
    for strict in (floor_divide, power, add_months, whole_months, whole_years):
        driver.create_function(strict.__name__, 2, _of_values(strict), deterministic=True)
    driver.create_function("floor", 1, _of_values(math.floor), deterministic=True)
