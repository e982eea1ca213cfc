"""One connection: what is stored on it and said there, and what follows if it is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.unit.data_builder.engines import mapped

from sallyport_data_builder.errors import DatabaseFailure
from sallyport_data_builder.sql import downloads
from sallyport_data_builder.sql.connectors import dialect_of
from sallyport_data_builder.sql.database import Database
from sallyport_data_builder.sql.downloads import Download
from sallyport_data_builder.sql.run import scratch
from sallyport_data_builder.sql.stage import Step
from sallyport_data_builder.sql.statements import Analyze, CreateTableAs


class Flaky:
    """A SQLite connection that is lost once, in the middle of a download."""

    def __init__(self, path: Path) -> None:
        self.dialect, self.url, self.opened = dialect_of("sqlite"), f"sqlite:///{path}", 0
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("create table result (patient_id int)")
            connection.execute("insert into result values (1), (2), (3), (4), (5)")
            connection.commit()

    @contextmanager
    def open(self) -> Iterator[sa.Connection]:
        """Connect."""
        self.opened += 1
        with self.dialect.connect(self.url, "unit", {}) as connection:
            yield connection


@pytest.mark.parametrize(("code", "opened"), [(3, 2), (5, 1)])
def test_con_01_a_download_goes_on_where_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, opened: int
) -> None:
    monkeypatch.setattr(downloads, "PAUSES", (0.0, 0.0))
    flaky = Flaky(tmp_path / "a.sqlite3")
    backend = replace(mapped([]), scratch_schema="main")
    database = Database(flaky.open, flaky.dialect, backend, "unit")
    whole = type(flaky.dialect).stream

    def stream(dialect: Any, connection: Any, select: Any) -> Iterator[Any]:
        for part in whole(dialect, connection, select):
            yield part[:2]
            if flaky.opened == 1:
                raise DatabaseFailure("gone", code)
            yield part[2:]

    monkeypatch.setattr(type(flaky.dialect), "stream", stream)
    rows = Download(database, "result", {"patient_id": sa.BigInteger()}).rows()
    if code == 3:
        assert [row[0] for row in rows] == [1, 2, 3, 4, 5]
    else:
        with pytest.raises(DatabaseFailure):
            list(rows)
    assert flaky.opened == opened
    database.close()


def test_con_02_scratch_tables_go_whatever_happens(tmp_path: Path) -> None:
    flaky = Flaky(tmp_path / "a.sqlite3")
    database = Database(flaky.open, flaky.dialect, mapped([]), "unit")
    step = Step("one", "sp_unit_1", sa.select(sa.literal(1).label("patient_id")))

    def run() -> None:
        with scratch(database) as names:
            names.append(step.name)
            database.store(step)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    ran = list(database.statements)
    left = database.connection.exec_driver_sql("select count(*) from sqlite_temp_master").scalar()
    database.close()
    assert ran == ["one", "clean up"]
    assert left == 0


def writable(url: str) -> sa.Connection:
    """Connect to SQLite as to a database with a scratch schema; our own dialect only reads."""
    return sa.create_engine(url, isolation_level="AUTOCOMMIT").connect()


class Restarted(Flaky):
    """A database that goes away under a job, refuses some connections, and is there again."""

    def __init__(self, path: Path, refused: int) -> None:
        super().__init__(path)
        self.left = refused

    @contextmanager
    def open(self) -> Iterator[sa.Connection]:
        """Connect, unless the database is still starting."""
        if self.opened and self.left:
            self.left -= 1
            raise DatabaseFailure("starting up", 3)
        self.opened += 1
        with writable(self.url) as connection:
            yield connection

    def result_is_there(self) -> bool:
        """Whether the table that a job stored still exists."""
        with writable(self.url) as connection:
            return "result" in sa.inspect(connection).get_table_names()


@pytest.mark.parametrize(("refused", "there"), [(0, False), (2, False), (3, True)])
def test_con_02_what_was_stored_is_dropped_once_the_database_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: int, there: bool
) -> None:
    """Of a database that stays away longer than we wait, the host's timer cleans up later."""
    monkeypatch.setattr("sallyport_data_builder.sql.database.PATIENCE", (0.0, 0.0))
    restarted = Restarted(tmp_path / "a.sqlite3", refused)
    backend = replace(mapped([]), scratch_schema="main")
    database = Database(restarted.open, restarted.dialect, backend, "unit")
    database.connection.close()  # what a crash of the server does to it
    whole = Database.execute

    def execute(self: Database, label: str, statement: Any, rows: Any = None) -> Any:
        if self.connection.closed:
            raise DatabaseFailure("gone", 3)
        return whole(self, label, statement, rows)

    monkeypatch.setattr(Database, "execute", execute)
    database.drop(["result"])
    database.close()
    assert restarted.result_is_there() is there


@pytest.mark.parametrize(
    ("switch", "statistics", "schema"),
    [("", 1, "main"), ("no-statistics", 0, "main"), ("no-unlogged", 1, "")],
)
def test_pln_11_statistics_and_unlogged_tables_can_be_switched_off(
    switch: str, statistics: int, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_BUILDER_PLANNER", switch)
    flaky = Flaky(tmp_path / "a.sqlite3")
    monkeypatch.setattr(
        type(flaky.dialect),
        "create_table",
        lambda _self, name, select, _schema: [
            CreateTableAs("TEMPORARY", name, "", select),
            Analyze(name, ""),
        ],
    )
    database = Database(flaky.open, flaky.dialect, replace(mapped([]), scratch_schema="main"), "u")
    database.store(Step("one", "sp_u_1", sa.select(sa.literal(1).label("patient_id"))))
    found = [label for label in database.statements if label.endswith("(statistics)")]
    used = database.mapping.scratch_schema
    database.close()
    assert (len(found), used) == (statistics, schema)


def test_con_04_each_statement_says_what_it_is(tmp_path: Path) -> None:
    flaky = Flaky(tmp_path / "a.sqlite3")
    database = Database(flaky.open, flaky.dialect, mapped([]), "j7")
    told: list[str] = []
    driver: Any = database.connection.connection.driver_connection
    driver.set_trace_callback(told.append)
    database.execute("the label */ drop", sa.select(sa.literal(1)))
    list(Download(database, "result", {"patient_id": sa.BigInteger()}).rows())
    database.close()
    assert told[0].startswith("/* sallyport j7: the label  drop */ SELECT")
    assert "/* sallyport j7: download */" in told[1]
