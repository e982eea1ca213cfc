"""What operators ask: the versions, the schemas, the connection, and left-over tables."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sallyport_data_builder import __version__, schemas
from sallyport_data_builder.errors import ArgumentsError
from sallyport_data_builder.model.plan import VERSION
from sallyport_data_builder.settings import Settings, job_name

if TYPE_CHECKING:
    from sallyport_data_builder.sql.database import Database

LOG = logging.getLogger("data_builder")
SECONDS = {"m": 60, "h": 3600, "d": 86400}


def version() -> str:
    """Return the versions of the engine, the plan format and the schemas."""
    parts = [f"data-builder {__version__}", f"plan format {VERSION}"]
    parts += [f"{name} {schemas.load(name).version}" for name in schemas.names()]
    return ", ".join(parts)


def names() -> list[str]:
    """Return the names of the installed schemas."""
    return schemas.names()


def describe(name: str) -> Iterator[str]:
    """Yield the tables and columns of a schema, with what their values keep to."""
    for table, spec in schemas.load(name).tables.items():
        rows = "one row" if spec.rows == "one" else "many rows"
        needed = f", permission {spec.permission}" if spec.permission else ""
        yield f"{table} ({rows} per patient{needed})"
        for key, column in spec.columns.items():
            notes = ["not null"] if column.not_null else []
            if column.categories:
                notes.append(f"one of {', '.join(map(str, column.categories))}")
            yield f"  {key}: {', '.join([column.type, *notes])}"


def test_connection(settings: Settings) -> None:
    """Connect, with the backend's settings, and ask for one row."""
    import sqlalchemy as sa

    with _connected(settings, "test") as database:
        database.execute("test", sa.select(sa.literal(1)))
    LOG.info("the database answers")


def maintenance(settings: Settings) -> str:
    """Return `db-maintenance` while data is being loaded, else `open`."""
    with _connected(settings, "maintenance") as database:
        return "db-maintenance" if database.in_maintenance() else "open"


@contextmanager
def _connected(settings: Settings, name: str) -> Iterator[Database]:
    """Connect to the database with the backend's settings."""
    from sallyport_data_builder.backends import mapping as mappings
    from sallyport_data_builder.sql.connectors import dialect_of
    from sallyport_data_builder.sql.run import connect

    url = settings.database()
    mapping = mappings.find(settings.backend, settings.backends)
    dialect = dialect_of(url, settings.query_engine or mapping.dialect)
    with connect(dialect, url, mapping, name) as database:
        yield database


def clean_scratch(settings: Settings, given: Any) -> None:
    """Drop what interrupted jobs left: that of named jobs, of an age, or all of it."""
    from sallyport_data_builder.sql import leftovers

    if [bool(given.job), bool(given.older_than), given.all].count(True) != 1:
        raise ArgumentsError("clean-scratch needs --job ID, --older-than AGE or --all.")
    age = seconds(given.older_than) if given.older_than else None
    with _connected(settings, "clean") as database:
        if age is not None:
            names = leftovers.aged(database, age)
        else:
            jobs = [job_name(job) for job in given.job or ()] or [""]
            names = [name for job in jobs for name in leftovers.found(database, job)]
        for name in names:
            LOG.info("left over: %s", name)
        if not given.dry_run:
            database.drop(names)
        LOG.info("%s tables %s", len(names), "found" if given.dry_run else "dropped")


def seconds(age: str) -> int:
    """Read an age such as 90m, 24h or 7d."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", age)
    if not found:
        raise ArgumentsError(f"--older-than {age}: write a number and m, h or d, such as 24h.")
    return int(found[1]) * SECONDS[found[2]]
