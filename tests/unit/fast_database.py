"""Databases of tests: statements compiled once for all tests of a process, files never flushed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

COMPILED: dict[Any, Any] = {}
"""Statements that an earlier test has compiled; compiling is half of a test's time otherwise."""


def hasten(engine: Engine) -> Engine:
    """Let an engine reuse compiled statements and, on SQLite, leave flushing to the kernel."""
    engine.update_execution_options(compiled_cache=COMPILED)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _no_flush)
    return engine


def _no_flush(connection: Any, _record: Any) -> None:
    # The machine of a test does not lose power; tests of `common` cover SQLite's own setting.
    connection.execute("PRAGMA synchronous=OFF")
