"""SQLite 3.40 and newer, by the standard library: small sites, and the second engine of tests."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from sallyport_data_builder.errors import ExitCode
from sallyport_data_builder.schemas.types import Value
from sallyport_data_builder.sql import sqlite_functions
from sallyport_data_builder.sql.dialect import TIGHT, Dialect, Element, Limits
from sallyport_data_builder.sql.portable import Outputs, Sets, in_groups, union_of_sets
from sallyport_data_builder.sql.statements import CreateTableAs

BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_INTERRUPT")
MISSING = ("no such table", "no such column", "unable to open database file")
LARGE = ("SQLITE_TOOBIG", "SQLITE_NOMEM", "SQLITE_FULL")
MOST_ARGUMENTS = 100
COMPLEX = ("too many", "at most", "parser stack overflow", "Expression tree is too large")


class SQLite(Dialect):
    """Dates are ISO text, booleans are ints; text is compared by code point."""

    name = "sqlite"
    grammar = "sqlite"
    nesting = 8
    loose = True
    depth = 6
    has_scratch_schema = False
    limits = Limits(parameters=32_766, joins=60, columns=2_000, identifier=255, literals=5_000)

    def compiler(self) -> sa.Dialect:
        """The library's own."""
        return sqlite.dialect()

    @contextmanager
    def connect(self, url: str, job: str, settings: Mapping[str, Any]) -> Iterator[sa.Connection]:
        """Open the file for reading; scratch tables are temporary and lie elsewhere."""
        del job, settings
        path = sa.make_url(url).database or ":memory:"
        # SQLite's own choice, /var/tmp, is closed to a confined job.
        os.environ.setdefault("SQLITE_TMPDIR", tempfile.gettempdir())

        def opened() -> sqlite3.Connection:
            if path == ":memory:":
                return sqlite3.connect(path, check_same_thread=False)
            where = f"file:{quote(path)}?mode=ro"
            return sqlite3.connect(where, uri=True, check_same_thread=False)

        engine = sa.create_engine("sqlite://", creator=opened, poolclass=sa.NullPool)
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            sqlite_functions.register(driver)
            yield connection

    def cancel(self, connection: sa.Connection) -> None:
        """Interrupt."""
        driver: Any = connection.connection.driver_connection
        driver.interrupt()

    def fence(self, select: sa.Select[Any]) -> sa.Select[Any]:
        """A subquery with LIMIT is not flattened."""
        return select.limit(sa.literal_column("-1"))

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

    def classify(self, error: Exception) -> tuple[ExitCode, str]:
        """Read the error's name; what is missing is told by text alone."""
        original = getattr(error, "orig", error)
        name, text = str(getattr(original, "sqlite_errorname", "")), str(original)
        if name.startswith(BUSY):
            return ExitCode.UNREACHABLE, name
        if text.startswith(MISSING):
            return ExitCode.NOT_AVAILABLE, name
        large = name.startswith(LARGE) or text.startswith(COMPLEX)
        return ExitCode.TOO_COMPLEX if large else ExitCode.REFUSED, name

    def literal(self, value: Value, kind: str) -> Element:
        """A cast to date would make a number of it."""
        return sa.literal(value, self.types[kind])

    def wrong_value(self, value: Element, kind: str) -> Element | None:
        """Any column holds values of any type; dates are text in the one form that sorts."""
        stored = sa.func.typeof(value, type_=sa.Text())
        plain = sa.type_coerce(value, sa.Text())
        if kind == "date":
            # With a modifier the day is computed: without, 31 February stays as it is.
            date = sa.func.date(plain, "+0 days", type_=sa.Text())
            return sa.or_(stored != "text", date.is_distinct_from(plain), plain < "0001")
        if kind == "bool":
            return sa.or_(stored != "integer", sa.type_coerce(value, sa.Integer()).not_in([0, 1]))
        return stored.not_in({"int": ["integer"], "float": ["integer", "real"]}.get(kind, ["text"]))

    def date_add(self, op: str, date: Element, amount: Element) -> Element:
        """Days by SQLite's own function, months by ours."""
        if op == "months":
            return sa.func.add_months(date, amount, type_=sa.Date())
        modifier = sa.cast(amount, sa.Text).op("||", precedence=TIGHT)(f" {op}")
        return sa.func.date(date, modifier, type_=sa.Date())

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

    def extreme(self, op: str, parts: Sequence[Element], kind: str) -> Element:
        """A function of ours: those of SQLite give NULL if one argument is."""
        function = {"least": sa.func.least_of, "greatest": sa.func.greatest_of}[op]
        return in_groups(
            parts, MOST_ARGUMENTS, lambda group: function(*group, type_=self.types[kind])
        )

    def floor_quotient(self, left: Element, right: Element) -> Element:
        """A function of ours, in which each operand is written once."""
        return sa.func.floor_divide(left, right, type_=self.types["int"])

    def power(self, left: Element, right: Element) -> Element:
        """A function of ours, which knows what has no answer; some builds have none."""
        return sa.func.power(left, right, type_=self.types["float"])

    def date_diff(self, op: str, start: Element, end: Element) -> Element:
        """Functions of ours."""
        function = {"months": sa.func.whole_months, "years": sa.func.whole_years}[op]
        return function(start, end, type_=self.types["int"])

    def contains(self, text: Element, needle: Element) -> Element:
        """LIKE would ignore case."""
        return sa.func.instr(text, needle) > 0

    def grouping(self, rows: sa.FromClause, sets: Sets, outputs: Outputs) -> sa.Select[Any]:
        """There are no grouping sets."""
        return union_of_sets(rows, sets, outputs)
