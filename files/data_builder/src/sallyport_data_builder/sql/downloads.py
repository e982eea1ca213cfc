"""Reads a stored result: as CSV that the database renders, as Arrow batches, or as rows.

A download can be taken up again after a lost connection, from the last patient who arrived; the
query is not run again (CON-01).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from sallyport_data_builder.errors import DatabaseFailure
from sallyport_data_builder.io.tables import RenderedCsv
from sallyport_data_builder.sql.database import Database
from sallyport_data_builder.sql.dialect import Element

LOG = logging.getLogger("data_builder")
PAUSES = (1.0, 5.0, 20.0)
TRANSIENT = 3
T = TypeVar("T")


class Download:
    """The rows of one stored table, in the order of an output file."""

    def __init__(
        self, database: Database, name: str, columns: Mapping[str, Any], events: bool = False
    ) -> None:
        self._database, self._name, self._events = database, name, events
        schema = database.mapping.scratch_schema or None
        named = [sa.column(column, kind) for column, kind in columns.items()]
        self._stored = sa.table(name, *named, schema=schema)

    def _select(self, after: int | None, rendered: bool) -> sa.Select[Any]:
        columns = [_rendered(c) if rendered else c for c in self._stored.c]
        select = sa.select(*columns).order_by(*self._order())
        if after is not None:
            select = select.where(self._stored.c.patient_id > after)
        comment = self._database.comment("download").strip()
        return select.prefix_with(sa.text(comment))

    def _order(self) -> list[Element]:
        """By patient; events then by their columns in order, NULL first."""
        dialect = self._database.dialect
        patient, *others = self._stored.c
        keys = [dialect.text_key(c) if isinstance(c.type, sa.Text) else c for c in others]
        events = [dialect.null_smallest(key, False) for key in keys] if self._events else []
        return [patient, *events]

    def csv(self) -> RenderedCsv:
        """Return the lines of a CSV file as the database renders them (FMT-11)."""

        def lines(after: int | None) -> Iterator[bytes]:
            return self._database.dialect.copy(
                self._database.connection, self._select(after, rendered=True)
            )

        chunks = self._resumed(lines, lambda line: int(bytes(line).partition(b",")[0]))
        return RenderedCsv(chunks, lambda: self._database.counts[self._name])

    def batches(self) -> Iterator[Any]:
        """Give Arrow batches, or lists of rows where the driver has no Arrow."""

        def parts(after: int | None) -> Iterator[Any]:
            return self._database.dialect.stream(
                self._database.connection, self._select(after, rendered=False)
            )

        return self._resumed(parts, _last_patient)

    def rows(self) -> Iterator[Sequence[Any]]:
        """Give tuples."""
        for part in self.batches():
            if hasattr(part, "num_rows"):
                yield from zip(*(column.to_pylist() for column in part.columns), strict=True)
            else:
                yield from part

    def _resumed(
        self, start: Callable[[int | None], Iterator[T]], last: Callable[[T], int]
    ) -> Iterator[T]:
        pauses, after = iter(PAUSES), None
        while True:
            latest: list[T] = []
            try:
                yield from self._once(start, after, latest)
            except DatabaseFailure as error:
                pause = next(pauses, None)
                partly = self._events and latest  # a patient's rows may be there in part
                if error.code != TRANSIENT or pause is None or partly or not self._is_kept():
                    raise
                after = last(latest[0]) if latest else after
                LOG.warning("the download was interrupted; another try in %.0f s", pause)
                time.sleep(pause)
                self._database.reconnect()
            else:
                return

    def _once(
        self, start: Callable[[int | None], Iterator[T]], after: int | None, latest: list[T]
    ) -> Iterator[T]:
        database = self._database
        database.note("download", self._name)
        with database.failing("download"):
            for part in start(after):
                database.check_stopped()
                latest[:] = [part]
                yield part

    def _is_kept(self) -> bool:
        """Return whether the stored table outlives the connection."""
        return bool(self._database.mapping.scratch_schema)


def _rendered(column: Element) -> Element:
    """Render a bool; the database's own text of a float is the shortest that reads back."""
    if not isinstance(column.type, sa.Boolean):
        return column
    words: Any = (column, sa.literal_column("'T'")), (sa.not_(column), sa.literal_column("'F'"))
    return sa.case(*words).label(str(column.key))


def _last_patient(part: Any) -> int:
    return int(part.column(0)[-1].as_py() if hasattr(part, "num_rows") else part[-1][0])
