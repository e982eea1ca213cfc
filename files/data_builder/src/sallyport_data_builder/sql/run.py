"""Runs the steps of a plan on a database and gives the rows; always drops what it stored."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.backends.parts import BackendMapping
from sallyport_data_builder.plan.options import SELECTIVE
from sallyport_data_builder.sql.database import Database, failures
from sallyport_data_builder.sql.dialect import Dialect
from sallyport_data_builder.sql.downloads import Download
from sallyport_data_builder.sql.stage import AnyStep, Step

LOG = logging.getLogger("data_builder")
STOPS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def connect(dialect: Dialect, url: str, mapping: BackendMapping, job: str) -> Iterator[Database]:
    """Give a connected database; a scratch schema that it cannot have is left out."""
    if mapping.scratch_schema and not dialect.has_scratch_schema:
        LOG.info("scratch_schema is ignored: scratch tables of %s are temporary", dialect.name)
        mapping = replace(mapping, scratch_schema="")
    with failures(dialect, "connect", mapping):
        database = Database(
            lambda: dialect.connect(url, job, mapping.settings), dialect, mapping, job
        )
    try:
        yield database
    finally:
        database.close()


@contextmanager
def scratch(database: Database) -> Iterator[list[str]]:
    """Give a list of scratch tables, which are dropped whatever happens (CON-02, CON-03)."""
    names: list[str] = []
    with _cancelling(database) as cancellation:
        try:
            yield names
        finally:
            cancellation.end()
            database.drop(list(reversed(names)))


class _Cancellation:
    """Cancels what the database does for us, from a thread beside the one that waits."""

    def __init__(self, database: Database) -> None:
        self._database, self._finished = database, threading.Event()
        self._helper: threading.Thread | None = None

    def begin(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal: what runs is cancelled, and nothing more is started."""
        if not self._database.stopped.is_set():
            self._database.stopped.set()
            self._helper = threading.Thread(target=self._cancel, daemon=True)
            self._helper.start()

    def _cancel(self) -> None:
        # Again and again: a statement may start just after the first time.
        while not self._finished.wait(0.2):
            self._database.cancel()

    def end(self) -> None:
        """Leave in peace what is run from now on: the scratch tables have to go."""
        self._finished.set()
        if self._helper is not None:
            self._helper.join()
        self._database.stopped.clear()


@contextmanager
def _cancelling(database: Database) -> Iterator[_Cancellation]:
    """Let a signal cancel the database's work."""
    cancellation = _Cancellation(database)
    if threading.current_thread() is not threading.main_thread():
        yield cancellation
        return
    before = {number: signal.signal(number, cancellation.begin) for number in STOPS}
    try:
        yield cancellation
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def perform(
    database: Database,
    steps: Sequence[AnyStep],
    names: list[str],
    selective: float = SELECTIVE,
    small: bool = False,
) -> bool:
    """Store every step; those after a small population are restricted to it (PLN-02).

    Return whether the population is small.
    """
    for place, step in enumerate(steps):
        if small and isinstance(step, Step) and step.restricted is not None:
            step = replace(step, select=step.restricted)
        names.append(step.name)
        database.store(step)
        if isinstance(step, Step) and step.everybody is not None and _may_restrict(steps[place:]):
            small = _is_small(database, step, selective)
        for name in step.drops:
            database.drop([name])
            names.remove(name)
    return small


def _may_restrict(steps: Sequence[AnyStep]) -> bool:
    return any(isinstance(step, Step) and step.restricted is not None for step in steps)


def _is_small(database: Database, step: Step, selective: float) -> bool:
    """Count the population and everybody: restriction pays if few are in it."""
    stored = sa.table(step.name, schema=database.mapping.scratch_schema or None)
    counted = [
        sa.select(sa.func.count()).select_from(table).scalar_subquery()
        for table in (stored, step.everybody)
        if table is not None
    ]
    found, everybody = database.execute("share of patients", sa.select(*counted)).one()
    return bool(found < selective * everybody)


def run_steps(
    database: Database,
    steps: Sequence[AnyStep],
    columns: Sequence[str],
    selective: float = SELECTIVE,
) -> Iterator[Sequence[Any]]:
    """Store every step and give the rows of the last as tuples."""
    with scratch(database) as names:
        database.check_maintenance()
        perform(database, steps, names, selective)
        kinds = types_of(steps[-1])
        wanted = {name: kinds[name] for name in ("patient_id", *columns)}
        yield from Download(database, steps[-1].name, wanted).rows()


def types_of(step: AnyStep) -> dict[str, Any]:
    """Return the columns that a step stores, with their types."""
    return {c.name: c.type for c in step.select.selected_columns} if isinstance(step, Step) else {}
