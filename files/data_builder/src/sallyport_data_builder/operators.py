"""What operators ask: the versions, the schemas, the connection, and left-over tables."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

from sallyport_data_builder import __version__, schemas
from sallyport_data_builder.errors import ArgumentsError
from sallyport_data_builder.model.plan import VERSION
from sallyport_data_builder.settings import Settings, job_name

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
        rows = "one row" if spec.node.rows == "one" else "many rows"
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

    from sallyport_data_builder.backends import mapping as mappings
    from sallyport_data_builder.sql.run import connect, dialect_of

    url = settings.database()
    mapping = mappings.find(settings.backend, settings.backends)
    dialect = dialect_of(url, settings.query_engine or mapping.dialect)
    with connect(dialect, url, mapping, "test") as database:
        database.execute("test", sa.select(sa.literal(1)))
    LOG.info("the database answers")


def clean_scratch(
    settings: Settings, job: str | None, older_than: str | None, dry_run: bool
) -> None:
    """Drop what an interrupted job left, or what is older than any job."""
    from sallyport_data_builder.backends import mapping as mappings
    from sallyport_data_builder.sql.run import connect, dialect_of

    if bool(job) == bool(older_than):
        raise ArgumentsError("clean-scratch needs --job ID or --older-than AGE.")
    age = seconds(older_than) if older_than else None
    url = settings.database()
    mapping = mappings.find(settings.backend, settings.backends)
    dialect = dialect_of(url, settings.query_engine or mapping.dialect)
    with connect(dialect, url, mapping, "clean") as database:
        prefix = f"sp_{job_name(job)}_" if job else "sp_"
        names = dialect.scratch_tables(database.connection, mapping.scratch_schema, prefix)
        if age is not None:
            ages = dialect.scratch_ages(database.connection, mapping.scratch_schema, names)
            names = [name for name in names if ages.get(name, 0) >= age]
        for name in names:
            LOG.info("left over: %s", name)
        if not dry_run:
            database.drop(names)
        LOG.info("%s tables %s", len(names), "found" if dry_run else "dropped")


def seconds(age: str) -> int:
    """Read an age such as 90m, 24h or 7d."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", age)
    if not found:
        raise ArgumentsError(f"--older-than {age}: write a number and m, h or d, such as 24h.")
    return int(found[1]) * SECONDS[found[2]]
