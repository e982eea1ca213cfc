"""What differs between databases; one small module per database overrides it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from sallyport_data_builder.model.types import CODES, MULTI_CODES, Value

Element = ColumnElement[Any]
# Operators that SQLAlchemy does not type for us put their operands in parentheses.
TIGHT = 15


class Dialect:
    """Standard SQL, where there is such a thing."""

    name = ""
    types: Mapping[str, Any] = {
        "bool": sa.Boolean(),
        "int": sa.BigInteger(),
        "float": sa.Double(),
        "str": sa.Text(),
        "date": sa.Date(),
        **dict.fromkeys((*CODES, *MULTI_CODES), sa.Text()),
    }

    # The database's own names of the types that a standard column may arrive in.
    native: Mapping[str, tuple[str, ...]] = {}

    @contextmanager
    def connect(self, url: str, job: str, settings: Mapping[str, Any]) -> Iterator[sa.Connection]:
        """Give one connection, without a pool."""
        raise NotImplementedError

    def create_table(self, name: str, select: sa.Select[Any], schema: str) -> list[Any]:
        """Return the statements that store a SELECT in a scratch table, with statistics."""
        raise NotImplementedError

    def scratch_tables(self, connection: sa.Connection, schema: str, prefix: str) -> list[str]:
        """Return the names of stored tables that start with a prefix."""
        raise NotImplementedError

    def column_types(self, connection: sa.Connection, select: sa.Select[Any]) -> dict[str, str]:
        """Return the database's own types of the columns of a SELECT."""
        raise NotImplementedError

    def classify(self, error: Exception) -> tuple[int, str]:
        """Return the exit code and the database's own code; never its message (LOG-01)."""
        raise NotImplementedError

    def literal(self, value: Value, kind: str) -> Element:
        """Return a constant of a type."""
        return sa.cast(sa.literal(value, self.types[kind]), self.types[kind])

    def text_key(self, text: Element) -> Element:
        """Return a text that is compared by code point."""
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

    def date_part(self, op: str, date: Element) -> Element:
        """Return year, month or day."""
        return sa.cast(sa.extract(op, date), self.types["int"])

    def date_floor(self, op: str, date: Element) -> Element:
        """Return the first day of the month or year."""
        raise NotImplementedError

    def to_int(self, number: Element) -> Element:
        """Cut towards zero."""
        raise NotImplementedError

    def floor(self, number: Element) -> Element:
        """Round towards minus infinity, to an int."""
        return sa.cast(sa.func.floor(number), self.types["int"])

    def int_quotient(self, left: Element, right: Element) -> Element:
        """Divide ints, cut towards zero."""
        return sa.type_coerce(left.op("/", precedence=TIGHT)(right), self.types["int"])

    def power(self, left: Element, right: Element) -> Element:
        """Raise to a power; the caller keeps out what has no answer."""
        return sa.func.power(left, right, type_=self.types["float"])

    def extreme(self, op: str, parts: Sequence[Element]) -> Element:
        """Return the least or greatest that is not NULL (SEM-06)."""
        raise NotImplementedError

    def contains(self, text: Element, needle: Element) -> Element:
        """Tell whether a text holds another, literally (SEM-13)."""
        raise NotImplementedError
