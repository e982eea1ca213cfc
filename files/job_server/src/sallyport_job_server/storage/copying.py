"""Copies of the whole database, taken while the server works, and put back into an empty one.

SQLite is copied by its backup interface, PostgreSQL by `pg_dump`, never by copying live files. What
the caller reads beside it is of the same moment: both happen in one transaction.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, Engine

from sallyport_common.errors import SallyportError

NAMES = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
"""What a copy is called, by kind of database."""


def name(engine: Engine) -> str:
    """Return what a copy of this kind of database is called."""
    return NAMES[engine.dialect.name]


@contextmanager
def saved(engine: Engine, folder: Path) -> Iterator[Connection]:
    """Copy the database into a folder, and give a connection that sees what was copied."""
    target = folder / name(engine)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.execute(text("SELECT count(*) FROM sqlite_master"))  # the moment of the copy
            _copy_sqlite(connection, target)
            yield connection
    else:
        level = {"isolation_level": "REPEATABLE READ"}
        with engine.connect().execution_options(**level) as connection:
            moment = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
            words = ["--format=custom", f"--snapshot={moment}", f"--file={target}"]
            _call(engine, "pg_dump", "--dbname", *words)
            yield connection


def _copy_sqlite(connection: Connection, target: Path) -> None:
    source: Any = connection.connection.driver_connection
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        copy.close()
    if found != "ok":
        raise SallyportError(f"the database is damaged: {found}")


def put_back(engine: Engine, folder: Path) -> None:
    """Fill an empty database from a copy; raise SallyportError where it is not empty."""
    source = folder / name(engine)
    if not source.is_file():
        raise SallyportError(
            f"{source} is missing: is this a snapshot of another kind of database?"
        )
    if inspect(engine).get_table_names():
        raise SallyportError("the database is not empty; nothing was changed")
    engine.dispose()
    if engine.dialect.name == "sqlite":
        target = Path(str(engine.url.database))
        for leftover in (f"{target}-wal", f"{target}-shm"):
            Path(leftover).unlink(missing_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o600)
        _sync(target)
    else:
        words = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
        _call(engine, "pg_restore", "--dbname", *words, str(source))


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _call(engine: Engine, program: str, option: str, *words: str) -> None:
    """Run a program of PostgreSQL's on our database; the password is in a file of its own."""
    _args, known = engine.dialect.create_connect_args(engine.url)
    known.pop("context", None)  # of the driver in this process
    with tempfile.TemporaryDirectory(prefix="sallyport-") as folder:
        if password := known.pop("password", None):
            known["passfile"] = str(_password_file(Path(folder), str(password)))
        command = [program, f"{option}={make_conninfo(**known)}", *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            raise SallyportError(f"{program} is not installed: install postgresql-client") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise SallyportError(f"{program} failed: {said[-1]}")


def _password_file(folder: Path, password: str) -> Path:
    """Write a password file for every server (PostgreSQL's documentation, libpq, pgpass)."""
    path = folder / "pgpass"
    path.touch(0o600)
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    path.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
    return path
