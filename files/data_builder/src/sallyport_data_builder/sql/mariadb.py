"""MariaDB 10.11 and newer, by PyMySQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pymysql
import sqlalchemy as sa
from pymysql.constants import FIELD_TYPE
from sqlalchemy.dialects.mysql.base import MySQLCompiler
from sqlalchemy.dialects.mysql.mariadb import loader

from sallyport_data_builder.errors import ExitCode
from sallyport_data_builder.schemas.types import CODES, TEXTS, Value
from sallyport_data_builder.sql.dialect import TIGHT, Dialect, Element, Limits
from sallyport_data_builder.sql.portable import Outputs, Sets, by_case, union_of_sets
from sallyport_data_builder.sql.statements import CreateTableAs

TRANSIENT = (2002, 2003, 2006, 2013, 2055, 1040, 1053, 1205, 1213, 1317, 1927)
NOT_AVAILABLE = (1146, 1054, 1049)
TOO_COMPLEX = (1436, 1116, 1117, 1118, 1390, 2020, 1153)
BINARY = "utf8mb4_nopad_bin"
CODE, WIDE = 250, 70_000  # characters
NUMBERS = ("int", "float")
# What sorts after, or before, every value of a type; text has a digit put before it.
OUTSIDE = {
    ("least", "int"): f"'{2**63}'",
    ("greatest", "int"): f"'{-(2**63) - 1}'",
    ("least", "float"): "1.7976931348623157e308",
    ("greatest", "float"): "-1.7976931348623157e308",
    ("least", "str"): "'2'",
    ("greatest", "str"): "'0'",
}
WIDE_INT = sa.Numeric(20, 0)
BOOLEANS = {True: "TRUE", False: "FALSE"}
TYPES = {value: name.lower() for name, value in vars(FIELD_TYPE).items() if name.isupper()}


class TruthCompiler(MySQLCompiler):
    """There is no cast to bool: NULL of a truth value is that of an int."""

    def visit_typeclause(self, *args: Any, **options: Any) -> Any:
        """Return the type of a cast."""
        base: Any = super()
        if isinstance(args[0].type, sa.Boolean):
            return "SIGNED INTEGER"
        return base.visit_typeclause(*args, **options)


# The library makes its class for MariaDB and this driver at run time; ours is that, with casts.
TruthDialect: Any = type(
    "TruthDialect",
    (loader("pymysql"),),
    {"statement_compiler": TruthCompiler, "supports_statement_cache": False},
)


class MariaDB(Dialect):
    """Text gets a binary collation without padding, in standard rows and so in scratch tables."""

    name = "mariadb"
    grammar = "mysql"
    loose = True
    limits = Limits(parameters=60_000, joins=60, columns=1_000, identifier=64, literals=5_000)
    native: Mapping[str, tuple[str, ...]] = {
        "bool": ("tiny", "long", "longlong", "short", "bit"),
        "int": ("longlong", "long", "int24", "short", "tiny"),
        "float": ("double", "float"),
        "date": ("date", "newdate"),
        **dict.fromkeys(TEXTS, ("var_string", "string", "blob", "varchar")),
    }
    ages = (
        "select table_name, timestampdiff(second, create_time, now()) "
        "from information_schema.tables where table_schema = :schema and create_time is not null"
    )

    def compiler(self) -> sa.Dialect:
        """The library's own; no backslash is special, and there is a cast to float."""
        made: Any = TruthDialect
        found: sa.Dialect = made(paramstyle="named")
        found.__dict__.update(_support_float_cast=True, _backslash_escapes=False)
        return found

    @contextmanager
    def connect(self, url: str, job: str, settings: Mapping[str, Any]) -> Iterator[sa.Connection]:
        """Connect in UTC, strictly, with literals that compare by code point."""
        del job
        fixed = {
            "sql_mode": "STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION",
            "time_zone": "+00:00",
        }
        given = ", ".join(f"{name} = {_setting(v)}" for name, v in {**fixed, **settings}.items())
        sa.dialects.registry.register("mariadb.truth", __name__, "TruthDialect")
        engine = sa.create_engine(
            sa.make_url(url).set(drivername="mariadb+truth"),
            poolclass=sa.NullPool,
            connect_args={
                "charset": "utf8mb4",
                "connect_timeout": 30,
                "init_command": f"SET SESSION {given}",
                "program_name": "data-builder",
            },
            isolation_level="AUTOCOMMIT",
        )
        with engine.connect() as connection:
            # The library says SET NAMES when it connects, which takes back what came before.
            connection.exec_driver_sql(f"SET NAMES utf8mb4 COLLATE {BINARY}")
            yield connection

    def cancel(self, connection: sa.Connection) -> None:
        """Kill the statement from a second connection (CON-05)."""
        driver: Any = connection.connection.driver_connection
        with connection.engine.connect() as other:
            other.exec_driver_sql(f"KILL QUERY {int(driver.thread_id())}")

    def fence(self, select: sa.Select[Any]) -> sa.Select[Any]:
        """A derived table with LIMIT is not merged."""
        return select.limit(sa.literal_column(str(2**63 - 1)))

    def create_table(self, name: str, select: sa.Select[Any], schema: str) -> list[Any]:
        """Real ones in a scratch schema, else temporary ones, with a key if they have patients."""
        key = "patient_id" if "patient_id" in select.selected_columns else ""
        return [CreateTableAs("" if schema else "TEMPORARY", name, schema, select, key)]

    def column_types(self, connection: sa.Connection, select: sa.Select[Any]) -> dict[str, str]:
        """Ask the answer of no rows for its types."""
        columns = connection.execute(select.limit(0)).cursor.description
        return {item[0]: TYPES.get(item[1], "") for item in columns}

    def query_id(self, cursor: Any) -> str:
        """The thread that serves the connection."""
        return f"thread {cursor.connection.thread_id()}"

    def classify(self, error: Exception) -> tuple[ExitCode, str]:
        """Read the number of the error."""
        original = getattr(error, "orig", error)
        number = original.args[0] if original.args else 0
        if number in TRANSIENT or isinstance(original, pymysql.err.InterfaceError):
            return ExitCode.UNREACHABLE, str(number)
        if number in NOT_AVAILABLE:
            return ExitCode.NOT_AVAILABLE, str(number)
        code = ExitCode.TOO_COMPLEX if number in TOO_COMPLEX else ExitCode.REFUSED
        return code, str(number)

    def literal(self, value: Value, kind: str) -> Element:
        """There is no cast to bool."""
        if kind == "bool" and value is not None:
            return sa.literal_column(BOOLEANS[bool(value)], self.types[kind])
        return super().literal(value, kind)

    def missing(self, kind: str) -> Element:
        """Without a width, text would be made as wide as NULL; a code may be a key."""
        if kind not in TEXTS:
            return super().missing(kind)
        wide = sa.cast(sa.null(), sa.String(CODE if kind in CODES else WIDE))
        return sa.collate(wide, BINARY)

    def standard_text(self, text: Element) -> Element:
        """Whatever the column's character set and collation are."""
        converted = sa.func.convert(text.op("USING", precedence=TIGHT)(sa.text("utf8mb4")))
        return sa.collate(sa.type_coerce(converted, sa.Text()), BINARY)

    def wrong_value(self, value: Element, kind: str) -> Element | None:
        """Dates may be zero in whole or in part, or be text, or have a time."""
        if kind != "date":
            return None
        text = sa.cast(sa.type_coerce(value, sa.Text()), sa.String(40))
        last = sa.func.last_day(value, type_=sa.Date())
        parts = (sa.func.year(value), sa.func.month(value), sa.func.dayofmonth(value))
        return sa.or_(
            sa.func.char_length(text) != 10,
            last.is_(None),
            value > last,
            *(sa.func.coalesce(part, 0) == 0 for part in parts),
        )

    def null_smallest(self, key: Element, descending: bool) -> Element:
        """NULL is smallest."""
        return key.desc() if descending else key.asc()

    def date_add(self, op: str, date: Element, amount: Element) -> Element:
        """Clamped to the end of the month by the database, then moved to the first."""
        unit: Element = sa.literal_column({"days": "DAY", "months": "MONTH"}[op])
        moved = sa.cast(sa.func.timestampadd(unit, amount, date), sa.Date)
        return moved if op == "days" else self.clamped(date, moved)

    def date_diff_days(self, start: Element, end: Element) -> Element:
        """A function of its own."""
        return sa.func.datediff(end, start, type_=sa.BigInteger())

    def date_floor(self, op: str, date: Element) -> Element:
        """By format."""
        pattern = {"month": "%Y-%m-01", "year": "%Y-01-01"}[op]
        return sa.cast(sa.func.date_format(date, pattern), sa.Date)

    def to_int(self, number: Element) -> Element:
        """A cast would round."""
        return sa.cast(sa.func.truncate(number, 0), sa.BigInteger)

    def int_quotient(self, left: Element, right: Element) -> Element:
        """`/` gives a decimal."""
        return sa.type_coerce(left.op("DIV", precedence=TIGHT)(right), sa.BigInteger)

    def extreme(self, op: str, parts: Sequence[Element], kind: str) -> Element:
        """Put what no value can be in the place of NULL, then take it out.

        The one exception is the largest double, which counts as NULL here.
        """
        function = sa.func.least if op == "least" else sa.func.greatest
        stand_in: Element = sa.literal_column(OUTSIDE[op, kind if kind in NUMBERS else "str"])
        if kind == "int":
            parts, stand_in = (
                [sa.cast(part, WIDE_INT) for part in parts],
                sa.cast(stand_in, WIDE_INT),
            )
        elif kind != "float":
            parts = [sa.func.concat("1", part) for part in parts]
        present = [sa.func.coalesce(part, stand_in) for part in parts]
        best: Element = sa.func.nullif(function(*present) if present[1:] else present[0], stand_in)
        if kind in NUMBERS:
            return sa.cast(best, self.types[kind])
        text = sa.func.substring(best, 2, type_=self.types["str"])
        return sa.cast(text, sa.Date) if kind == "date" else text

    def contains(self, text: Element, needle: Element) -> Element:
        """No pattern, so no escapes."""
        return sa.func.locate(needle, text) > 0

    def filtered(self, aggregate: sa.FunctionElement[Any], predicate: Element) -> Element:
        """There is no FILTER."""
        return by_case(aggregate, predicate)

    def grouping(self, rows: sa.FromClause, sets: Sets, outputs: Outputs) -> sa.Select[Any]:
        """There are no grouping sets."""
        return union_of_sets(rows, sets, outputs)


def _setting(value: Any) -> str:
    """Return a setting of the operator as SQL."""
    if isinstance(value, int | float):
        return str(value)
    doubled = str(value).replace("'", "''")
    return f"'{doubled}'"
