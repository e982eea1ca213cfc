"""One connection, whose errors carry an exit code and no data."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.backends.parts import BackendMapping
from sallyport_data_builder.errors import DatabaseFailure, ExitCode
from sallyport_data_builder.plan.options import switched_off
from sallyport_data_builder.sql.dialect import Dialect
from sallyport_data_builder.sql.stage import AnyStep, Load, Step
from sallyport_data_builder.sql.standard import operator_text
from sallyport_data_builder.sql.statements import Analyze, Drop

LOG = logging.getLogger("data_builder")
INSERTED = 5_000
PATIENCE = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between the tries to reach a database again that has to lose our scratch tables."""
SENTENCES = {
    ExitCode.UNREACHABLE: "The database could not be reached or was interrupted; retry later.",
    ExitCode.NOT_AVAILABLE: "A table or column of the backend's mapping does not exist.",
    ExitCode.REFUSED: "The database rejected a statement.",
    ExitCode.TOO_COMPLEX: "The query is too complex for the database.",
}
NO_CONNECTION = "The database did not accept the connection."
Opener = Callable[[], AbstractContextManager[sa.Connection]]


def rounded(count: int) -> str:
    """Return a count as logs may show it: small ones hidden, others to the nearest 5 (LOG-02)."""
    return "at most 7" if count <= 7 else f"about {5 * round(count / 5):,}"


