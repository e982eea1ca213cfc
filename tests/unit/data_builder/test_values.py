"""Values of other types than their columns, in databases that keep no types."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.unit.data_builder.engines import mapping
from tests.unit.data_builder.test_exit_codes import DATASET

from sallyport_data_builder import cli, schemas
from sallyport_data_builder.backends.mapping import parse
from sallyport_data_builder.backends.parts import BackendMapping
from sallyport_data_builder.checks.command import database_checks
from sallyport_data_builder.checks.subject import Subject
from sallyport_data_builder.errors import DatabaseFailure, ExitCode
from sallyport_data_builder.lang.tables import core, tpp
from sallyport_data_builder.sql import values
from sallyport_data_builder.sql.connectors import dialect_of
from sallyport_data_builder.sql.run import connect

CORE = schemas.load("core").tables
GOOD = {
    "patients": (1, "1960-03-01", "male", None),
    "clinical_events": (1, "2010-05-05", "195967001", 3.5),
}
WRONG = {
    "a date of another order": ("patients", "date_of_birth", "15/03/1960"),
    "a date with a time": ("clinical_events", "date", "2010-05-05T10:00:00"),
    "a date with a time of midnight": ("clinical_events", "date", "2010-05-05 00:00:00"),
    "a date as a number": ("clinical_events", "date", 20100505),
    "a day that does not exist": ("clinical_events", "date", "2010-02-31"),
    "a date of two digits": ("clinical_events", "date", "10-05-05"),
    "an empty date": ("patients", "date_of_death", ""),
    "a word for a date": ("patients", "date_of_death", "now"),
    "a bounded number": ("clinical_events", "numeric_value", "<5"),
    "a word for a number": ("clinical_events", "numeric_value", "n/a"),
    "an empty number": ("clinical_events", "numeric_value", ""),
    "a number as text": ("clinical_events", "numeric_value", "3.5"),
    "a code as a number": ("clinical_events", "snomedct_code", 195967001),
    "bytes for text": ("patients", "sex", b"male"),
    "a patient id as text": ("clinical_events", "patient_id", "one"),
}


def fill(path: Path, table: str = "", column: str = "", value: Any = None) -> str:
    """Write the core tables without types, one row each, with one value changed."""
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    with engine.begin() as connection:
        for name, spec in CORE.items():
            columns = ["patient_id", *spec.columns]
            connection.exec_driver_sql(f"create table {name} ({', '.join(columns)})")
            row = dict.fromkeys(columns) | dict(zip(columns, GOOD.get(name, ()), strict=False))
            row |= {column: value} if name == table else {}
            if name in GOOD:
                stored = sa.table(name, *map(sa.column, columns))
                connection.execute(sa.insert(stored).values(row))
    return f"sqlite:///{path}"


def nodes() -> list[Any]:
    """Return all columns of the two tables."""
    found: list[Any] = []
    for frame in (core.patients, core.clinical_events):
        found += [getattr(frame, name)._node for name in frame._node.columns]
    return found


@pytest.mark.parametrize("case", WRONG)
def test_a_job_ends_with_the_column_before_it_answers_wrongly(case: str, tmp_path: Path) -> None:
    table, column, value = WRONG[case]
    url, backend = fill(tmp_path / "wrong.db", table, column, value), mapping()
    with (
        connect(dialect_of(url), url, backend, "unit") as database,
        pytest.raises(DatabaseFailure) as failure,
    ):
        values.check(database, nodes())
    told = str(failure.value)
    assert told.startswith(f"{table}.{column} has values that are not ")
    assert "check-backend same --full" in told
    assert failure.value.code == ExitCode.REFUSED
    assert str(value) not in told or not value


def test_good_values_pass(tmp_path: Path) -> None:
    url, backend = fill(tmp_path / "good.db"), mapping()
    with connect(dialect_of(url), url, backend, "unit") as database:
        values.check(database, nodes())
    assert database.statements == ["types of patients", "types of clinical_events"]


def booleans() -> BackendMapping:
    """Map one column of tpp, a boolean: the core tables have none."""
    lines = ["format = 1", 'implements = ["tpp"]']
    lines += ['patient_id = { column = "patient_id", type = "int" }']
    for name in schemas.load("tpp").tables:
        lines += [f"[tables.{name}]", 'unavailable = ["*"]']
        lines += ['source = "addresses"'] if name == "addresses" else []
    lines += ["[tables.addresses.columns]", 'has_postcode = "has_postcode"']
    return parse("same", "\n".join(lines))


def check_addresses(path: Path, declared: str, *flags: Any) -> None:
    """Check a boolean of the addresses in a new database, whose column is declared so."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"create table addresses (patient_id integer, has_postcode {declared})")
        connection.executemany("insert into addresses values (1, ?)", [(flag,) for flag in flags])
    url = f"sqlite:///{path}"
    with connect(dialect_of(url), url, booleans(), "unit") as database:
        values.check(database, [tpp.addresses.has_postcode._node])


@pytest.mark.parametrize(
    ("declared", "flag"),
    [("", flag) for flag in ("true", "f", "1", "", 2, -1, 0.5, 1.0, b"1")] + [("text", "1")],
)
def test_a_boolean_is_stored_as_0_or_1(declared: str, flag: Any, tmp_path: Path) -> None:
    check_addresses(tmp_path / "good.db", "", 0, 1, None)
    sentence = r"^addresses\.has_postcode has values that are not 0 or 1\. Change the column"
    with pytest.raises(DatabaseFailure, match=sentence):
        check_addresses(tmp_path / "wrong.db", declared, flag)


@pytest.mark.parametrize("case", WRONG)
def test_chk_08_full_counts_them_and_shows_no_value(case: str, tmp_path: Path) -> None:
    table, column, value = WRONG[case]
    url, backend = fill(tmp_path / "wrong.db", table, column, value), mapping()
    with connect(dialect_of(url), url, backend, "unit") as database:
        found = list(database_checks(Subject(backend, "sqlite"), database, full=True))
    (failed,) = [check for check in found if (check.id, check.status) == ("CHK-08", "fail")]
    assert (failed.table, failed.column) == (table, column)
    assert failed.text.startswith("1 values are not ")
    assert not value or str(value) not in failed.text.replace("substr(...)", "")


def test_a_study_ends_with_the_sentence_and_not_with_a_traceback(
    study: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    path = (study / "url").read_text().strip().removeprefix("sqlite:///")
    words = ["generate-dataset", str(DATASET), "--output", "a.csv"]
    assert cli.main(words) == ExitCode.OK
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update patients set sex = x'363137'")
    capfd.readouterr()
    assert cli.main(words) == ExitCode.REFUSED
    told = capfd.readouterr().err
    assert "patients.sex has values that are not text" in told
    assert "Traceback" not in told
    assert "617" not in told
