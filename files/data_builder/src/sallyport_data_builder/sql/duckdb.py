"""DuckDB: statements in PostgreSQL's words, answers as Arrow; it also evaluates dummy data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, cast

import duckdb
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect

from sallyport_data_builder.errors import ExitCode
from sallyport_data_builder.schemas.types import TEXTS
from sallyport_data_builder.sql.dialect import BATCH, Dialect, Element, Key, Limits
from sallyport_data_builder.sql.statements import CreateTableAs

TRANSIENT = (duckdb.IOException, duckdb.ConnectionException, duckdb.InterruptException)
NOT_AVAILABLE = (duckdb.CatalogException, duckdb.BinderException)
GONE = ("does not exist", "not found")


class Cursor:
    """What SQLAlchemy takes for a cursor: the driver's own sees other temporary tables."""

    rowcount = -1
    arraysize = 1

    def __init__(self, driver: duckdb.DuckDBPyConnection) -> None:
        self._driver = driver

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Run a statement."""
        self._driver.execute(sql, list(values))

    def executemany(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Run a statement for each row."""
        self._driver.executemany(sql, [list(row) for row in values])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def close(self) -> None:
        """Leave the connection open."""


class Session:
    """What SQLAlchemy takes for a connection; each statement commits itself."""

    def __init__(self, driver: duckdb.DuckDBPyConnection) -> None:
        self.driver = driver
        self.close = driver.close

    def cursor(self) -> Cursor:
        """Return a cursor on the same temporary tables."""
        return Cursor(self.driver)

    def commit(self) -> None:
        """Nothing is open."""

    def rollback(self) -> None:
        """Nothing is open."""


class DuckDialect(PGDialect):
    """PostgreSQL's words; none of its catalogue."""

    name = "duckdb"
    driver = "duckdb"
    default_paramstyle = "qmark"
    supports_statement_cache = False
    _backslash_escapes = False

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """Return the driver."""
        return duckdb

    def initialize(self, connection: sa.Connection) -> None:
        """Ask nothing."""


