"""Every connector of the registry: a new one passes these tests by being added there."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pymssql
import pymysql
import pytest
import sqlalchemy as sa
import sqlglot
from trino.exceptions import TrinoConnectionError, TrinoQueryError

from sallyport_data_builder.errors import ArgumentsError
from sallyport_data_builder.sql.connectors import ALIASES, CONNECTORS, dialect_of
from sallyport_data_builder.sql.dialect import Dialect, Element
from sallyport_data_builder.sql.statements import Drop

DAY = datetime.date(2020, 2, 29)
KINDS = {"b": "bool", "n": "int", "x": "float", "s": "str", "d": "date"}


@pytest.fixture(params=list(CONNECTORS))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Return a connector."""
    return dialect_of(request.param)


def rows_of(dialect: Dialect) -> sa.TableClause:
    """Return a table with a column of each type."""
    columns = [sa.column(name, dialect.types[kind]) for name, kind in KINDS.items()]
    return sa.table("t", sa.column("patient_id", sa.BigInteger()), *columns)


def rendered(dialect: Dialect, statement: Any) -> str:
    """Render a statement and check that the database's grammar, as sqlglot knows it, takes it."""
    made = statement.compile(dialect=dialect.compiler(), compile_kwargs={"literal_binds": True})
    text = str(made)
    # Our sessions on MariaDB have no backslash escapes, which the parser cannot be told.
    plain = text.replace("\\", "/") if dialect.name == "mariadb" else text
    assert len(sqlglot.parse(plain, dialect=dialect.grammar)) == 1
    return text


METHODS: dict[str, Callable[[Dialect, Any], Element]] = {
    "literal bool": lambda d, _t: d.literal(True, "bool"),
    "literal int": lambda d, _t: d.literal(-1, "int"),
    "literal float": lambda d, _t: d.literal(0.5, "float"),
    "literal text": lambda d, _t: d.literal("o'k\\", "str"),
    "literal date": lambda d, _t: d.literal(DAY, "date"),
    "missing bool": lambda d, _t: d.missing("bool"),
    "missing text": lambda d, _t: d.missing("str"),
    "among texts": lambda d, t: d.among(t.c.s, ["o'k", "\\"], "str"),
    "among dates": lambda d, t: d.among(t.c.d, [DAY], "date"),
    "standard text": lambda d, t: d.standard_text(t.c.s),
    "text key": lambda d, t: d.text_key(t.c.s) > d.text_key(d.literal("a", "str")),
    "add days": lambda d, t: d.date_add("days", t.c.d, t.c.n),
    "add months": lambda d, t: d.date_add("months", t.c.d, t.c.n),
    "days between": lambda d, t: d.date_diff_days(t.c.d, t.c.d),
    "year": lambda d, t: d.date_part("year", t.c.d),
    "day": lambda d, t: d.date_part("day", t.c.d),
    "first of month": lambda d, t: d.date_floor("month", t.c.d),
    "first of year": lambda d, t: d.date_floor("year", t.c.d),
    "to int": lambda d, t: d.to_int(t.c.x),
    "floor": lambda d, t: d.floor(t.c.x),
    "quotient": lambda d, t: d.int_quotient(t.c.n, t.c.n),
    "power": lambda d, t: d.power(t.c.x, t.c.x),
    "least": lambda d, t: d.extreme("least", [t.c.n, d.literal(1, "int"), t.c.n], "int"),
    "least float": lambda d, t: d.extreme("least", [t.c.x, t.c.x], "float"),
    "greatest": lambda d, t: d.extreme("greatest", [t.c.d, d.literal(DAY, "date")], "date"),
    "greatest text": lambda d, t: d.extreme("greatest", [t.c.s] * 300, "str"),
    "years between": lambda d, t: d.date_diff("years", t.c.d, t.c.d),
    "floor quotient": lambda d, t: d.floor_quotient(t.c.n, t.c.n),
    "contains": lambda d, t: d.contains(t.c.s, d.literal("%", "str")),
    "filtered count": lambda d, t: d.filtered(sa.func.count(), t.c.b),
    "filtered distinct": lambda d, t: d.filtered(sa.func.count(sa.distinct(t.c.s)), t.c.n > 1),
    "filtered sum": lambda d, t: d.filtered(sa.func.sum(t.c.n), t.c.b),
    "a condition as a value": lambda _d, t: (t.c.n > 1) & ~t.c.b,
    "a comparison of conditions": lambda _d, t: (t.c.n > 1) == t.c.b,
}


