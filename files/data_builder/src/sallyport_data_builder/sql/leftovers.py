"""Scratch tables that jobs left which could not drop them: killed ones, or their database was."""

from __future__ import annotations

import logging

from sallyport_data_builder.sql.database import Database

LOG = logging.getLogger("data_builder")


def found(database: Database, job: str = "") -> list[str]:
    """Return the scratch tables of a job, called as `job_name` says, or of every job."""
    prefix = f"sp_{job}_" if job else "sp_"
    schema = database.mapping.scratch_schema
    with database.failing("left-over tables"):
        return database.dialect.scratch_tables(database.connection, schema, prefix)


def aged(database: Database, age: int) -> list[str]:
    """Return the scratch tables of at least this many seconds; log those whose age is unknown."""
    names = found(database)
    with database.failing("left-over tables"):
        ages = database.dialect.scratch_ages(
            database.connection, database.mapping.scratch_schema, names
        )
    for name in names:
        if name not in ages:
            LOG.warning("the database does not know the age of %s; --job or --all drops it", name)
    return [name for name in names if ages.get(name, 0) >= age]


def drop_own(database: Database, job: str) -> None:
    """Drop what an earlier start of this very job left (RUN-08); connections keep nothing."""
    if database.mapping.scratch_schema:
        names = found(database, job)
        database.drop(names)
        if names:
            LOG.info("dropped %s tables that an earlier start of this job left", len(names))