class DuckDB(Dialect):
    """A file opened for reading, or memory; scratch tables are temporary."""

    name = "duckdb"
    grammar = "duckdb"
    has_scratch_schema = False
    limits = Limits(parameters=60_000, joins=200, columns=5_000, identifier=255, literals=5_000)
    native: Mapping[str, tuple[str, ...]] = {
        "bool": ("BOOLEAN",),
        "int": ("BIGINT", "INTEGER", "SMALLINT", "TINYINT"),
        "float": ("DOUBLE",),
        "date": ("DATE",),
        **dict.fromkeys(TEXTS, ("VARCHAR",)),
    }

    errors = (sa.exc.SQLAlchemyError, duckdb.Error)
    fused_picks = True
    nesting = 100
    stores_grid = False

    def compiler(self) -> sa.Dialect:
        """Words of PostgreSQL, parameters as question marks."""
        made: Any = DuckDialect
        found: sa.Dialect = made()
        return found

    @contextmanager
    def connect(self, url: str, job: str, settings: Mapping[str, Any]) -> Iterator[sa.Connection]:
        """Open the file, and set what the operator set."""
        del job
        path = sa.make_url(url).database or ":memory:"

        def opened() -> Session:
            config: dict[str, Any] = {name: str(value) for name, value in settings.items()}
            driver = duckdb.connect(path, read_only=path != ":memory:", config=config)
            driver.execute("SET enable_progress_bar = false")  # it goes to standard output
            return Session(driver)

        sa.dialects.registry.register("duckdb", __name__, "DuckDialect")
        engine = sa.create_engine("duckdb://", creator=opened, poolclass=sa.NullPool)
        with engine.connect() as connection:
            yield connection

    def cancel(self, connection: sa.Connection) -> None:
        """Interrupt."""
        driver_of(connection).interrupt()

    def picked(
        self, values: Sequence[Element], keys: Sequence[Key], last: bool, own: Element | None
    ) -> list[Element]:
        """The smallest or largest row of keys, which the values follow."""
        parts: list[Element] = []
        for key in keys:
            parts += [key.value.is_not(None)] if key.nullable else []
            parts.append(key.value)
        start = len(parts)
        whole = sa.func.row(*parts, *values)
        best: Any = sa.func.max(whole) if last else sa.func.min(whole)
        row = best if own is None else self.filtered(best, own)
        return [
            sa.func.struct_extract(row, sa.literal_column(str(place)), type_=value.type)
            for place, value in enumerate(values, start=start + 1)
        ]

    def create_table(self, name: str, select: sa.Select[Any], schema: str) -> list[Any]:
        """Temporary tables; statistics come by themselves."""
        del schema
        return [CreateTableAs("TEMPORARY", name, "", select)]

    def stream(
        self, connection: sa.Connection, select: sa.Select[Any]
    ) -> Iterator[pa.RecordBatch | Sequence[sa.Row[Any]]]:
        """Arrow batches."""
        made = select.compile(
            dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
        )
        values = [made.params[name] for name in made.positiontup or ()]
        answer: Any = driver_of(connection).sql(str(made), params=values)
        yield from answer.to_arrow_reader(BATCH)

    def scratch_tables(self, connection: sa.Connection, schema: str, prefix: str) -> list[str]:
        """Temporary tables end with their connection."""
        del connection, schema, prefix
        return []

    def column_types(self, connection: sa.Connection, select: sa.Select[Any]) -> dict[str, str]:
        """Ask the answer of no rows for its types."""
        columns = connection.execute(select.limit(0)).cursor.description
        return {item[0]: str(item[1]) for item in columns}

    def classify(self, error: Exception) -> tuple[ExitCode, str]:
        """By the class of the error; what is missing is told by text."""
        original = getattr(error, "orig", error)
        name = type(original).__name__
        if isinstance(original, TRANSIENT):
            return ExitCode.UNREACHABLE, name
        if isinstance(original, NOT_AVAILABLE) and any(word in str(original) for word in GONE):
            return ExitCode.NOT_AVAILABLE, name
        large = isinstance(original, duckdb.OutOfMemoryException)
        return ExitCode.TOO_COMPLEX if large else ExitCode.REFUSED, name

    def wrong_value(self, value: Element, kind: str) -> Element | None:
        """A date may be infinite, or before the first year."""
        if kind != "date":
            return None
        return sa.or_(~sa.func.isfinite(value), sa.func.date_part("year", value) < 1)

    def date_add(self, op: str, date: Element, amount: Element) -> Element:
        """Clamped to the end of the month by the database, then moved to the first."""
        step = sa.cast(amount, sa.Integer)
        if op == "days":
            return sa.type_coerce(date + step, sa.Date)
        moved = sa.cast(date + sa.func.to_months(step, type_=sa.Interval()), sa.Date)
        return self.clamped(date, moved)

    def date_diff_days(self, start: Element, end: Element) -> Element:
        """A function of its own."""
        return sa.func.date_diff("day", start, end, type_=sa.BigInteger())

    def date_floor(self, op: str, date: Element) -> Element:
        """date_trunc."""
        return sa.cast(sa.func.date_trunc(op, date), sa.Date)

    def to_int(self, number: Element) -> Element:
        """A cast would round."""
        return sa.cast(sa.func.trunc(number), sa.BigInteger)

    def int_quotient(self, left: Element, right: Element) -> Element:
        """`/` is division of floats here."""
        return sa.type_coerce(left.op("//", precedence=15)(right), sa.BigInteger)

    def extreme(self, op: str, parts: Sequence[Element], kind: str) -> Element:
        """These functions ignore NULL."""
        return cast(Element, getattr(sa.func, op)(*parts, type_=self.types[kind]))

    def contains(self, text: Element, needle: Element) -> Element:
        """No pattern, so no escapes."""
        return sa.func.strpos(text, needle) > 0


def driver_of(connection: sa.Connection) -> duckdb.DuckDBPyConnection:
    """Return the driver's connection, for Arrow in and out."""
    session: Any = connection.connection.dbapi_connection
    return cast(duckdb.DuckDBPyConnection, session.driver)
