"""Microsoft SQL Server 2019 and newer, by pymssql; compiled and parsed, not run in our tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pymssql
import sqlalchemy as sa
from sqlalchemy.dialects.mssql.pymssql import MSDialect_pymssql
from sqlalchemy.ext.compiler import compiles

from sallyport_data_builder.errors import ExitCode
from sallyport_data_builder.schemas.types import TEXTS, Value
from sallyport_data_builder.sql.bits import BitCompiler
from sallyport_data_builder.sql.dialect import Dialect, Element, Limits
from sallyport_data_builder.sql.portable import by_case
from sallyport_data_builder.sql.statements import CreateIndex, CreateTableAs, full_name

TRANSIENT = (1205, 1222, 6005, 10053, 10054, 10060, 20003, 20006, 20009, 20047)
NOT_AVAILABLE = (207, 208)
TOO_COMPLEX = (8623, 8631, 8632, 1702)
BINARY = "Latin1_General_100_BIN2"


class BitDialect(MSDialect_pymssql):
    """The library's own, with truth values where a value is wanted."""

    statement_compiler = BitCompiler
    supports_statement_cache = False


class SelectInto(CreateTableAs):
    """Stores the rows of a SELECT in the one way that this database has."""

    inherit_cache = False


@compiles(SelectInto)
def _select_into(element: SelectInto, compiler: Any, **options: Any) -> str:
    body = compiler.process(element.select, **options)
    name = full_name(compiler, element.name, element.schema)
    return " ".join(["SELECT * INTO", name, "FROM", f"({body})", "AS made"])


class SQLServer(Dialect):
    """Scratch tables are real ones, in `database.schema`, with a clustered key."""

    name = "mssql"
    grammar = "tsql"
    limits = Limits(parameters=2_000, joins=200, columns=1_000, identifier=116, literals=1_000)
    types: Mapping[str, Any] = {
        "bool": sa.Boolean(),
        "int": sa.BigInteger(),
        "float": sa.Double(),
        "date": sa.Date(),
        **dict.fromkeys(TEXTS, sa.Unicode(4000)),
    }
    errors = (sa.exc.SQLAlchemyError, pymssql.Error)
    native: Mapping[str, tuple[str, ...]] = {
        "bool": ("bit",),
        "int": ("bigint", "int", "smallint", "tinyint"),
        "float": ("float",),
        "date": ("date",),
        **dict.fromkeys(TEXTS, ("nvarchar", "varchar", "nchar", "char")),
    }

    def compiler(self) -> sa.Dialect:
        """With truth values as bits, for a version that has a type for dates."""
        made: Any = BitDialect
        found: sa.Dialect = made(paramstyle="named")
        found.__dict__["server_version_info"] = (15,)
        return found

    @contextmanager
    def connect(self, url: str, job: str, settings: Mapping[str, Any]) -> Iterator[sa.Connection]:
        """Connect with dates that no language setting changes."""
        sa.dialects.registry.register("mssql.bits", __name__, "BitDialect")
        words = ["SET DATEFORMAT ymd", "SET ANSI_NULLS ON", "SET ANSI_WARNINGS ON"]
        words += [f"SET {name} {value}" for name, value in settings.items()]
        engine = sa.create_engine(
            sa.make_url(url).set(drivername="mssql+bits"),
            poolclass=sa.NullPool,
            connect_args={"appname": f"data-builder {job}", "login_timeout": 30},
            isolation_level="AUTOCOMMIT",
        )
        with engine.connect() as connection:
            for word in words:
                connection.exec_driver_sql(word)
            yield connection

    def cancel(self, connection: sa.Connection) -> None:
        """The driver sends an attention."""
        driver: Any = connection.connection.driver_connection
        driver._conn.cancel()

    def create_table(self, name: str, select: sa.Select[Any], schema: str) -> list[Any]:
        """SELECT INTO, then the clustered key, which brings statistics."""
        statements: list[Any] = [SelectInto("", name, schema, select)]
        if "patient_id" in select.selected_columns:
            statements.append(CreateIndex("CLUSTERED", name, schema, "patient_id"))
        return statements

    def column_types(self, connection: sa.Connection, select: sa.Select[Any]) -> dict[str, str]:
        """Ask the server to describe the statement."""
        text = str(select.compile(connection, compile_kwargs={"literal_binds": True}))
        describe = sa.text(
            "SELECT name, system_type_name "
            "FROM sys.dm_exec_describe_first_result_set(:sql, NULL, 0)"
        )
        rows = connection.execute(describe, {"sql": text}).all()
        return {name: str(kind).partition("(")[0] for name, kind in rows}

    def classify(self, error: Exception) -> tuple[ExitCode, str]:
        """Read the number of the error."""
        original = getattr(error, "orig", error)
        number = original.args[0] if original.args else 0
        number = number[0] if isinstance(number, tuple) else number
        if number in TRANSIENT or isinstance(original, pymssql.InterfaceError):
            return ExitCode.UNREACHABLE, str(number)
        if number in NOT_AVAILABLE:
            return ExitCode.NOT_AVAILABLE, str(number)
        code = ExitCode.TOO_COMPLEX if number in TOO_COMPLEX else ExitCode.REFUSED
        return code, str(number)

    def literal(self, value: Value, kind: str) -> Element:
        """There is no cast to a truth value but that of a bit."""
        if kind == "bool":
            return sa.literal_column(f"CAST({int(bool(value))} AS BIT)", self.types[kind])
        return super().literal(value, kind)

    def standard_text(self, text: Element) -> Element:
        """By code point, whatever the column's collation is."""
        return sa.type_coerce(sa.collate(text, BINARY), self.types["str"])

    def null_smallest(self, key: Element, descending: bool) -> Element:
        """NULL is smallest."""
        return key.desc() if descending else key.asc()

    def date_add(self, op: str, date: Element, amount: Element) -> Element:
        """Clamped to the end of the month by the database, then moved to the first."""
        unit: Element = sa.literal_column({"days": "day", "months": "month"}[op])
        moved = sa.func.dateadd(unit, amount, date, type_=sa.Date())
        return moved if op == "days" else self.clamped(date, moved)

    def date_diff_days(self, start: Element, end: Element) -> Element:
        """A function of its own, which gives an int of 32 bits."""
        day: Element = sa.literal_column("day")
        return sa.cast(sa.func.datediff(day, start, end), sa.BigInteger)

    def date_floor(self, op: str, date: Element) -> Element:
        """Each writes the date once, or nested calls would double a statement at every level."""
        one: Element = sa.literal_column("1")
        if op == "year":
            return sa.func.datefromparts(sa.func.year(date), one, one, type_=sa.Date())
        before: Element = sa.func.eomonth(date, sa.literal_column("-1"))
        return sa.func.dateadd(sa.literal_column("day"), one, before, type_=sa.Date())

    def to_int(self, number: Element) -> Element:
        """A cast cuts."""
        return sa.cast(number, sa.BigInteger)

    def contains(self, text: Element, needle: Element) -> Element:
        """No pattern; the empty text, which is in every text, is not found by the function."""
        return sa.or_(sa.func.charindex(needle, text) > 0, sa.func.datalength(needle) == 0)

    def filtered(self, aggregate: sa.FunctionElement[Any], predicate: Element) -> Element:
        """There is no FILTER."""
        return by_case(aggregate, predicate)
