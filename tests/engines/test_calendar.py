"""Date arithmetic against a calendar that counts days and knows nothing of ours (PRP-09)."""

from __future__ import annotations

import datetime
import random
from typing import Any

import pytest
from tests.engines.budget import GRAPHS, SEED
from tests.unit.data_builder.engines import by_reference, server

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Column, Table
from sallyport_data_builder.model.roots import Dataset

DATES = Table("", "dates", "one", (("start", "date"), ("end", "date"), ("n", "int")))
START, END, N = (Column(DATES, name) for name in ("start", "end", "n"))
FIRST, LAST = datetime.date(1910, 1, 1), datetime.date(2090, 12, 31)
UNITS = ("days", "months", "years")
Row = tuple[int, datetime.date, datetime.date, int]


def following(day: datetime.date, months: int) -> datetime.date:
    """Walk to the same day of a later or earlier month, and past a day that does not exist."""
    first = day.replace(day=1)
    for _ in range(abs(months)):
        step = datetime.timedelta(32 if months > 0 else -1)
        first = (first + step).replace(day=1)
    wanted = first
    for _ in range(day.day - 1):
        wanted += datetime.timedelta(1)
        if wanted.month != first.month:
            break
    return wanted


def whole(start: datetime.date, end: datetime.date, months: int) -> int:
    """Count, one by one, the steps of so many months that lead to the end and not past it."""
    place, goal = 12 * start.year + start.month, (12 * end.year + end.month, end.day)
    count = 0
    while (place + (count + 1) * months, start.day) <= goal:
        count += 1
    while (place + count * months, start.day) > goal:
        count -= 1
    return count


def random_rows(chance: random.Random, count: int) -> list[Row]:
    """Draw pairs of dates, every second one near the end of a month."""
    rows = []
    for patient in range(1, count + 1):
        days = [FIRST + datetime.timedelta(chance.randrange((LAST - FIRST).days)) for _ in range(2)]
        if patient % 2:
            days = [day.replace(day=1) - datetime.timedelta(chance.randrange(4)) for day in days]
        rows.append((patient, days[0], days[1], chance.randint(-120, 120)))
    return rows


def expected(row: Row) -> tuple[Any, ...]:
    """Return what the columns of the dataset are for a row."""
    patient, start, end, n = row
    moved = (start + datetime.timedelta(n), following(start, n), following(start, n // 12 * 12))
    return patient, *moved, (end - start).days, whole(start, end, 1), whole(start, end, 12)


@pytest.mark.parametrize("name", ["reference", "sqlite", "duckdb", "postgresql", "mariadb"])
def test_prp_09_moving_and_counting_agree_with_a_calendar(urls: dict[str, str], name: str) -> None:
    rows = random_rows(random.Random(SEED), 10 * GRAPHS)
    twelve = op.Literal("int", 12)
    years = op.Arithmetic("floordiv", (N, twelve))
    moved = [op.DateAdd(unit, START, years if unit == "years" else N) for unit in UNITS]
    counted = [op.DateDiff(unit, START, END) for unit in UNITS]
    columns = tuple((f"v{place}", each) for place, each in enumerate([*moved, *counted]))
    dataset, tables = Dataset(op.Aggregate("exists", DATES), columns), {"dates": rows}
    if name == "reference":
        found = by_reference(dataset, tables)
    else:
        found = server(urls[name]).answer(dataset, tables)
    wrong = [(row, one) for row, one in zip(rows, found, strict=True) if one != expected(row)]
    assert not wrong[:3]
