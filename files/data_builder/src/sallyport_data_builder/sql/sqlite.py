"""SQLite 3.40 and newer, by the standard library: small sites, and the second engine of tests."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.model.types import Value
from sallyport_data_builder.sql.dialect import TIGHT, Dialect, Element
from sallyport_data_builder.sql.statements import CreateTableAs

BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SQLite(Dialect):
    """Dates are ISO text, booleans are ints."""

    name = "sqlite"

    @contextmanager
    def connect(self, url: str, job: str, settings: Mapping[str, Any]) -> Iterator[sa.Connection]:
        """Open the file."""
        del job, settings
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            if driver is not None:
                driver.create_function("floor", 1, _strict(math.floor), deterministic=True)
                driver.create_function("power", 2, _strict(math.pow), deterministic=True)
            yield connection

    def create_table(self, name: str, select: sa.Select[Any], schema: str) -> list[Any]:
        """Temporary tables of the connection."""
        del schema
        return [CreateTableAs("TEMPORARY", name, "", select)]

    def scratch_tables(self, connection: sa.Connection, schema: str, prefix: str) -> list[str]:
        """Temporary tables end with their connection."""
        del connection, schema, prefix
        return []

    def column_types(self, connection: sa.Connection, select: sa.Select[Any]) -> dict[str, str]:
        """Values have types here, columns have not."""
        del connection, select
        return {}

    def classify(self, error: Exception) -> tuple[int, str]:
        """Read the error's name; what is missing is told by text alone."""
        original = getattr(error, "orig", error)
        if getattr(original, "sqlite_errorcode", None) in BUSY:
            return 3, "SQLITE_BUSY"
        missing = str(original).startswith(("no such table", "no such column"))
        return (4 if missing else 5), str(getattr(original, "sqlite_errorname", ""))

    def literal(self, value: Value, kind: str) -> Element:
        """A cast to date would make a number of it."""
        return sa.literal(value, self.types[kind])

    def date_add(self, op: str, date: Element, amount: Element) -> Element:
        """Overflow into the next month is cut back to its first day."""
        modifier = sa.cast(amount, sa.Text).op("||", precedence=TIGHT)(f" {op}")
        moved = sa.func.date(date, modifier, type_=sa.Date())
        if op == "days":
            return moved
        overflown = self.date_part("day", moved) != self.date_part("day", date)
        first = sa.func.date(moved, "start of month", type_=sa.Date())
        return sa.case((overflown, first), else_=moved)

    def date_diff_days(self, start: Element, end: Element) -> Element:
        """Julian days of midnights differ by whole numbers."""
        days = sa.func.julianday(end, type_=sa.Float()) - sa.func.julianday(start, type_=sa.Float())
        return sa.cast(sa.func.round(days), sa.BigInteger)

    def date_floor(self, op: str, date: Element) -> Element:
        """A modifier of the date function."""
        return sa.func.date(date, f"start of {op}", type_=sa.Date())

    def to_int(self, number: Element) -> Element:
        """A cast cuts."""
        return sa.cast(number, sa.BigInteger)

    def extreme(self, op: str, parts: Sequence[Element]) -> Element:
        """Pair by pair, because the functions give NULL for one NULL."""

        def better(left: Element, right: Element) -> Element:
            wins = left <= right if op == "least" else left >= right
            return sa.case(
                (left.is_(None), right), (right.is_(None), left), (wins, left), else_=right
            )

        return reduce(better, parts)

    def contains(self, text: Element, needle: Element) -> Element:
        """LIKE would ignore case."""
        return sa.func.instr(text, needle) > 0


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives NULL for NULL; some builds lack the mathematical ones."""
    return lambda *values: None if None in values else function(*values)
