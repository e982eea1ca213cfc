"""A database is new, of an older release, or of a newer one; Alembic stays outside the daemon."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from sallyport_common.database import create_engine, read, write
from sallyport_common.revisions import migrate
from sallyport_runner.storage import schema, upgrade
from sallyport_runner.storage.sql import SqlStore, open_database

pytestmark = pytest.mark.live


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Return the engine of an empty database."""
    return create_engine(f"sqlite:///{tmp_path}/runner.sqlite3")


def outline(engine: Engine) -> dict[str, Any]:
    """Return each table's columns (type, whether empty is allowed) and indexes."""
    looked = inspect(engine)
    return {
        table: (
            {one["name"]: (str(one["type"]), one["nullable"]) for one in looked.get_columns(table)},
            looked.get_pk_constraint(table)["constrained_columns"],
            sorted((one["name"], one["column_names"]) for one in looked.get_indexes(table)),
            _conditions(engine, table),
        )
        for table in looked.get_table_names()
    }


def _conditions(engine: Engine, table: str) -> list[str]:
    """Return what SQL alone says of a table: the rows of an index, how rows are counted."""
    query = text("SELECT sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    with read(engine) as connection:
        found = connection.execute(query, {"table": table}).scalars()
        return sorted(re.findall(r"WHERE .*|AUTOINCREMENT", "\n".join(found)))


def test_a_new_database_is_what_all_revisions_make(engine: Engine, tmp_path: Path) -> None:
    schema.bring_up_to_date(engine)
    migrated = create_engine(f"sqlite:///{tmp_path}/migrated.sqlite3")
    migrate(migrated, schema.PACKAGE, schema.MIGRATIONS)
    assert outline(engine) == outline(migrated)
    assert schema.revision(engine) == schema.revision(migrated) == schema.newest()
    first = create_engine(f"sqlite:///{tmp_path}/first.sqlite3")
    migrate(first, schema.PACKAGE, schema.MIGRATIONS, "0001")
    assert outline(first) != outline(migrated)


def test_a_database_of_the_first_release_is_brought_up_to_date(
    engine: Engine, tmp_path: Path
) -> None:
    migrate(engine, schema.PACKAGE, schema.MIGRATIONS, "0001")
    with write(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO job_requests VALUES (:a, '', 'ws', '', '', '', '[]', '[]', 0, '',"
                " 1, '', '', 0, '[]', 1, '[]')"
            ),
            {"a": "a" * 16},
        )
    engine.dispose()
    request = SqlStore(open_database(tmp_path / "runner.sqlite3")).request("a" * 16)
    assert request
    assert request.reported == []
    assert schema.revision(engine) == schema.newest()


def test_the_upgrade_takes_a_file(engine: Engine) -> None:
    migrate(engine, schema.PACKAGE, schema.MIGRATIONS, "0003")
    upgrade.main(str(engine.url.database))
    assert schema.revision(engine) == schema.newest()


def test_a_database_of_a_newer_release_is_refused(engine: Engine) -> None:
    schema.bring_up_to_date(engine)
    with write(engine) as connection:
        connection.execute(update(schema.VERSION).values(version_num="9999"))
    with pytest.raises(schema.SchemaError, match=r"runner.sqlite3 is not migrated: .*'9999'"):
        schema.bring_up_to_date(engine)
    assert schema.revision(engine) == "9999"


def test_what_went_wrong_is_said_without_what_a_driver_adds(engine: Engine) -> None:
    migrate(engine, schema.PACKAGE, schema.MIGRATIONS, "0003")
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE tasks (id TEXT)"))
    with pytest.raises(schema.SchemaError, match=r"not migrated: .*table tasks already exists"):
        schema.bring_up_to_date(engine)
    assert schema.revision(engine) == "0003"


def test_tables_without_a_revision_are_not_taken_for_new_ones(engine: Engine) -> None:
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE tasks (id TEXT)"))
    with pytest.raises(OperationalError, match="table tasks already exists"):
        schema.bring_up_to_date(engine)
    assert not inspect(engine).has_table("jobs")


def test_the_daemon_does_not_load_alembic(tmp_path: Path) -> None:
    program = f"""
import pathlib, sys
from sallyport_runner import cli
from sallyport_runner.storage.sql import open_database
open_database(pathlib.Path({str(tmp_path / "new.sqlite3")!r}))
"""
    told = "print('alembic' in sys.modules)"
    for more, loaded in (("", "False"), ("import alembic\n", "True")):
        found = subprocess.run(
            [sys.executable, "-c", program + more + told],
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.strip() == loaded
