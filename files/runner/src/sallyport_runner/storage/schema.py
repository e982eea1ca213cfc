"""Brings the runner's database to the newest revision, without Alembic in the runner's process.

A new database is made from the tables as they are now. One of an older release is migrated by a
process of its own, `sallyport_runner.storage.upgrade`: what Alembic loads would stay in the memory
of a daemon that runs for months.
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Column, MetaData, String, Table, insert, inspect, select
from sqlalchemy.engine import Engine

from sallyport_common.database import read, write
from sallyport_common.errors import SallyportError
from sallyport_runner.storage.tables import METADATA

log = logging.getLogger(__name__)
PACKAGE = "sallyport_runner"
MIGRATIONS = Path(__file__).parent / "migrations"
_EXCEPTION = re.compile(r"^[\w.]+(?:Error|Exception): .*", re.MULTILINE)
UPGRADE = "sallyport_runner.storage.upgrade"
VERSION = Table(
    f"{PACKAGE}_version", MetaData(), Column("version_num", String(32), primary_key=True)
)
"""Where Alembic keeps the revision of a database."""


class SchemaError(SallyportError):
    """The database could not be migrated; the text says what the migration printed last."""


def newest() -> str:
    """Return the number of the newest revision: its file's name begins with it."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/0*_*.py"))


def bring_up_to_date(engine: Engine) -> None:
    """Make the tables of a new database, or migrate an older one.

    Raises SchemaError if the migration fails; the database is then as it was.
    """
    if not inspect(engine).has_table(VERSION.name):
        _make(engine)
    elif revision(engine) != newest():
        _migrate_apart(engine)


def revision(engine: Engine) -> str | None:
    """Return the revision of a database."""
    with read(engine) as connection:
        return connection.execute(select(VERSION.c.version_num)).scalar()


def _make(engine: Engine) -> None:
    with write(engine) as connection:
        METADATA.create_all(connection, checkfirst=False)
        VERSION.create(connection)
        connection.execute(insert(VERSION).values(version_num=newest()))


def _migrate_apart(engine: Engine) -> None:
    command = [sys.executable, "-I", "-m", UPGRADE, str(engine.url.database)]
    engine.dispose()
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if finished.returncode:
        told = finished.stderr.decode("utf-8", "replace")
        log.error("the migration failed", extra={"told": told})
        raise SchemaError(f"The database {engine.url.database} is not migrated: {_reason(told)}.")


def _reason(told: str) -> str:
    """Return the exception of a traceback; a driver's statement and advice may follow it."""
    found = _EXCEPTION.findall(told) or told.splitlines() or ["nothing was printed"]
    return str(found[-1])
