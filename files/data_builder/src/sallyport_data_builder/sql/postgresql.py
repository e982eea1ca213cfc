"""PostgreSQL 15 and newer, by psycopg with binding in the client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import psycopg
import sqlalchemy as sa

from sallyport_data_builder.model.types import CODES, MULTI_CODES
from sallyport_data_builder.sql.dialect import TIGHT, Dialect, Element
from sallyport_data_builder.sql.statements import Analyze, CreateTableAs

TRANSIENT = ("08", "57P01", "57P02", "57P03", "53300", "40001", "40P01")
NOT_AVAILABLE = ("42P01", "42703", "3F000")
TOO_COMPLEX = ("54001", "54011", "53200")


class PostgreSQL(Dialect):
    """Scratch tables are unlogged ones in the scratch schema, so that plans stay parallel."""

    name = "postgresql"
    native: Mapping[str, tuple[str, ...]] = {
        "bool": ("boolean",),
        "int": ("bigint", "integer", "smallint"),
        "float": ("double precision",),
        "date": ("date",),
        **dict.fromkeys(("str", *CODES, *MULTI_CODES), ("text", "character varying")),
    }

    @contextmanager
    def connect(self, url: str, job: str, settings: Mapping[str, Any]) -> Iterator[sa.Connection]:
        """Connect with ISO dates, in UTC, and with the operator's settings."""
        scheme, _, rest = url.partition("://")
        if scheme.split("+")[0] in ("postgresql", "postgres"):
            url = f"postgresql+psycopg://{rest}"
        engine = sa.create_engine(
            url,
            poolclass=sa.NullPool,
            connect_args={
                "application_name": f"data-builder {job}"[:63],
                "cursor_factory": psycopg.ClientCursor,
                "connect_timeout": 30,
            },
            isolation_level="AUTOCOMMIT",
        )
        with engine.connect() as connection:
            fixed = {
                "DateStyle": "ISO, YMD",
                "TimeZone": "UTC",
                "standard_conforming_strings": "on",
            }
            for name, value in {**fixed, **settings}.items():
                connection.execute(sa.select(sa.func.set_config(name, str(value), False)))
            yield connection

    def create_table(self, name: str, select: sa.Select[Any], schema: str) -> list[Any]:
        """Unlogged in a scratch schema, else temporary; statistics at once (PLN-06, PLN-07)."""
        kind = "UNLOGGED" if schema else "TEMPORARY"
        return [CreateTableAs(kind, name, schema, select), Analyze(name, schema)]

    def scratch_tables(self, connection: sa.Connection, schema: str, prefix: str) -> list[str]:
        """Look in the catalogue."""
        tables = sa.table(
            "tables",
            sa.column("table_name"),
            sa.column("table_schema"),
            schema="information_schema",
        )
        named = tables.c.table_name.startswith(prefix, autoescape=True)
        rows = sa.select(tables.c.table_name).where(tables.c.table_schema == schema, named)
        return sorted(connection.execute(rows).scalars())

    def column_types(self, connection: sa.Connection, select: sa.Select[Any]) -> dict[str, str]:
        """Ask the answer of no rows for its types."""
        described = connection.execute(select.limit(0)).cursor
        columns = described.description if described else ()
        names = {item[0]: item[1] for item in columns or ()}
        asked = sa.select(*(sa.func.format_type(oid, None).label(n) for n, oid in names.items()))
        return dict(connection.execute(asked).one()._mapping)

    def classify(self, error: Exception) -> tuple[int, str]:
        """Read the SQLSTATE."""
        original = getattr(error, "orig", error)
        state = str(getattr(original, "sqlstate", None) or "")
        if state.startswith(TRANSIENT) or (
            not state and isinstance(error, sa.exc.OperationalError)
        ):
            return 3, state or "no answer"
        if state in NOT_AVAILABLE:
            return 4, state
        return (6 if state in TOO_COMPLEX else 5), state or type(original).__name__

    def text_key(self, text: Element) -> Element:
        """By code point."""
        return sa.collate(text, "C")

    def date_add(self, op: str, date: Element, amount: Element) -> Element:
        """Clamped to the end of the month by the database, then moved to the first."""
        if op == "days":
            return _plus(date, sa.cast(amount, sa.Integer))
        moved = sa.cast(date + sa.func.make_interval(0, sa.cast(amount, sa.Integer)), sa.Date)
        clamped = self.date_part("day", moved) < self.date_part("day", date)
        return sa.case((clamped, _plus(moved, sa.literal(1))), else_=moved)

    def date_diff_days(self, start: Element, end: Element) -> Element:
        """Dates are taken from one another."""
        days = end.op("-", precedence=TIGHT)(start)
        return sa.cast(sa.type_coerce(days, sa.Integer), sa.BigInteger)

    def date_floor(self, op: str, date: Element) -> Element:
        """date_trunc, which gives a timestamp."""
        return sa.cast(sa.func.date_trunc(op, date), sa.Date)

    def to_int(self, number: Element) -> Element:
        """A cast would round."""
        return sa.cast(sa.func.trunc(number), sa.BigInteger)

    def extreme(self, op: str, parts: Sequence[Element]) -> Element:
        """These functions ignore NULL."""
        return cast(Element, getattr(sa.func, op)(*parts, type_=parts[0].type))

    def contains(self, text: Element, needle: Element) -> Element:
        """No pattern, so no escapes."""
        return sa.func.strpos(text, needle) > 0


def _plus(date: Element, days: Element) -> Element:
    return sa.type_coerce(date.op("+", precedence=TIGHT)(days), sa.Date)
