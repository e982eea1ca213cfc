"""What differs between databases; one small module per database overrides it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from sallyport_data_builder.errors import ExitCode
from sallyport_data_builder.schemas.types import TEXTS, Value
from sallyport_data_builder.sql.portable import Outputs, Sets, grouping_sets

if TYPE_CHECKING:
    import pyarrow as pa

Element = ColumnElement[Any]
# Operators that SQLAlchemy does not type for us put their operands in parentheses.
TIGHT = 15
BATCH = 64_000


@dataclass(frozen=True)
class Limits:
    """What one statement may hold; the planner stays below (PLN-05, PLN-09)."""

    parameters: int
    joins: int
    columns: int
    identifier: int
    literals: int


@dataclass(frozen=True)
class Key:
    """What rows are ordered by; a key that cannot be NULL is compared more simply."""

    value: Element
    nullable: bool


class Dialect:
    """Standard SQL, where there is such a thing."""

    name = ""
    # The name that sqlglot has for the SQL that operators write in a mapping.
    grammar = ""
    limits = Limits(parameters=30_000, joins=50, columns=1_000, identifier=63, literals=1_000)
    types: Mapping[str, Any] = {
        "bool": sa.Boolean(),
        "int": sa.BigInteger(),
        "float": sa.Double(),
        "date": sa.Date(),
        **dict.fromkeys(TEXTS, sa.Text()),
    }

    # What drivers and the library raise.
    errors: tuple[type[Exception], ...] = (sa.exc.SQLAlchemyError,)
    # Whether `picked` works, so that picks are part of a scan (PLN-03, PLN-04).
    fused_picks = False
    # Whether a column may hold values of other types than it says, so that a job looks first.
    loose = False
    # How deep derived tables may be nested.
    nesting = 40
    # How deep calls may be nested in an expression.
    depth = 200
    # Whether scratch tables can be in a schema; else they are temporary and end by themselves.
    has_scratch_schema = True
    # Whether rows that are grouped in several ways are better stored first.
    stores_grid = True
    # Whether `copy` works.
    copies = False
    # Asks for the seconds since the tables of a schema were made, by name, if that is known.
    ages = ""

    # The database's own names of the types that a standard column may arrive in.
    native: Mapping[str, tuple[str, ...]] = {}

    def compiler(self) -> sa.Dialect:
        """Return what renders statements where there is no connection."""
        raise NotImplementedError

    @contextmanager
    def connect(self, url: str, job: str, settings: Mapping[str, Any]) -> Iterator[sa.Connection]:
        """Give one connection, without a pool."""
        raise NotImplementedError

    def cancel(self, connection: sa.Connection) -> None:
        """Stop the running statement; called from another thread than the one that waits."""
        raise NotImplementedError

    def create_table(self, name: str, select: sa.Select[Any], schema: str) -> list[Any]:
        """Return the statements that store a SELECT in a scratch table, with statistics."""
        raise NotImplementedError

    def stream(
        self, connection: sa.Connection, select: sa.Select[Any]
    ) -> Iterator[pa.RecordBatch | Sequence[sa.Row[Any]]]:
        """Give the rows in batches: Arrow where the driver can, else lists of rows."""
        with connection.execution_options(stream_results=True).execute(select) as result:
            yield from result.partitions(BATCH)

    def copy(self, connection: sa.Connection, select: sa.Select[Any]) -> Iterator[bytes]:
        """Give the rows as CSV lines without a header, where the database writes them itself."""
        raise NotImplementedError

    def scratch_tables(self, connection: sa.Connection, schema: str, prefix: str) -> list[str]:
        """Return the names of stored tables that start with a prefix."""
        tables = sa.table(
            "tables",
            sa.column("table_name", sa.Text()),
            sa.column("table_schema", sa.Text()),
            schema="information_schema",
        )
        named = tables.c.table_name.startswith(prefix, autoescape=True)
        rows = sa.select(tables.c.table_name).where(tables.c.table_schema == schema, named)
        return sorted(connection.execute(rows).scalars())

    def scratch_ages(
        self, connection: sa.Connection, schema: str, names: Sequence[str]
    ) -> dict[str, float]:
        """Return the seconds since stored tables were made, of those where it is known."""
        if not self.ages:
            return {}
        rows = connection.execute(sa.text(self.ages), {"schema": schema})
        return {name: float(age) for name, age in rows if name in names}

    def query_id(self, cursor: Any) -> str:
        """Return how the database's own logs call a statement, or the connection it ran on."""
        del cursor
        return ""

    def column_types(self, connection: sa.Connection, select: sa.Select[Any]) -> dict[str, str]:
        """Return the database's own types of the columns of a SELECT."""
        raise NotImplementedError

    def classify(self, error: Exception) -> tuple[ExitCode, str]:
        """Return the exit code and the database's own code; never its message (LOG-01)."""
        raise NotImplementedError

    def literal(self, value: Value, kind: str) -> Element:
        """Return a constant of a type."""
        return sa.cast(sa.literal(value, self.types[kind]), self.types[kind])

    def missing(self, kind: str) -> Element:
        """Return NULL of a type; a column made of it holds every value of the type."""
        return sa.cast(sa.null(), self.types[kind])

    def wrong_value(self, value: Element, kind: str) -> Element | None:
        """Return the condition that a value is not of a type; None where no value can be that."""
        del value, kind
        return None

    def among(self, source: Element, values: Iterable[Value], kind: str) -> Element:
        """Return whether a value is in a list, rendered by type, so without limit (PLN-05)."""
        listed = sa.bindparam(
            "among",
            list(values),
            self.types[kind],
            unique=True,
            expanding=True,
            literal_execute=True,
        )
        return source.in_(listed)

    def standard_text(self, text: Element) -> Element:
        """Return a text column of the site so that it is compared as SEM-13 says."""
        return text

    def text_key(self, text: Element) -> Element:
        """Return a string that is ordered by code point."""
        return text

    def null_smallest(self, key: Element, descending: bool) -> Element:
        """Return a sort key with NULL smallest."""
        return key.desc().nulls_last() if descending else key.asc().nulls_first()

    def date_add(self, op: str, date: Element, amount: Element) -> Element:
        """Move a date by days or by months (SEM-17)."""
        raise NotImplementedError

    def date_diff_days(self, start: Element, end: Element) -> Element:
        """Return the days from start to end."""
        raise NotImplementedError

    def date_diff(self, op: str, start: Element, end: Element) -> Element:
        """Return the whole months or years from start to end (SEM-18)."""
        twelve, hundred = self.literal(12, "int"), self.literal(100, "int")
        part = {
            name: (self.date_part(name, start), self.date_part(name, end))
            for name in ("year", "month", "day")
        }
        difference = part["year"][1] - part["year"][0]
        if op == "months":
            difference = difference * twelve + part["month"][1] - part["month"][0]
            before = part["day"][1] < part["day"][0]
        else:
            first, last = (
                month * hundred + day for month, day in zip(part["month"], part["day"], strict=True)
            )
            before = last < first
        return sa.case((before, difference - self.literal(1, "int")), else_=difference)

    def date_part(self, op: str, date: Element) -> Element:
        """Return year, month or day."""
        return sa.cast(sa.extract(op, date), self.types["int"])

    def date_floor(self, op: str, date: Element) -> Element:
        """Return the first day of the month or year."""
        raise NotImplementedError

    def clamped(self, date: Element, moved: Element) -> Element:
        """Move on from the end of a month to the first of the next where the day was cut off."""
        cut = self.date_part("day", moved) < self.date_part("day", date)
        return sa.case((cut, self.date_add("days", moved, self.literal(1, "int"))), else_=moved)

    def to_int(self, number: Element) -> Element:
        """Cut towards zero."""
        raise NotImplementedError

    def floor(self, number: Element) -> Element:
        """Round towards minus infinity, to an int."""
        return sa.cast(sa.func.floor(number), self.types["int"])

    def int_quotient(self, left: Element, right: Element) -> Element:
        """Divide ints, cut towards zero."""
        return sa.type_coerce(left.op("/", precedence=TIGHT)(right), self.types["int"])

    def floor_quotient(self, left: Element, right: Element) -> Element:
        """Divide ints, rounded towards minus infinity; NULL for a division by zero (SEM-14).

        Integer division cuts towards zero: one less where the signs differ.
        """
        zero, one = self.literal(0, "int"), self.literal(1, "int")
        right = sa.func.nullif(right, zero)
        quotient = self.int_quotient(left, right)
        inexact = (left - quotient * right) != zero
        differ = sa.or_(sa.and_(left < zero, right > zero), sa.and_(left > zero, right < zero))
        return sa.case((sa.and_(inexact, differ), quotient - one), else_=quotient)

    def power(self, left: Element, right: Element) -> Element:
        """Raise to a power; NULL where the answer is not a real number (SEM-15)."""
        zero = self.literal(0.0, "float")
        no_answer = sa.or_(
            sa.and_(left == zero, right < zero),
            sa.and_(left < zero, right != sa.func.floor(right)),
        )
        answer = sa.func.power(left, right, type_=self.types["float"])
        return sa.case((no_answer, sa.null()), else_=answer)

    def extreme(self, op: str, parts: Sequence[Element], kind: str) -> Element:
        """Return the least or greatest that is not NULL (SEM-06).

        Each part occurs once, or nested calls would double a statement at every level.
        """
        listed = sa.values(sa.column("value", self.types[kind]), name="parts")
        rows = listed.data([(part,) for part in parts])
        function = sa.func.min if op == "least" else sa.func.max
        return sa.select(function(rows.c.value, type_=self.types[kind])).scalar_subquery()

    def contains(self, text: Element, needle: Element) -> Element:
        """Return whether a string holds another, literally (SEM-13)."""
        raise NotImplementedError

    def filtered(self, aggregate: sa.FunctionElement[Any], predicate: Element) -> Element:
        """Aggregate only the rows for which a predicate is true."""
        return aggregate.filter(predicate)

    def fence(self, select: sa.Select[Any]) -> sa.Select[Any]:
        """Return a SELECT whose columns the database computes once, however often they are read."""
        return select

    def picked(
        self, values: Sequence[Element], keys: Sequence[Key], last: bool, own: Element | None
    ) -> list[Element]:
        """Return values of the first or last row, as aggregates over the rows of a condition."""
        raise NotImplementedError

    def pick(
        self, select: sa.Select[Any], patient: Element, order: Sequence[Element]
    ) -> sa.Select[Any]:
        """Keep the first row of each patient, by the order."""
        place = sa.func.row_number().over(partition_by=patient, order_by=order)
        rows = select.add_columns(place.label("place")).subquery("numbered")
        chosen = [column for column in rows.c if column.name != "place"]
        return sa.select(*chosen).where(rows.c.place == 1)

    def grouping(self, rows: sa.FromClause, sets: Sets, outputs: Outputs) -> sa.Select[Any]:
        """Aggregate by several sets of columns at once.

        The columns are `grouping_set`, the place of the set, then each column that occurs in one,
        NULL where the set has it not, then the outputs.
        """
        return grouping_sets(rows, sets, outputs)
