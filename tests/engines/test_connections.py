"""What connectors promise on a live server: names, scratch tables, cancelling, typed answers."""

from __future__ import annotations

import datetime
import gc
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from tests.unit.data_builder.engines import KINDS, make

from sallyport_data_builder.sql.connectors import dialect_of
from sallyport_data_builder.sql.statements import Drop

LIVE = ("postgresql", "mariadb")
SLOW = {"postgresql": "select pg_sleep(60)", "mariadb": "select sleep(60) from dual"}
TYPES = {"b": "bool", "n": "int", "x": "float", "s": "str", "d": "date"}
TEXTS = ("", " ", "a", "A", "a ", "o'k", "\\", 'q"q', "%", "é", "1,2", "line\nbreak")
ROWS = [
    {"patient_id": n, "b": n % 2 == 0, "n": 2**62 + n, "x": n / 7, "s": text, "d": None}
    for n, text in enumerate(TEXTS)
] + [{"patient_id": 99, **dict.fromkeys(TYPES), "d": datetime.date(1900, 2, 28)}]


@pytest.fixture(params=LIVE)
def url(request: pytest.FixtureRequest) -> str:
    """Give a live server's URL."""
    found: str = request.getfixturevalue(request.param)
    return found


def stored(dialect: Any, name: str, schema: str = "") -> sa.TableClause:
    """Return the table of ROWS as statements read it."""
    columns = [sa.column(key, dialect.types[kind]) for key, kind in TYPES.items()]
    patient = sa.column("patient_id", sa.BigInteger())
    return sa.table(name, patient, *columns, schema=schema or None)


def test_every_value_comes_back_as_it_was(url: str) -> None:
    dialect = dialect_of(url)
    with dialect.connect(url, "job", {}) as connection:
        make(connection, "values_of", TYPES, ROWS, KINDS[dialect.name])
        rows = stored(dialect, "values_of")
        found: list[tuple[Any, ...]] = []
        for part in dialect.stream(connection, sa.select(rows).order_by(rows.c.patient_id)):
            columns = [column.to_pylist() for column in getattr(part, "columns", ())]
            found += zip(*columns, strict=True) if columns else [tuple(row) for row in part]
    assert found == [tuple(row.values()) for row in ROWS]
    assert {type(value) for value in found[1]} == {int, bool, float, str, type(None)}


def test_a_list_holds_exactly_its_values(url: str) -> None:
    dialect = dialect_of(url)
    with dialect.connect(url, "job", {}) as connection:
        make(connection, "values_of", TYPES, ROWS, KINDS[dialect.name])
        rows = stored(dialect, "values_of")
        text = dialect.standard_text(rows.c.s)
        for wanted in TEXTS:
            select = sa.select(rows.c.s).where(dialect.among(text, [wanted, "absent"], "str"))
            assert connection.execute(select).scalars().all() == [wanted]


def test_scratch_tables_are_real_ones_of_the_scratch_schema(url: str) -> None:
    dialect = dialect_of(url)
    select: Any = sa.select(
        sa.literal(1).label("patient_id"), dialect.literal("a", "str").label("s")
    )
    with dialect.connect(url, "job", {}) as connection:
        connection.exec_driver_sql("create schema scratch_of_ours")
        for statement in dialect.create_table("sp_job_1", select, "scratch_of_ours"):
            connection.execute(statement)
        assert dialect.scratch_tables(connection, "scratch_of_ours", "sp_job_") == ["sp_job_1"]
        assert dialect.scratch_tables(connection, "scratch_of_ours", "sp%job") == []
        with dialect.connect(url, "another", {}) as other:
            found = sa.table("sp_job_1", sa.column("s"), schema="scratch_of_ours")
            assert other.execute(sa.select(found)).all() == [("a",)]
        connection.execute(Drop("sp_job_1", "scratch_of_ours"))
        assert dialect.scratch_tables(connection, "scratch_of_ours", "sp_job_") == []
        connection.exec_driver_sql("drop schema scratch_of_ours")


def test_con_03_a_running_statement_is_cancelled(url: str) -> None:
    dialect = dialect_of(url)
    with dialect.connect(url, "job", {}) as connection:
        timer = threading.Timer(0.5, dialect.cancel, [connection])
        started = time.monotonic()
        timer.start()
        # MariaDB's sleep ends early and says so by its value; a statement that reads rows fails.
        with suppress(sa.exc.DBAPIError):
            connection.exec_driver_sql(SLOW[dialect.name])
        timer.join()
        assert time.monotonic() - started < 30
        assert connection.exec_driver_sql("select 1").scalar() == 1


