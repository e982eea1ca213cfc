"""Dates that MariaDB stores and that are not dates: a job ends before it answers wrongly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from tests.unit.data_builder.engines import mapping
from tests.unit.data_builder.test_values import CORE, nodes

from sallyport_data_builder.checks.command import database_checks
from sallyport_data_builder.checks.subject import Subject
from sallyport_data_builder.errors import DatabaseFailure, ExitCode
from sallyport_data_builder.sql import values
from sallyport_data_builder.sql.connectors import dialect_of
from sallyport_data_builder.sql.run import connect

GOOD = ("1960-03-01", "1960-02-29", "0001-01-01", "9999-12-31", None)
# The type of the column, and a value that MariaDB accepts for it.
WRONG = {
    "a date of zeros": ("date", "0000-00-00"),
    "a month without a day": ("date", "1960-03-00"),
    "a year without a month": ("date", "1960-00-00"),
    "a year 0": ("date", "0000-03-01"),
    "a time of the day": ("datetime", "1960-03-01 10:00:00"),
    "midnight": ("datetime", "1960-03-01 00:00:00"),
    "a time stamp of zeros": ("datetime", "0000-00-00 00:00:00"),
    "another order": ("varchar(20)", "01/03/1960"),
    "a day that does not exist": ("varchar(20)", "1960-02-30"),
    "nothing": ("varchar(20)", ""),
    "a number": ("int", "19600301"),
}


@pytest.fixture
def tables(mariadb: str) -> Iterator[sa.Engine]:
    """Create the core tables, empty; they are gone afterwards."""
    plain = sa.make_url(mariadb).set(drivername="mariadb+pymysql")
    engine = sa.create_engine(plain, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    kinds = {"bool": "boolean", "int": "bigint", "float": "double", "date": "date"}
    with engine.connect() as connection:
        for name, spec in CORE.items():
            columns = [
                f"`{key}` {kinds.get(kind, 'varchar(40)')}"
                for key, kind in dict(spec.types).items()
            ]
            connection.exec_driver_sql(
                f"create table {name} (patient_id bigint, {', '.join(columns)})"
            )
    yield engine
    with engine.connect() as connection:
        for name in CORE:
            connection.exec_driver_sql(f"drop table {name}")


def store(engine: sa.Engine, kind: str, *dates: str | None) -> None:
    """Store patients who died on some dates, as a column of a type holds them."""
    with engine.connect() as connection:
        connection.exec_driver_sql("set sql_mode = ''")
        connection.exec_driver_sql(f"alter table patients modify date_of_death {kind}")
        for number, date in enumerate(dates):
            connection.exec_driver_sql(
                "insert into patients values (%s, '1950-01-01', 'male', %s)", (number, date)
            )


def test_every_date_that_exists_passes(mariadb: str, tables: sa.Engine) -> None:
    store(tables, "date", *GOOD)
    with connect(dialect_of(mariadb), mariadb, mapping(), "unit") as database:
        values.check(database, nodes())
        checks = list(database_checks(Subject(mapping(), "mariadb"), database, full=True))
    wrong = [check for check in checks if check.id == "CHK-08" and check.status == "fail"]
    assert wrong == []


@pytest.mark.parametrize("case", WRONG)
def test_a_value_that_is_not_a_date_ends_the_job(
    case: str, mariadb: str, tables: sa.Engine
) -> None:
    kind, date = WRONG[case]
    store(tables, kind, date)
    with connect(dialect_of(mariadb), mariadb, mapping(), "unit") as database:
        with pytest.raises(DatabaseFailure) as failure:
            values.check(database, nodes())
        checks = list(database_checks(Subject(mapping(), "mariadb"), database, full=True))
    assert str(failure.value).startswith("patients.date_of_death has values that are not dates")
    assert failure.value.code == ExitCode.REFUSED
    assert not date or date not in str(failure.value)
    failed = {
        (check.table, check.column)
        for check in checks
        if (check.id, check.status) == ("CHK-08", "fail")
    }
    assert failed == {("patients", "date_of_death")}