@pytest.mark.parametrize("method", METHODS)
def test_each_method_renders_what_the_database_parses(dialect: Dialect, method: str) -> None:
    rows = rows_of(dialect)
    made = METHODS[method](dialect, rows).label("made")
    rendered(dialect, sa.select(made).select_from(rows))


def test_rows_are_picked_grouped_stored_and_dropped(dialect: Dialect) -> None:
    rows = rows_of(dialect)
    order = [dialect.null_smallest(rows.c.d, True), dialect.null_smallest(rows.c.n, False)]
    picked = dialect.pick(sa.select(rows.c.patient_id, rows.c.s), rows.c.patient_id, order)
    total = sa.func.sum(rows.c.n).label("total")
    grouped = dialect.grouping(rows, [["b", "s"], ["s"], []], [total])
    names = ["grouping_set", "b", "s", "total"]
    assert [column.name for column in grouped.selected_columns] == names
    for schema in ("", "scratch"):
        for select in (picked, grouped):
            for statement in dialect.create_table("sp_job_1", select, schema):
                assert "sp_job_1" in rendered(dialect, statement)
        rendered(dialect, Drop("sp_job_1", schema))


def test_each_says_what_a_statement_may_hold(dialect: Dialect) -> None:
    limits = dialect.limits
    assert min(limits.parameters, limits.literals, limits.joins, limits.columns) >= 20
    assert limits.identifier >= len("sp_") + 40
    assert set(dialect.native) <= set(dialect.types)


@pytest.mark.parametrize("scheme", [*CONNECTORS, *ALIASES])
def test_the_scheme_picks_the_connector(scheme: str) -> None:
    expected = ALIASES.get(scheme, scheme)
    assert dialect_of(f"{scheme}://host/database").name == expected
    assert dialect_of(f"{scheme}+driver://host/database").name == expected
    assert dialect_of("sqlite://", scheme).name == expected


def test_an_unknown_scheme_names_the_nearest() -> None:
    with pytest.raises(ArgumentsError, match="Did you mean postgresql"):
        dialect_of("postgresq://host/database")


def state(code: str) -> Exception:
    """Return PostgreSQL's error with a code."""
    return psycopg.errors.lookup(code)("")


def trino(name: str) -> Exception:
    """Return Trino's error with a name."""
    return TrinoQueryError({"errorName": name, "errorCode": 1, "message": "name 'Smith'"})