class Database:
    """The connection of one job; it is opened again if it is lost during a download."""

    def __init__(self, opener: Opener, dialect: Dialect, mapping: BackendMapping, job: str) -> None:
        self.dialect, self.mapping, self._job, self._opener = dialect, mapping, job, opener
        self._label, self._open = "connect", ExitStack()
        self._off = switched_off(os.environ.get("DATA_BUILDER_PLANNER", ""))
        if "unlogged" in self._off:
            self.mapping = replace(mapping, scratch_schema="")
        self.stopped = threading.Event()
        self.quiet = False  # for queries that are not a step of a job
        self.statements: list[str] = []
        self.counts: dict[str, int] = {}
        self.connection = self._connect()

    def _connect(self) -> sa.Connection:
        connection = self._open.enter_context(self._opener())
        sa.event.listen(connection, "before_cursor_execute", self._comment, retval=True)
        sa.event.listen(connection, "after_cursor_execute", self._name)
        return connection

    def reconnect(self) -> None:
        """Open another connection; the old one no longer works."""
        with suppress(sa.exc.SQLAlchemyError):
            self._open.close()
        self._open = ExitStack()
        with failures(self.dialect, "connect", self.mapping):
            self.connection = self._connect()

    def close(self) -> None:
        """Close the connection."""
        self._open.close()

    def comment(self, label: str) -> str:
        """Say in each statement what it is, for the operator of the database (CON-04)."""
        words = "".join(c for c in label if c.isalnum() or c in " _-.")
        return f"/* sallyport {self._job}: {words} */ "

    def _comment(self, _c: Any, _u: Any, sql: str, values: Any, _x: Any, _many: bool) -> Any:
        self.note(self._label, sql)
        return self.comment(self._label) + sql, values

    def _name(self, _c: Any, cursor: Any, *_statement: Any) -> None:
        """Say, to those who debug, by which id the database knows a statement (LOG-03)."""
        found = self.dialect.query_id(cursor)
        if found:
            LOG.debug("%s: %s", self._label, found)

    def note(self, label: str, sql: str) -> None:
        """Remember that a statement was run; its text is for those who debug."""
        self.statements.append(label)
        LOG.debug("%s: %s", label, sql)

    def execute(self, label: str, statement: Any, rows: Any = None) -> Any:
        """Run a statement; a failure is reduced to its code and our sentence."""
        self.check_stopped()
        self._label = label
        with self.failing(label):
            if rows is not None:
                return self.connection.execute(statement, rows)
            return self.connection.execute(statement)

    def check_stopped(self) -> None:
        """Start nothing more once the job is to end."""
        if self.stopped.is_set():
            raise KeyboardInterrupt

    @contextmanager
    def failing(self, label: str) -> Iterator[None]:
        """Reduce failures; that of a statement which we cancelled ourselves ends the job."""
        try:
            with failures(self.dialect, label, self.mapping):
                yield
        except DatabaseFailure:
            self.check_stopped()
            raise

    def in_maintenance(self) -> bool:
        """Return whether data is being loaded, by the backend's own query; False without one."""
        if not self.mapping.maintenance:
            return False
        return bool(self.execute("maintenance", operator_text(self.mapping.maintenance)).scalar())

    def check_maintenance(self) -> None:
        """Refuse to run while data is being loaded."""
        if self.in_maintenance():
            text = "Data is being loaded now; retry later."
            raise DatabaseFailure(text, ExitCode.NOT_AVAILABLE)

    def store(self, step: AnyStep) -> int:
        """Make the table of a step, and log how long it took; return its rows, -1 if unknown."""
        started = time.monotonic()
        count = self._load(step) if isinstance(step, Load) else self._select(step)
        self.counts[step.name] = count
        rows = f", {rounded(count)} rows" if count >= 0 else ""
        level = logging.DEBUG if self.quiet else logging.INFO
        LOG.log(level, "%s: %.1f s%s", step.label, time.monotonic() - started, rows)
        return count

    def _select(self, step: Step) -> int:
        schema = self.mapping.scratch_schema
        first, *others = self.dialect.create_table(step.name, step.select, schema)
        count = int(self.execute(step.label, first).rowcount)
        for statement in others:
            if isinstance(statement, Analyze) and "statistics" in self._off:
                continue
            self.execute(f"{step.label} (statistics)", statement)
        return count

    def _load(self, step: Load) -> int:
        """Insert rows in parts; a file is never in memory as a whole."""
        schema = self.mapping.scratch_schema
        columns = [sa.column(name, self.dialect.types[kind]) for name, kind in step.columns]
        nothing = [self.dialect.missing(kind).label(name) for name, kind in step.columns]
        empty = sa.select(*nothing).where(sa.false())
        for statement in self.dialect.create_table(step.name, empty, schema):
            if not isinstance(statement, Analyze):
                self.execute(step.label, statement)
        table = sa.table(step.name, *columns, schema=schema or None)
        names, rows, count = [item.name for item in columns], iter(step.rows()), 0
        while part := [dict(zip(names, row, strict=True)) for row in islice(rows, INSERTED)]:
            self.execute(step.label, sa.insert(table), part)
            count += len(part)
        return count

    def count(self, stored: sa.FromClause) -> int:
        """Return how many rows a stored table has; the database is asked only if need be."""
        known = self.counts.get(str(getattr(stored, "name", "")), -1)
        if known >= 0:
            return known
        select = sa.select(sa.func.count()).select_from(stored)
        return int(self.execute("number of patients", select).scalar())

    def drop(self, names: Sequence[str]) -> None:
        """Drop scratch tables; one that cannot be dropped is logged, the others still go."""
        pauses = iter(PATIENCE)  # for all of them together
        for name in names:
            try:
                self._drop(name, pauses)
            except DatabaseFailure as error:
                LOG.warning("%s was not dropped: %s", name, error)

    def _drop(self, name: str, pauses: Iterator[float]) -> None:
        statement = Drop(name, self.mapping.scratch_schema)
        try:
            self.execute("clean up", statement)
        except DatabaseFailure as error:
            lost = error.code == ExitCode.UNREACHABLE or self.connection.invalidated
            if lost and self.mapping.scratch_schema:
                self._come_back(pauses)  # the table outlives the connection, and the server
            self.execute("clean up", statement)

    def _come_back(self, pauses: Iterator[float]) -> None:
        """Connect again, as soon as a database does that has to start first."""
        while True:
            try:
                self.reconnect()
            except DatabaseFailure as error:
                pause = next(pauses, None)
                if error.code != ExitCode.UNREACHABLE or pause is None:
                    raise
                time.sleep(pause)
            else:
                return

    def cancel(self) -> None:
        """Stop what the database is doing for us (CON-03)."""
        with suppress(Exception):
            self.dialect.cancel(self.connection)


@contextmanager
def failures(dialect: Dialect, label: str, mapping: BackendMapping | None = None) -> Iterator[None]:
    """Turn a driver's error into ours; its message goes to the operator's log alone (LOG-04)."""
    try:
        yield
    except dialect.errors as error:
        own = dialect.classify
        code, native = own(error) if mapping is None else mapping.classify(error, own)
        operator_log(f"{label}: {error}")
        refused = label == "connect" and code == ExitCode.REFUSED
        sentence = NO_CONNECTION if refused else SENTENCES[code]
        raise DatabaseFailure(f"{sentence} ({label}, {native})", code) from None


def operator_log(text: str) -> None:
    """Append to the file that only operators read, if there is one."""
    path = os.environ.get("DATA_BUILDER_OPERATOR_LOG")
    if path:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")
