"""The log of decisions: a hash chain in SQLite files of bounded number and size.

A full file is closed under a name with its time and a new one starts; the first row of the new
file holds number of rows and hash of the last row of the old one, so the chain goes on. The
tables of a file are made once and never change, so there are no migrations.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, select
from sqlalchemy.engine import Connection, Engine

from sallyport_common.database import create_engine, read, write
from sallyport_records.chain import Chain, Verdict

CURRENT = "decisions.sqlite3"
CLOSED = "decisions-*.sqlite3"


class DecisionLog:
    """Appends decisions, one transaction each; the caller sends nothing before it returns."""

    def __init__(
        self,
        folder: Path,
        rows: int,
        files: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder, self._rows, self._files, self._now = folder, rows, files, now
        self._lock = threading.Lock()
        self._metadata = MetaData()
        self._chain = Chain(self._metadata, "decision")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._engine = self._open()

    def append(self, *, actor: str, event: str, object: str, data: dict[str, Any]) -> int:
        """Record one decision and return its number in the current file."""
        with self._lock:
            row = self._append(actor=actor, event=event, object=object, data=data)
            if row["seq"] >= self._rows:
                self._continue_in_a_new_file(row)
        return int(row["seq"])

    def verify(self) -> dict[str, Verdict]:
        """Read every file's chain, oldest first; return a verdict by file name."""
        with self._lock:
            verdicts: dict[str, Verdict] = {}
            before: Path | None = None
            for path in self._all_files():
                verdicts[path.name] = self._verify_file(path, before)
                before = path
            return verdicts

    def close(self) -> None:
        """Close the current file."""
        self._engine.dispose()

    def _open(self) -> Engine:
        engine = create_engine(f"sqlite:///{self._folder / CURRENT}")
        self._metadata.create_all(engine)
        return engine

    def _append(self, **fields: Any) -> dict[str, Any]:
        with write(self._engine) as connection:
            return self._chain.append(connection, **fields)

    def _continue_in_a_new_file(self, last: dict[str, Any]) -> None:
        self._engine.dispose()
        closed = f"decisions-{self._now().strftime('%Y%m%dT%H%M%S%f')}.sqlite3"
        (self._folder / CURRENT).rename(self._folder / closed)
        self._engine = self._open()
        data = {"file": closed, "rows": last["seq"], "hash": last["hash"]}
        self._append(actor="proxy", event="continued", object="decisions", data=data)
        for surplus in sorted(self._folder.glob(CLOSED))[: -self._files]:
            self._append(actor="proxy", event="dropped", object=surplus.name, data={})
            surplus.unlink()

    def _all_files(self) -> list[Path]:
        return [*sorted(self._folder.glob(CLOSED)), self._folder / CURRENT]

    def _verify_file(self, path: Path, before: Path | None) -> Verdict:
        """Read one file's chain, and see that it goes on where the file before it ends."""
        with _opened(path) as connection:
            verdict = self._chain.verify(connection)
            first = connection.execute(select(self._chain.rows).limit(1)).first()
        if not verdict.intact or before is None:
            return verdict
        with _opened(before) as connection:
            head = connection.execute(select(self._chain.head)).first()
        end = {"file": before.name, "rows": head.seq, "hash": head.hash} if head else None
        if first is None or first.data != end:
            return Verdict(verdict.rows, f"row 1 does not follow the end of {before.name}")
        return verdict

    def last_rows(self, number: int) -> list[dict[str, Any]]:
        """Return the newest rows of the current file, newest first."""
        query = select(self._chain.rows).order_by(self._chain.rows.c.seq.desc()).limit(number)
        with read(self._engine) as connection:
            return [dict(row._mapping) for row in connection.execute(query)]


@contextmanager
def _opened(path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{path}")
    try:
        with read(engine) as connection:
            yield connection
    finally:
        engine.dispose()
