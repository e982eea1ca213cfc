"""PostgreSQL 15 and newer, by psycopg with binding in the client; answers come by COPY."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, distinct_on
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from sallyport_data_builder.errors import ExitCode
from sallyport_data_builder.schemas.types import TEXTS
from sallyport_data_builder.sql.dialect import TIGHT, Dialect, Element, Key, Limits
from sallyport_data_builder.sql.statements import Analyze, CreateTableAs

if TYPE_CHECKING:
    import pyarrow as pa

TRANSIENT = ("08", "57P01", "57P02", "57P03", "53300", "40001", "40P01")
NOT_AVAILABLE = ("42P01", "42703", "3F000")
TOO_COMPLEX = ("54001", "54011", "53200")
# A connection that was never made has no SQLSTATE: libpq's message is all there is.
NOT_CONNECTED = (
    (r"certificate|does not support SSL", ExitCode.REFUSED, "its certificate was not accepted"),
    (r"password|authentication failed", ExitCode.REFUSED, "user name or password is wrong"),
    (r"no pg_hba\.conf entry", ExitCode.REFUSED, "this user is not admitted from here"),
    (r'database ".*" does not exist', ExitCode.REFUSED, "it has no database of this name"),
    (r"could not translate host name", ExitCode.UNREACHABLE, "its host name is unknown"),
    (r"Connection refused", ExitCode.UNREACHABLE, "nothing listens on its port"),
)


def not_connected(message: str) -> tuple[ExitCode, str]:
    """Return code and reason for a connection that was not made, or broke off."""
    for pattern, code, reason in NOT_CONNECTED:
        if re.search(pattern, message):
            return code, reason
    return ExitCode.UNREACHABLE, "no answer"


class PostgreSQL(Dialect):
    """Scratch tables are unlogged ones in the scratch schema, so that plans stay parallel."""

    name = "postgresql"
    grammar = "postgres"
    limits = Limits(parameters=60_000, joins=100, columns=1_600, identifier=63, literals=5_000)
    native: Mapping[str, tuple[str, ...]] = {
        "bool": ("boolean",),
        "int": ("bigint", "integer", "smallint"),
        "float": ("double precision",),
        "date": ("date",),
        **dict.fromkeys(TEXTS, ("text", "character varying")),
    }

    errors = (sa.exc.SQLAlchemyError, psycopg.Error)
    fused_picks = True
    nesting = 100
    copies = True
    # Statistics are taken as soon as a table is made (PLN-06).
    ages = (
        "select relname, extract(epoch from now() - last_analyze) from pg_stat_user_tables "
        "where schemaname = :schema and last_analyze is not null"
    )

    def compiler(self) -> sa.Dialect:
        """The library's own; no backslash is special."""
        made: Any = PGDialect_psycopg
        found: sa.Dialect = made(paramstyle="named")
        found.__dict__["_backslash_escapes"] = False
        return found

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

    def cancel(self, connection: sa.Connection) -> None:
        """By the protocol's own way, which is a second connection (CON-05)."""
        driver: Any = connection.connection.driver_connection
        driver.cancel_safe()

    def stream(
        self, connection: sa.Connection, select: sa.Select[Any]
    ) -> Iterator[pa.RecordBatch | Sequence[sa.Row[Any]]]:
        """Arrow batches, read from COPY: no value becomes a Python object (FMT-11)."""
        import pyarrow as pa
        from pyarrow import csv

        kinds = {
            sa.Boolean: pa.bool_(), sa.Integer: pa.int64(), sa.Double: pa.float64(),
            sa.Date: pa.date32(), sa.Text: pa.string(),
        }  # fmt: skip
        types = {
            column.name: next(
                kind for known, kind in kinds.items() if isinstance(column.type, known)
            )
            for column in select.selected_columns
        }
        pieces = self.copy(connection, select)
        first = next(pieces, b"")
        if not first:
            return
        yield from csv.open_csv(
            pa.PythonFile(Reader(chain([first], pieces)), mode="r"),
            csv.ReadOptions(column_names=list(types), block_size=1 << 22),
            csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=True,
                quoted_strings_can_be_null=False, true_values=["t"], false_values=["f"],
            ),
        )  # fmt: skip

    def copy(self, connection: sa.Connection, select: sa.Select[Any]) -> Iterator[bytes]:
        """Give the rows as CSV without a header, as the database writes it."""
        text = select.compile(connection, compile_kwargs={"literal_binds": True})
        driver: Any = connection.connection.driver_connection
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY ({text}) TO STDOUT (FORMAT csv)") as rows,
        ):
            yield from rows

    def column_types(self, connection: sa.Connection, select: sa.Select[Any]) -> dict[str, str]:
        """Ask the answer of no rows for its types."""
        described = connection.execute(select.limit(0)).cursor
        columns = described.description if described else ()
        names = {item[0]: item[1] for item in columns or ()}
        statement = sa.select(
            *(sa.func.format_type(oid, None).label(n) for n, oid in names.items())
        )
        return dict(connection.execute(statement).one()._mapping)

    def query_id(self, cursor: Any) -> str:
        """The process that serves the connection."""
        return f"process {cursor.connection.info.backend_pid}"

    def classify(self, error: Exception) -> tuple[ExitCode, str]:
        """Read the SQLSTATE."""
        original = getattr(error, "orig", error)
        state = str(getattr(original, "sqlstate", None) or "")
        if not state and isinstance(original, psycopg.OperationalError):
            return not_connected(str(original))
        if state.startswith(TRANSIENT):
            return ExitCode.UNREACHABLE, state
        if state in NOT_AVAILABLE:
            return ExitCode.NOT_AVAILABLE, state
        code = ExitCode.TOO_COMPLEX if state in TOO_COMPLEX else ExitCode.REFUSED
        return code, state or type(original).__name__

    def text_key(self, text: Element) -> Element:
        """By code point."""
        return sa.collate(text, "C")

    def wrong_value(self, value: Element, kind: str) -> Element | None:
        """A date may be infinite, or before the first year."""
        if kind != "date":
            return None
        return sa.or_(~sa.func.isfinite(value), sa.func.date_part("year", value) < 1)

    def date_add(self, op: str, date: Element, amount: Element) -> Element:
        """Clamped to the end of the month by the database, then moved to the first."""
        step = sa.cast(amount, sa.Integer)
        if op == "days":
            return sa.type_coerce(date.op("+", precedence=TIGHT)(step), sa.Date)
        return self.clamped(date, sa.cast(date + sa.func.make_interval(0, step), sa.Date))

    def date_diff_days(self, start: Element, end: Element) -> Element:
        """Dates are taken from one another."""
        days = end.op("-", precedence=TIGHT)(start)
        return sa.cast(sa.type_coerce(days, sa.Integer), sa.BigInteger)

    def date_part(self, op: str, date: Element) -> Element:
        """A function of floats: EXTRACT makes a numeric, which is slow."""
        return sa.cast(sa.func.date_part(op, date), sa.BigInteger)

    def date_diff(self, op: str, start: Element, end: Element) -> Element:
        """The years of an age are quick, and right where the end is not earlier."""
        whole = super().date_diff(op, start, end)
        if op != "years":
            return whole
        age = sa.func.age(sa.cast(end, sa.DateTime()), sa.cast(start, sa.DateTime()))
        years = sa.cast(sa.func.date_part("year", age), sa.BigInteger)
        return sa.case((start <= end, years), else_=whole)

    def date_floor(self, op: str, date: Element) -> Element:
        """date_trunc, which gives a timestamp."""
        return sa.cast(sa.func.date_trunc(op, date), sa.Date)

    def to_int(self, number: Element) -> Element:
        """A cast would round."""
        return sa.cast(sa.func.trunc(number), sa.BigInteger)

    def extreme(self, op: str, parts: Sequence[Element], kind: str) -> Element:
        """These functions ignore NULL."""
        return cast(Element, getattr(sa.func, op)(*parts, type_=self.types[kind]))

    def contains(self, text: Element, needle: Element) -> Element:
        """No pattern, so no escapes."""
        return sa.func.strpos(text, needle) > 0

    def fence(self, select: sa.Select[Any]) -> sa.Select[Any]:
        """A subquery with OFFSET is not merged into the one around it."""
        return select.offset(sa.literal_column("0"))

    def picked(
        self, values: Sequence[Element], keys: Sequence[Key], last: bool, own: Element | None
    ) -> list[Element]:
        """The first of an ordered array."""
        order = [
            self.null_smallest(key.value, last)
            if key.nullable
            else (key.value.desc() if last else key.value)
            for key in keys
        ]
        found: list[Element] = []
        for value in values:
            listed = sa.func.array_agg(aggregate_order_by(value, *order), type_=ARRAY(value.type))
            rows: Any = listed if own is None else self.filtered(listed, own)
            found.append(sa.type_coerce(rows[sa.literal_column("1")], value.type))
        return found

    def pick(
        self, select: sa.Select[Any], patient: Element, order: Sequence[Element]
    ) -> sa.Select[Any]:
        """DISTINCT ON, which sorts once and numbers nothing."""
        return select.ext(distinct_on(patient)).order_by(patient, *order)


class Reader(io.RawIOBase):
    """A file of the pieces that an iterator gives."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes; nothing at the end."""
        found, length = [self._left], len(self._left)
        for piece in self._pieces:
            found.append(bytes(piece))
            length += len(piece)
            if 0 <= size <= length:
                break
        data = b"".join(found)
        cut = len(data) if size < 0 else size
        self._left = data[cut:]
        return data[:cut]
