"""The audit chain: rows that hold the hash of the one before, appended and never changed.

A row is `seq time actor event object data prev hash`. `hash` is the SHA-256 over the RFC 8785
form of the other fields; `prev` and `seq` come from one head row that is locked in the
transaction of the change that is recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785
from sqlalchemy import JSON, Column, Integer, MetaData, String, Table, insert, select, update
from sqlalchemy.engine import Connection, Row

GENESIS = "0" * 64
"""`prev` of the first row."""


@dataclass(frozen=True)
class Verdict:
    """What `Chain.verify` found: rows read, and the first fault if there is one."""

    rows: int
    fault: str | None

    @property
    def intact(self) -> bool:
        """Return whether every row and the tail are as they were written."""
        return self.fault is None


def row_hash(fields: dict[str, Any]) -> str:
    """Return the hash of a row's other fields in hexadecimal."""
    return hashlib.sha256(rfc8785.dumps(fields)).hexdigest()


class Chain:
    """Audit rows in one table, and the head row in another, of a component's own database."""

    def __init__(self, metadata: MetaData, name: str = "audit") -> None:
        self.rows = Table(
            name,
            metadata,
            Column("seq", Integer, primary_key=True, autoincrement=False),
            Column("time", String(32), nullable=False),
            Column("actor", String(200), nullable=False),
            Column("event", String(100), nullable=False, index=True),
            Column("object", String(500), nullable=False, index=True),
            Column("data", JSON, nullable=False),
            Column("prev", String(64), nullable=False),
            Column("hash", String(64), nullable=False),
        )
        self.head = Table(
            f"{name}_head",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("seq", Integer, nullable=False),
            Column("hash", String(64), nullable=False),
        )

    def append(
        self, connection: Connection, *, actor: str, event: str, object: str, data: dict[str, Any]
    ) -> dict[str, Any]:
        """Add a row in the caller's (writing) transaction and return it.

        `data` holds JSON values; floats are refused by the canonical form where they are not
        finite. A second writer waits for the head row until this transaction ends.
        """
        return self.append_all(connection, actor=actor, event=event, of=[(object, data)])[0]

    def append_all(
        self,
        connection: Connection,
        *,
        actor: str,
        event: str,
        of: Sequence[tuple[str, dict[str, Any]]],
    ) -> list[dict[str, Any]]:
        """Add a row for each pair of object and data, as `append` does, in three statements."""
        head = self._locked_head(connection)
        sequence, last, rows = head.seq, head.hash, []
        for object_, data in of:
            sequence += 1
            fields = {
                "seq": sequence,
                "time": datetime.now(UTC).isoformat(timespec="microseconds"),
                "actor": actor,
                "event": event,
                "object": object_,
                "data": data,
                "prev": last,
            }
            last = row_hash(fields)
            rows.append(fields | {"hash": last})
        if rows:
            connection.execute(insert(self.rows), rows)
            connection.execute(update(self.head).values(seq=sequence, hash=last))
        return rows

    def _locked_head(self, connection: Connection) -> Row[Any]:
        query = select(self.head).with_for_update()
        head = connection.execute(query).first()
        if head is None:
            connection.execute(insert(self.head).values(id=1, seq=0, hash=GENESIS))
            head = connection.execute(query).one()
        return head

    def verify(self, connection: Connection) -> Verdict:
        """Read the whole chain; name the first bad row, or a tail that is missing."""
        previous, count = GENESIS, 0
        for row in self._in_order(connection):
            count += 1
            fault = _fault(row, count, previous)
            if fault:
                return Verdict(count, fault)
            previous = row["hash"]
        head = connection.execute(select(self.head)).first()
        expected = (head.seq, head.hash) if head else (0, GENESIS)
        if expected != (count, previous):
            return Verdict(count, f"the tail is missing: the head says row {expected[0]}")
        return Verdict(count, None)

    def _in_order(self, connection: Connection) -> Iterator[dict[str, Any]]:
        query = select(self.rows).order_by(self.rows.c.seq).execution_options(yield_per=1000)
        with connection.execute(query) as result:  # closed also when the reader stops at a fault
            for row in result:
                yield dict(row._mapping)


def _fault(row: dict[str, Any], position: int, previous: str) -> str | None:
    fields = {key: value for key, value in row.items() if key != "hash"}
    if row["seq"] != position:
        return f"row {position} is missing or out of order"
    if row["prev"] != previous:
        return f"row {position} does not follow the row before it"
    if row["hash"] != row_hash(fields):
        return f"row {position} was changed"
    return None
