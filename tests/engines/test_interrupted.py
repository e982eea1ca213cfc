"""A job that is stopped, or loses its connection, leaves no scratch table (CON-02, CON-03)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

MAPPING = """
format = 1
implements = ["smoketest"]
patient_id = {{ column = "patient_id", type = "int" }}
scratch_schema = "interrupted"
[exclude_patients.slow]
sql = "{slow}"
[tables.patients]
query = "select 1 as patient_id, date '1990-01-01' as date_of_birth"
"""
DEFINITION = """
from ehrql import create_dataset, table_from_rows
from ehrql.tables.smoketest import patients
words = table_from_rows([(1, "x")], columns={"word": str})
dataset = create_dataset()
dataset.define_population(patients.exists_for_patient())
dataset.word = words.word
"""
PROGRAM = str(Path(sys.executable).with_name("data-builder"))
PATIENCE = 30.0
TABLES = "select count(*) from information_schema.tables where table_schema = 'interrupted'"


@dataclass(frozen=True)
class Kind:
    """How a kind of server sleeps, is watched, and ends a connection."""

    driver: str
    slow: str
    sleeping: str
    kill: str


KINDS = {
    "postgresql": Kind(
        "postgresql+psycopg",
        "select 2 + (random() * 0)::int as patient_id from pg_sleep(%s)",
        "select pid from pg_stat_activity where query like '%pg_sleep%'"
        " and pid != pg_backend_pid()",
        "select pg_terminate_backend(%s)",
    ),
    "mariadb": Kind(
        "mysql+pymysql",
        "select 2 + sleep(%s) as patient_id",
        "select id from information_schema.processlist where info like '%sleep(%'"
        " and id != connection_id()",
        "kill %s",
    ),
}


class Watched:
    """A server that a job runs on, watched from a connection of the tests."""

    def __init__(self, name: str, url: str) -> None:
        self.kind, self.url = KINDS[name], url
        found = sa.make_url(url).set(drivername=self.kind.driver)
        engine = sa.create_engine(found, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        self.connection = engine.connect()
        self.run("create schema if not exists interrupted")

    def run(self, statement: str) -> sa.CursorResult[Any]:
        """Run a statement verbatim."""
        return self.connection.execute(sa.text(statement))

    @property
    def sleeping(self) -> int | None:
        """The server's number of the job's connection while its slow statement runs."""
        return self.run(self.kind.sleeping).scalar()

    @property
    def tables(self) -> int:
        """How many scratch tables there are."""
        return int(self.run(TABLES).scalar_one())


@pytest.fixture(params=KINDS)
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    """Give each live server."""
    made = Watched(request.param, request.getfixturevalue(request.param))
    with made.connection:
        yield made


@contextmanager
def job(watched: Watched, folder: Path, seconds: int) -> Iterator[subprocess.Popen[str]]:
    """Run a job whose population takes some seconds."""
    mapping = MAPPING.format(slow=watched.kind.slow % seconds)
    (folder / "slow.toml").write_text(mapping, encoding="utf-8")
    (folder / "dataset.py").write_text(DEFINITION, encoding="utf-8")
    compile_ = [PROGRAM, "compile", "dataset.py", "--plan", "plan.json"]
    subprocess.run(compile_, cwd=folder, check=True, capture_output=True)
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": watched.url,
        "OPENSAFELY_BACKEND": "slow",
        "DATA_BUILDER_BACKENDS": str(folder),
    }
    words = [PROGRAM, "execute", "plan.json", "--output", "out.csv"]
    with subprocess.Popen(
        words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def waits(watched: Watched, process: subprocess.Popen[str]) -> int:
    """Wait until the job's slow statement runs, and return the number of its connection."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        if (found := watched.sleeping) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("the statement did not start")


def terminate(_watched: Watched, process: subprocess.Popen[str], _number: int) -> None:
    """Do what the runner does."""
    process.send_signal(signal.SIGTERM)


def disconnect(watched: Watched, _process: subprocess.Popen[str], number: int) -> None:
    """Do what an operator of the database may do."""
    watched.run(watched.kind.kill % number)


Stop = Callable[[Watched, "subprocess.Popen[str]", int], None]


@pytest.mark.parametrize(("stop", "code"), [(terminate, 130), (disconnect, 3)])
def test_con_03_an_interrupted_job_cancels_and_drops(
    watched: Watched, tmp_path: Path, stop: Stop, code: int
) -> None:
    with job(watched, tmp_path, 120) as process:
        number = waits(watched, process)
        there = watched.tables
        stop(watched, process, number)
        _out, told = process.communicate(timeout=PATIENCE)
    assert there >= 1  # MariaDB counts the one that is being filled
    assert process.returncode == code, told
    assert watched.sleeping is None
    assert watched.tables == 0, told
    assert not (tmp_path / "out.csv").exists()


def test_con_03_the_same_job_ends_well_if_nobody_stops_it(watched: Watched, tmp_path: Path) -> None:
    with job(watched, tmp_path, 0) as process:
        _out, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, told
    assert watched.tables == 0
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "patient_id,word\n1,x\n"
