"""A job that is stopped, or loses its connection, leaves no scratch table (CON-02, CON-03)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

MAPPING = """
format = 1
implements = ["smoketest"]
patient_id = { column = "patient_id", type = "int" }
scratch_schema = "interrupted"
[exclude_patients.slow]
sql = "select 2 + (random() * 0)::int as patient_id from pg_sleep(%s)"
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
SLEEPING = (
    "select pid from pg_stat_activity where query like '%pg_sleep%' and pid != pg_backend_pid()"
)
TABLES = "select count(*) from pg_tables where schemaname = 'interrupted'"


@contextmanager
def job(url: str, folder: Path, seconds: int) -> Iterator[subprocess.Popen[str]]:
    """Run a job whose population takes some seconds."""
    (folder / "slow.toml").write_text(MAPPING % seconds, encoding="utf-8")
    (folder / "dataset.py").write_text(DEFINITION, encoding="utf-8")
    compile_ = [PROGRAM, "compile", "dataset.py", "--plan", "plan.json"]
    subprocess.run(compile_, cwd=folder, check=True, capture_output=True)
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
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


def waits(connection: psycopg.Connection, process: subprocess.Popen[str]) -> int:
    """Wait until the job's slow statement runs, and return its server process."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        found = connection.execute(SLEEPING.encode()).fetchone()
        if found:
            return int(found[0])
        time.sleep(0.05)
    raise AssertionError("the statement did not start")


def terminate(_connection: psycopg.Connection, process: subprocess.Popen[str], _pid: int) -> None:
    """Do what the runner does."""
    process.send_signal(signal.SIGTERM)


def disconnect(connection: psycopg.Connection, _process: subprocess.Popen[str], pid: int) -> None:
    """Do what an operator of the database may do."""
    connection.execute("select pg_terminate_backend(%s)", [pid])


Stop = Callable[[psycopg.Connection, "subprocess.Popen[str]", int], None]


@pytest.mark.parametrize(("stop", "code"), [(terminate, 130), (disconnect, 3)])
def test_con_03_an_interrupted_job_cancels_and_drops(
    postgresql: str, tmp_path: Path, stop: Stop, code: int
) -> None:
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("create schema if not exists interrupted")
        with job(postgresql, tmp_path, 120) as process:
            pid = waits(connection, process)
            there = connection.execute(TABLES.encode()).fetchone()
            stop(connection, process, pid)
            _out, told = process.communicate(timeout=PATIENCE)
        assert there == (1,)
        assert process.returncode == code, told
        assert connection.execute(SLEEPING.encode()).fetchone() is None
        assert connection.execute(TABLES.encode()).fetchone() == (0,), told
    assert not (tmp_path / "out.csv").exists()


def test_con_03_the_same_job_ends_well_if_nobody_stops_it(postgresql: str, tmp_path: Path) -> None:
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("create schema if not exists interrupted")
        with job(postgresql, tmp_path, 0) as process:
            _out, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, told
        assert connection.execute(TABLES.encode()).fetchone() == (0,)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "patient_id,word\n1,x\n"
