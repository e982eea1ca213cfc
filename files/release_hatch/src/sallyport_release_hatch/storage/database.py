"""The hatch's database: transactions, and the small tables around requests."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection, Engine

from sallyport_common import database, revisions
from sallyport_common.throttle import WINDOW
from sallyport_records.chain import Verdict
from sallyport_release_hatch.storage import tables
from sallyport_release_hatch.storage.requests import RequestTable

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class SessionRow:
    """A log-in as stored; `identity` is the job server's answer."""

    username: str
    identity: dict[str, Any]
    created: float
    seen: float
    authorised: float


class Transaction:
    """One transaction: what is done with it is kept together or not at all."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.requests = RequestTable(connection)
        self.sessions = SessionTable(connection)
        self.events = EventTable(connection)

    def record(self, actor: str, event: str, subject: str, **data: Any) -> None:
        """Add a row to the audit chain."""
        tables.audit.append(
            self._connection, actor=actor, event=event, object=subject[:500], data=data
        )

    def verify_audit(self) -> Verdict:
        """Read the whole audit chain and say whether it is intact."""
        return tables.audit.verify(self._connection)

    def audit_rows(self, subject: str) -> list[dict[str, Any]]:
        """Return what the chain holds on one subject, oldest first."""
        rows = tables.audit.rows
        query = select(rows).where(rows.c.object == subject).order_by(rows.c.seq)
        return [dict(row._mapping) for row in self._connection.execute(query)]

    def ping(self) -> None:
        """Raise when the tables cannot be read."""
        self._connection.execute(select(func.count()).select_from(tables.audit.head))


class Database:
    """Gives transactions on the hatch's database."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = database.create_engine(url)

    def migrate(self) -> None:
        """Bring the tables to the newest revision."""
        revisions.migrate(self.engine, "sallyport_release_hatch", MIGRATIONS)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Give a transaction that keeps nothing."""
        with database.read(self.engine) as connection:
            yield Transaction(connection)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Give a transaction that is kept on a normal end and undone on an exception."""
        with database.write(self.engine) as connection:
            yield Transaction(connection)

    def check(self) -> None:
        """Raise when the database cannot be used."""
        with self.read() as transaction:
            transaction.ping()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


class SessionTable:
    """Log-ins, by the digest of what the cookie holds, and failed attempts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, digest: str, username: str, identity: dict[str, Any], now: float) -> None:
        """Keep a new log-in."""
        self._connection.execute(
            insert(tables.sessions).values(
                digest=digest,
                username=username,
                identity=identity,
                created=now,
                seen=now,
                authorised=now,
            )
        )

    def get(self, digest: str) -> SessionRow | None:
        """Return a log-in."""
        query = select(tables.sessions).where(tables.sessions.c.digest == digest)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        return SessionRow(row.username, row.identity, row.created, row.seen, row.authorised)

    def touch(self, digest: str, now: float) -> None:
        """Note that a log-in was used."""
        self._change(digest, seen=now)

    def renew(self, digest: str, identity: dict[str, Any], now: float) -> None:
        """Note what the job server says today."""
        self._change(digest, identity=identity, authorised=now, seen=now)

    def _change(self, digest: str, **values: Any) -> None:
        query = update(tables.sessions).where(tables.sessions.c.digest == digest)
        self._connection.execute(query.values(**values))

    def remove(self, digest: str) -> None:
        """End a log-in."""
        self._connection.execute(delete(tables.sessions).where(tables.sessions.c.digest == digest))

    def remove_created_before(self, moment: float) -> None:
        """Forget log-ins that are too old to be used."""
        self._connection.execute(delete(tables.sessions).where(tables.sessions.c.created < moment))

    def take_attempt(self, limits: Mapping[str, int], now: float) -> bool:
        """Count an attempt of each subject unless one is at its limit; return whether counted."""
        table = tables.login_failures
        self._connection.execute(delete(table).where(table.c.time < now - WINDOW))
        for subject, limit in limits.items():
            query = select(func.count()).select_from(table).where(table.c.subject == subject)
            if self._connection.execute(query).scalar_one() >= limit:
                return False
        rows = [{"subject": subject, "time": now} for subject in limits]
        self._connection.execute(insert(table), rows)
        return True

    def give_attempt_back(self, subject: str) -> None:
        """Count one attempt of a subject less."""
        table = tables.login_failures
        newest = select(func.max(table.c.id)).where(table.c.subject == subject).scalar_subquery()
        self._connection.execute(delete(table).where(table.c.id == newest))

    def forget_attempts(self, subject: str) -> None:
        """Drop the attempts of a subject."""
        column = tables.login_failures.c
        self._connection.execute(delete(tables.login_failures).where(column.subject == subject))


@dataclass(frozen=True)
class EventRow:
    """A notification that waits to be sent."""

    id: int
    body: dict[str, Any]
    attempts: int


class EventTable:
    """Notifications for the job server, until they are sent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, body: dict[str, Any]) -> None:
        """Queue a notification in the transaction of what it tells."""
        values = {"body": body, "attempts": 0, "due": time.time()}
        self._connection.execute(insert(tables.events).values(values))

    def due(self, now: float, limit: int = 20) -> list[EventRow]:
        """Return what should be sent now, oldest first."""
        query = (
            select(tables.events)
            .where(tables.events.c.due <= now)
            .order_by(tables.events.c.id)
            .limit(limit)
        )
        rows = self._connection.execute(query)
        return [EventRow(row.id, row.body, row.attempts) for row in rows]

    def waiting(self) -> int:
        """Return how many notifications are not sent."""
        query = select(func.count()).select_from(tables.events)
        return int(self._connection.execute(query).scalar_one())

    def remove(self, identifier: int) -> None:
        """Forget a notification that arrived."""
        self._connection.execute(delete(tables.events).where(tables.events.c.id == identifier))

    def postpone(self, identifier: int, due: float) -> None:
        """Try a notification again later."""
        query = update(tables.events).where(tables.events.c.id == identifier)
        self._connection.execute(query.values(attempts=tables.events.c.attempts + 1, due=due))


class LogInAttempts:
    """Counts attempts to log in, a row each; see `sallyport_common.throttle`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, limits: Mapping[str, int], moment: float) -> bool:
        """Count an attempt of each subject, unless one is at its limit; return whether counted."""
        with self._database.write() as transaction:
            return transaction.sessions.take_attempt(limits, moment)

    def give_back(self, subject: str) -> None:
        """Count one attempt less."""
        with self._database.write() as transaction:
            transaction.sessions.give_attempt_back(subject)

    def forget(self, subject: str) -> None:
        """Drop the attempts of a subject."""
        with self._database.write() as transaction:
            transaction.sessions.forget_attempts(subject)
