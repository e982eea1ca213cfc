"""The commands as a process of their own, confined permanently, on live servers."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.engines.conftest import LIVE
from tests.unit.data_builder.studies import DEFINITION, MEASURES, mapping_of_core

from sallyport_data_builder import cli
from sallyport_data_builder.io import inputs
from sallyport_data_builder.io.tables import OutputTable, column
from sallyport_data_builder.sql.connectors import dialect_of

COLUMNS = "patient_id bigint, date_of_birth date, sex varchar(20), date_of_death date"
INSERT = (
    "insert into confined_patients values "
    "(1, '1980-01-01', 'female', null), (2, '1990-01-01', 'male', '2020-02-29')"
)
PROGRAM = "import sys; from sallyport_data_builder import cli; sys.exit(cli.main())"
TABLE = OutputTable.of_patients("dataset", [column("sex", "str"), column("died", "date")])


@pytest.fixture(params=LIVE)
def url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a live server."""
    found: str = request.getfixturevalue(request.param)
    return found


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """Give a connection that commits each statement."""
    with dialect_of(url).connect(url, "test", {}) as connection:
        yield connection


@pytest.fixture
def site(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make the tables of a small site, its mapping, and a study; work in the study's folder."""
    with connected(url) as connection:
        connection.exec_driver_sql("drop table if exists confined_patients")
        connection.exec_driver_sql(f"create table confined_patients ({COLUMNS})")
        connection.exec_driver_sql(INSERT)
    (tmp_path / "backends").mkdir()
    text = mapping_of_core().replace('source = "patients"', 'source = "confined_patients"')
    (tmp_path / "backends/same.toml").write_text(text)
    (tmp_path / "study/analysis").mkdir(parents=True)
    (tmp_path / "study/analysis/dataset.py").write_text(DEFINITION)
    (tmp_path / "study/analysis/measures.py").write_text(MEASURES)
    (tmp_path / "url").write_text(url)
    monkeypatch.chdir(tmp_path / "study")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("DATA_BUILDER_BACKENDS", str(tmp_path / "backends"))
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    yield tmp_path
    with connected(url) as connection:
        connection.exec_driver_sql("drop table confined_patients")


def run(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "missing here" not in done.stderr


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("extension", ["csv", "csv.gz", "arrow", "parquet"])
def test_iso_06_both_phases_in_one_process_in_each_format(extension: str) -> None:
    run("generate-dataset", "analysis/dataset.py", "--output", f"out/:{extension}")
    rows = list(inputs.rows(Path(f"out/dataset.{extension}"), TABLE))
    assert [(row[0], row[1], str(row[2])) for row in rows] == [
        (1, "female", "None"),
        (2, "male", "2020-02-29"),
    ]


@pytest.mark.usefixtures("site")
def test_two_phases_with_measures() -> None:
    words = ["generate-measures", "analysis/measures.py", "--output", "out/:csv"]
    run("compile", "--plan", "plan.json", "--command", *words)
    run("execute", "plan.json", "--command", *words)
    assert len(Path("out/deaths.csv").read_text().splitlines()) == 49


@pytest.mark.usefixtures("site")
def test_the_connection_is_tested_in_a_process_of_its_own() -> None:
    run("test-connection")


def test_clean_scratch_finds_tables_by_job_and_their_age(
    site: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect, scratch = dialect_of(url), "scratch_of_confined"
    mapping = site / "backends/same.toml"
    mapping.write_text(f'scratch_schema = "{scratch}"\n{mapping.read_text()}')
    with connected(url) as connection:
        connection.exec_driver_sql(f"create schema {scratch}")
        try:
            for name in ("sp_one_1", "sp_two_1"):
                connection.exec_driver_sql(f"create table {scratch}.{name} (patient_id bigint)")
                if dialect.name == "postgresql":
                    connection.exec_driver_sql(f"analyze {scratch}.{name}")
            ages = dialect.scratch_ages(connection, scratch, ["sp_one_1", "sp_two_1"])
            assert sorted(ages) == ["sp_one_1", "sp_two_1"]
            assert all(0 <= age < 60 for age in ages.values())
            assert cli.main(["clean-scratch", "--older-than", "1h"]) == 0
            assert dialect.scratch_tables(connection, scratch, "sp_") == ["sp_one_1", "sp_two_1"]
            assert cli.main(["clean-scratch", "--job", "one"]) == 0
            assert dialect.scratch_tables(connection, scratch, "sp_") == ["sp_two_1"]
            monkeypatch.setattr(type(dialect), "scratch_ages", lambda *_asked: {"sp_two_1": 7200.0})
            assert cli.main(["clean-scratch", "--older-than", "1h"]) == 0
            assert dialect.scratch_tables(connection, scratch, "sp_") == []
        finally:
            cascade = " cascade" if dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"drop schema {scratch}{cascade}")


def test_run_08_a_job_that_starts_again_drops_what_its_first_start_left(
    site: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is the one that the runner names; another's tables stay."""
    dialect, scratch = dialect_of(url), "scratch_of_restarts"
    mapping = site / "backends/same.toml"
    mapping.write_text(f'scratch_schema = "{scratch}"\n{mapping.read_text()}')
    monkeypatch.setenv("DATA_BUILDER_JOB_ID", "MINE")
    with connected(url) as connection:
        connection.exec_driver_sql(f"create schema {scratch}")
        try:
            for name in ("sp_mine_1", "sp_mine_9", "sp_mine2_1"):
                connection.exec_driver_sql(f"create table {scratch}.{name} (i int)")
            run("compile", "analysis/dataset.py", "--plan", "plan.json")
            run("execute", "plan.json", "--output", "out/rows.csv")
            assert dialect.scratch_tables(connection, scratch, "sp_") == ["sp_mine2_1"]
        finally:
            cascade = " cascade" if dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"drop schema {scratch}{cascade}")
    assert len(Path("out/rows.csv").read_text().splitlines()) == 3


@pytest.mark.usefixtures("site")
def test_log_03_the_database_s_own_id_is_logged_at_debug_level(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert cli.main(["compile", "analysis/dataset.py", "--plan", "plan.json"]) == 0
    for level, there in ((logging.DEBUG, True), (logging.INFO, False)):
        caplog.clear()
        words = ["--debug"] if there else []
        assert cli.main([*words, "execute", "plan.json", "--output", "a.csv"]) == 0
        told = caplog.text
        kind = "process" if url.startswith("postgresql") else "thread"
        assert (re.search(rf"population: {kind} \d+", told) is not None) is there
        assert ("SELECT" in told) is there, level
