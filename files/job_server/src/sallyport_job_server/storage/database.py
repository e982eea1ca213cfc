"""The database as the services see it: reads, and changes that are recorded as they are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Table, bindparam, insert, text, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.sql import Select

from sallyport_common import database, revisions
from sallyport_common.errors import SallyportError
from sallyport_common.problems import Problem, UnavailableError
from sallyport_common.settings import Secret
from sallyport_job_server.storage import address, tables

MIGRATIONS = Path(__file__).parent / "migrations"
PACKAGE = "job_server"
CHANNEL = "sallyport_job_server"
"""The channel on which PostgreSQL tells the watchers that a counter was raised."""
WRITER = 7_255_867
"""PostgreSQL's advisory lock of whoever writes; any number that is ours alone in this database."""

T = TypeVar("T")


def fetch_all(connection: Connection, query: Select[Any], kind: type[T]) -> list[T]:
    """Return every row as a dataclass whose fields are the columns."""
    return [kind(**row._mapping) for row in connection.execute(query)]


def fetch_one(connection: Connection, query: Select[Any], kind: type[T]) -> T | None:
    """Return the first row as a dataclass, or None."""
    row = connection.execute(query).first()
    return kind(**row._mapping) if row else None


def add(connection: Connection, table: Table, **values: Any) -> int:
    """Insert a row and return its number."""
    result = connection.execute(insert(table).values(values))
    key = result.inserted_primary_key
    return int(key[0]) if key and isinstance(key[0], int) else 0


def put(connection: Connection, table: Table, key: int | str, **values: Any) -> None:
    """Change the row with this primary key."""
    connection.execute(update(table).where(table.c.id == key).values(values))


def add_all(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, which all have the same columns, in one statement."""
    if rows:
        connection.execute(insert(table), rows)


def put_all(
    connection: Connection, table: Table, rows: Sequence[tuple[int, dict[str, Any]]]
) -> None:
    """Change rows by their primary keys in one statement; all change the same columns."""
    if rows:
        changed: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0][1]}
        statement = update(table).where(table.c.id == bindparam("key")).values(changed)
        given = [
            {"key": key} | {f"new_{name}": value for name, value in values.items()}
            for key, values in rows
        ]
        connection.execute(statement, given)


@dataclass(frozen=True)
class Change:
    """A transaction that writes, and who makes it."""

    connection: Connection
    actor: str

    def record(self, event: str, object: str, **data: Any) -> None:
        """Add a row to the audit chain, in this transaction."""
        tables.AUDIT.append(
            self.connection, actor=self.actor, event=event, object=object, data=data
        )

    def record_all(self, event: str, of: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Add a row for each pair of object and data, in this transaction."""
        tables.AUDIT.append_all(self.connection, actor=self.actor, event=event, of=of)

    def touch(self, backend_id: int) -> None:
        """Raise a backend's change counter, in this transaction."""
        self._raise(backend_id, "changes")

    def reported(self, backend_id: int) -> None:
        """Raise the counter of what a backend said, in this transaction."""
        self._raise(backend_id, "reports")

    def _raise(self, backend_id: int, counter: str) -> None:
        table = tables.backends
        self.connection.execute(
            update(table).where(table.c.id == backend_id).values({counter: table.c[counter] + 1})
        )
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(
                text("SELECT pg_notify(:channel, :id)"),
                {"channel": CHANNEL, "id": str(backend_id)},
            )


class Database:
    """Gives connections for reading and transactions for changes."""

    def __init__(self, url: str, password: Secret | None, ca_file: Path) -> None:
        self.engine: Engine = database.create_engine(address.checked(url, ca_file), password)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for reading; nothing is kept."""
        with _plain_errors(), database.read(self.engine) as connection:
            yield connection

    @contextmanager
    def change(self, actor: str) -> Iterator[Change]:
        """Give a transaction, one at a time: kept on a normal end, undone on an exception."""
        with _plain_errors(), self._writing() as connection:
            yield Change(connection, actor)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with database.write(self.engine) as connection:
            if self._is_postgresql:
                # What SQLite's BEGIN IMMEDIATE does: writers queue up at the start, so that what
                # one looks up still holds when it writes, and no two wait for each other's rows.
                wait = {"wait": f"{database.BUSY_TIMEOUT_MS}ms"}
                connection.execute(text("SELECT set_config('lock_timeout', :wait, true)"), wait)
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER})
            yield connection

    @property
    def _is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    def migrate(self) -> None:
        """Bring the schema to the newest revision; on PostgreSQL several servers may ask."""
        with _plain_errors(), self._writing() if self._is_postgresql else nullcontext():
            revisions.migrate(self.engine, PACKAGE, MIGRATIONS)

    def check_revision(self) -> None:
        """Raise SallyportError unless the schema is at the newest revision."""
        options = {"version_table": f"{PACKAGE}_version"}
        with self.read() as connection:
            revision = MigrationContext.configure(connection, opts=options).get_current_revision()
        if revision != ScriptDirectory(str(MIGRATIONS)).get_current_head():
            raise SallyportError("the database is not migrated: run sallyport-job-server migrate")


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what a driver says about values, or about being out of reach, into problems of ours."""
    try:
        yield
    except (DataError, OverflowError, UnicodeEncodeError):
        raise Problem("The request contains a value that cannot be stored.") from None
    except OperationalError as error:
        raise UnavailableError("The database does not answer; try again in a minute.") from error