# The table of exit codes, and for each database a code that is in none of its columns.
CODES: list[tuple[str, Exception, int]] = [
    *(
        ("postgresql", state(code), exit_code)
        for exit_code, codes in {
            3: ("08006", "08001", "57P01", "57P02", "57P03", "53300", "40001", "40P01"),
            4: ("42P01", "42703", "3F000"),
            6: ("54001", "54011", "53200"),
            5: ("57014", "42501", "22012"),
        }.items()
        for code in codes
    ),
    *(
        ("mariadb", pymysql.err.OperationalError(code, "name 'Smith'"), exit_code)
        for exit_code, codes in {
            3: (2006, 2013, 1213, 1040), 4: (1146, 1054), 6: (1436,), 5: (1142, 1064, 1969),
        }.items()
        for code in codes
    ),
    *(
        ("mssql", pymssql.OperationalError((code, b"name 'Smith'")), exit_code)
        for exit_code, codes in {
            3: (1205, 20003, 20006), 4: (208, 207), 6: (8623, 8631, 8632, 1702), 5: (229, 102),
        }.items()
        for code in codes
    ),
    *(
        ("trino", trino(name), exit_code)
        for exit_code, names in {
            3: ("SERVER_SHUTTING_DOWN",),
            4: ("TABLE_NOT_FOUND", "COLUMN_NOT_FOUND"),
            6: ("QUERY_TEXT_TOO_LARGE", "QUERY_HAS_TOO_MANY_STAGES", "COMPILER_ERROR"),
            5: ("PERMISSION_DENIED", "EXCEEDED_TIME_LIMIT"),
        }.items()
        for name in names
    ),
    ("trino", TrinoConnectionError("refused"), 3),
    ("duckdb", duckdb.IOException("refused"), 3),
    ("duckdb", duckdb.OutOfMemoryException("full"), 6),
    ("duckdb", duckdb.ConversionException("'Smith'"), 5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "error", "expected"), CODES, ids=lambda value: getattr(value, "name", None)
)
def test_an_error_becomes_an_exit_code_and_no_message(
    name: str, error: Exception, expected: int
) -> None:
    wrapped = sa.exc.DBAPIError("SELECT 'Smith'", None, error)
    for each in (error, wrapped):
        code, native = dialect_of(name).classify(each)
        assert code == expected
        assert native
        assert "Smith" not in native


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
@pytest.mark.parametrize("sql", ["select * from no_table", "select no_column from one_row"])
def test_what_is_missing_is_told_from_what_is_wrong(tmp_path: Path, scheme: str, sql: str) -> None:
    path = tmp_path / "file"
    made: Any = duckdb.connect(path) if scheme == "duckdb" else sqlite3.connect(path)
    made.execute("create table one_row (n int)")
    made.close()
    dialect = dialect_of(scheme)
    with dialect.connect(f"{scheme}:///{path}", "job", {}) as connection:
        assert connection.exec_driver_sql("select n from one_row").all() == []
        with pytest.raises(sa.exc.DBAPIError) as missing:
            connection.exec_driver_sql(sql)
        with pytest.raises(sa.exc.DBAPIError) as wrong:
            connection.exec_driver_sql("select select")
        with pytest.raises(sa.exc.DBAPIError) as written:
            connection.exec_driver_sql("insert into one_row values (1)")
    assert dialect.classify(missing.value)[0] == 4
    assert dialect.classify(wrong.value)[0] == 5
    assert dialect.classify(written.value)[0] == 5


def test_a_busy_file_is_worth_another_try(tmp_path: Path) -> None:
    path = tmp_path / "file"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("create table t (n int)")
    holder.execute("begin exclusive")
    dialect = dialect_of("sqlite")
    with dialect.connect(f"sqlite:///{path}", "job", {}) as connection:
        connection.exec_driver_sql("pragma busy_timeout = 1")
        with pytest.raises(sa.exc.DBAPIError) as busy:
            connection.exec_driver_sql("select * from t")
        assert dialect.classify(busy.value)[0] == 3
        holder.execute("commit")
        assert connection.exec_driver_sql("select * from t").all() == []
    holder.close()


TLS = "its certificate was not accepted"
LOGIN = "user name or password is wrong"
NOT_CONNECTED = {
    'connection failed: server certificate for "db" does not match host name "x"': (5, TLS),
    "connection failed: SSL error: certificate verify failed": (5, TLS),
    "connection failed: server does not support SSL, but SSL was required": (5, TLS),
    'FATAL:  password authentication failed for user "smith"': (5, LOGIN),
    "fe_sendauth: no password supplied": (5, LOGIN),
    'no pg_hba.conf entry for host "10.0.0.1"': (5, "this user is not admitted from here"),
    'could not translate host name "db" to address': (3, "its host name is unknown"),
    "server closed the connection unexpectedly": (3, "no answer"),
    "SSL connection has been closed unexpectedly": (3, "no answer"),
    "FATAL:  the database system is starting up": (3, "no answer"),
}


@pytest.mark.parametrize("message", NOT_CONNECTED)
def test_why_postgresql_was_not_reached_is_read_from_its_message(message: str) -> None:
    """A transient fault is worth another try; a wrong password or certificate is not."""
    error = sa.exc.OperationalError("connect", None, psycopg.OperationalError(message))
    assert dialect_of("postgresql").classify(error) == NOT_CONNECTED[message]
