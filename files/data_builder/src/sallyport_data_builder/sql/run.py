"""Runs the steps of a plan on a database and gives the rows; always drops what it stored."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.backends.mapping import BackendMapping
from sallyport_data_builder.backends.standard import operator_text
from sallyport_data_builder.errors import DatabaseFailure
from sallyport_data_builder.sql.connectors import dialect_of as dialect_of
from sallyport_data_builder.sql.dialect import Dialect
from sallyport_data_builder.sql.statements import Drop
from sallyport_data_builder.sql.steps import Step

LOG = logging.getLogger("data_builder")
BATCH = 20_000
SENTENCES = {
    3: "The database cannot be reached or was interrupted; another try may help.",
    4: "A table or column of the backend's mapping is not there now.",
    5: "The database refused a statement.",
    6: "The query is too complex for the database.",
}


def rounded(count: int) -> str:
    """Return a count as logs may show it: small ones hidden, others to the nearest 5 (LOG-02)."""
    return "at most 7" if count <= 7 else f"about {5 * round(count / 5):,}"


class Database:
    """One connection, whose errors carry an exit code and no data."""

    def __init__(
        self, connection: sa.Connection, dialect: Dialect, mapping: BackendMapping, job: str
    ) -> None:
        self.connection, self.dialect, self.mapping, self._job = connection, dialect, mapping, job
        self._label = "connect"
        sa.event.listen(connection, "before_cursor_execute", self._comment, retval=True)

    def _comment(self, _c: Any, _u: Any, sql: str, values: Any, _x: Any, _many: bool) -> Any:
        """Say in each statement what it is, for the operator of the database (CON-04)."""
        LOG.debug("%s: %s", self._label, sql)
        return f"/* sallyport {self._job}: {self._label} */ {sql}", values

    def execute(self, label: str, statement: Any) -> Any:
        """Run a statement; a failure is reduced to its code and our sentence."""
        self._label = label
        with failures(self.dialect, label, self.mapping):
            return self.connection.execute(statement)

    def check_maintenance(self) -> None:
        """Refuse to run while data is being loaded."""
        if self.mapping.maintenance:
            busy = self.execute("maintenance", operator_text(self.mapping.maintenance)).scalar()
            if busy:
                raise DatabaseFailure("Data is being loaded now; try again later.", 4)

    def store(self, step: Step) -> None:
        """Make the table of a step, and log how long it took."""
        started = time.monotonic()
        schema = self.mapping.scratch_schema
        first, *others = self.dialect.create_table(step.name, step.select, schema)
        count = self.execute(step.label, first).rowcount
        for statement in others:
            self.execute(step.label, statement)
        rows = f", {rounded(count)} rows" if count >= 0 else ""
        LOG.info("%s: %.1f s%s", step.label, time.monotonic() - started, rows)

    def rows(self, step: Step, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
        """Read a stored step by patient id, in batches that can be asked for again (CON-01)."""
        types = {item.name: item.type for item in step.select.selected_columns}
        named = [sa.column(name, types[name]) for name in ("patient_id", *columns)]
        stored = sa.table(step.name, *named, schema=self.mapping.scratch_schema or None)
        select = sa.select(stored).order_by(stored.c.patient_id).limit(BATCH)
        found = self.execute("download", select).all()
        while found:
            yield from found
            after = select.where(stored.c.patient_id > found[-1][0])
            found = self.execute("download", after).all() if len(found) == BATCH else []

    def drop(self, names: Sequence[str]) -> None:
        """Drop scratch tables; one that cannot be dropped is logged, the others still go."""
        for name in names:
            try:
                self.execute("clean up", Drop(name, self.mapping.scratch_schema))
            except DatabaseFailure as error:
                LOG.warning("%s was not dropped: %s", name, error)


@contextmanager
def failures(dialect: Dialect, label: str, mapping: BackendMapping | None = None) -> Iterator[None]:
    """Turn a driver's error into ours; its message goes to the operator's log alone (LOG-04)."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        known = dialect.classify
        code, native = mapping.classify(error, known) if mapping else known(error)
        operator_log(f"{label}: {error}")
        raise DatabaseFailure(f"{SENTENCES[code]} ({label}, {native})", code) from None


def operator_log(text: str) -> None:
    """Append to the file that only operators read, if there is one."""
    path = os.environ.get("DATA_BUILDER_OPERATOR_LOG")
    if path:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")


@contextmanager
def connect(dialect: Dialect, url: str, mapping: BackendMapping, job: str) -> Iterator[Database]:
    """Give a connected database."""
    with failures(dialect, "connect"), dialect.connect(url, job, mapping.settings) as connection:
        yield Database(connection, dialect, mapping, job)


def run_steps(
    database: Database, steps: Sequence[Step], columns: Sequence[str]
) -> Iterator[Sequence[Any]]:
    """Store every step and give the rows of the last; scratch tables go whatever happens."""
    try:
        database.check_maintenance()
        for step in steps:
            database.store(step)
        yield from database.rows(steps[-1], columns)
    finally:
        database.drop([step.name for step in reversed(steps)])