def test_settings_of_the_operator_hold(url: str) -> None:
    dialect = dialect_of(url)
    name = {"postgresql": "work_mem", "mariadb": "sort_buffer_size"}[dialect.name]
    value, shown = {"postgresql": ("7MB", "7MB"), "mariadb": (4194304, 4194304)}[dialect.name]
    ask = {"postgresql": f"show {name}", "mariadb": f"select @@{name}"}[dialect.name]
    with dialect.connect(url, "job", {name: value}) as connection:
        assert connection.exec_driver_sql(ask).scalar() == shown
    with dialect.connect(url, "job", {}) as connection:
        assert connection.exec_driver_sql(ask).scalar() != shown


def test_con_04_the_server_shows_whose_connection_it_is(postgresql: str) -> None:
    with dialect_of(postgresql).connect(postgresql, "job7", {}) as connection:
        shown = connection.exec_driver_sql("show application_name").scalar()
    assert shown == "data-builder job7"


@pytest.mark.parametrize("sql", ["select * from no_table", "select no_column from one_row"])
def test_what_is_missing_is_told_from_what_is_wrong(url: str, sql: str) -> None:
    dialect = dialect_of(url)
    with dialect.connect(url, "job", {}) as connection:
        make(connection, "one_row", {"n": "int"}, [], KINDS[dialect.name])
        with pytest.raises(sa.exc.DBAPIError) as missing:
            connection.exec_driver_sql(sql)
        with pytest.raises(sa.exc.DBAPIError) as wrong:
            connection.exec_driver_sql("select select")
    assert dialect.classify(missing.value)[0] == 4
    assert dialect.classify(wrong.value)[0] == 5


def test_a_connection_that_is_not_made_says_why(postgresql: str) -> None:
    dialect = dialect_of(postgresql)

    def reason(url: str) -> tuple[int, str]:
        with pytest.raises(sa.exc.DBAPIError) as refused, dialect.connect(url, "job", {}):
            pass
        return dialect.classify(refused.value)

    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = free.getsockname()[1]
    url = sa.make_url(postgresql)
    named = url.set(database="not_there").render_as_string(hide_password=False)
    assert reason(named) == (5, "it has no database of this name")
    elsewhere = f"postgresql://nobody@127.0.0.1:{closed}/x"
    assert reason(elsewhere) == (3, "nothing listens on its port")
    with dialect.connect(postgresql, "job", {}) as connection:
        assert connection.exec_driver_sql("select 1").scalar() == 1


# PyMySQL leaves the socket of a connection that was refused to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_server_that_is_not_there_is_worth_another_try(url: str) -> None:
    dialect = dialect_of(url)
    absent = url.replace("sallyport-", "absent-")
    with pytest.raises(sa.exc.DBAPIError) as gone, dialect.connect(absent, "job", {}):
        pass
    assert dialect.classify(gone.value)[0] == 3
    del gone
    gc.collect()
    with dialect.connect(url, "job", {}) as connection:
        assert connection.exec_driver_sql("select 1").scalar() == 1


@pytest.mark.parametrize("name", ["sqlite", "duckdb", *LIVE])
def test_groups_are_the_same_with_and_without_grouping_sets(
    urls: dict[str, str], name: str
) -> None:
    dialect, sets = dialect_of(urls[name]), [["b", "s"], ["s"], []]
    with dialect.connect(urls[name], "job", {}) as connection:
        rows = [{**ROWS[0], "b": b, "n": n, "s": s} for b, n, s in GROUPED]
        make(connection, "grouped", TYPES, rows, KINDS[dialect.name])
        table = stored(dialect, "grouped")
        many = dialect.filtered(sa.func.count(), table.c.n > 1).label("many")
        total = sa.cast(sa.func.sum(table.c.n), sa.BigInteger).label("total")
        found = connection.execute(dialect.grouping(table, sets, [many, total])).all()
    plain = [(place, None if b is None else bool(b), *others) for place, b, *others in found]
    assert sorted(plain, key=str) == sorted(ANSWER, key=str)


GROUPED = [(True, 1, "x"), (True, 2, "x"), (False, 4, "y"), (None, 8, None)]
ANSWER = [
    (0, True, "x", 1, 3), (0, False, "y", 1, 4), (0, None, None, 1, 8),
    (1, None, "x", 1, 3), (1, None, "y", 1, 4), (1, None, None, 1, 8),
    (2, None, None, 3, 15),
]  # fmt: skip
