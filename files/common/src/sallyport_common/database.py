"""SQL databases: engines with safe settings, and transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url

from sallyport_common.settings import Secret

BUSY_TIMEOUT_MS = 10_000


def create_engine(url: str, password: Secret | None = None) -> Engine:
    """Return an engine; SQLite gets WAL, full synchronisation, foreign keys and a busy timeout."""
    address = make_url(url)
    if password is not None:
        address = address.set(password=password.reveal())
    engine = sqlalchemy.create_engine(address, pool_pre_ping=address.get_backend_name() != "sqlite")
    if address.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction control starts transactions late; we start them ourselves.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: two of them queue up instead of one failing half way.
    writing = connection.get_execution_options().get("sallyport_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """Give a connection for reading; nothing is kept."""
    with engine.connect() as connection:
        yield connection


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """Give a connection in one transaction: kept on a normal end, undone on an exception."""
    with engine.connect().execution_options(sallyport_write=True) as connection, connection.begin():
        yield connection
