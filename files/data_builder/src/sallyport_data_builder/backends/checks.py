"""check-backend: proves a mapping, in counts and never in values. This version: static and live."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder import __version__, schemas
from sallyport_data_builder.backends.mapping import BackendMapping, MappedTable
from sallyport_data_builder.backends.standard import Standard, operator_text
from sallyport_data_builder.errors import DatabaseFailure
from sallyport_data_builder.sql.run import Database

UNREACHABLE = 3


@dataclass(frozen=True)
class Check:
    """One finding: ok, warn or fail, and what to change."""

    id: str
    status: str
    text: str
    table: str = ""
    column: str = ""


def static(mapping: BackendMapping) -> Iterator[Check]:
    """Check what needs no database; parsing the file has already refused what is unknown."""
    yield Check("CHK-01", "ok", f"{mapping.slug}.toml is a mapping of format 1")
    schemas_named = ", ".join(mapping.implements)
    yield Check("CHK-02", "ok", f"every table and column of {schemas_named} is mapped")
    for (schema, name), table in mapping.tables.items():
        specs = schemas.load(schema).tables[name].columns if schema else {}
        for column, spec in specs.items():
            yield from _categories(table, column, spec.categories)
            if column in table.unavailable and spec.not_null:
                text = "is unavailable though it must not be null; studies see NULL"
                yield Check("CHK-05", "warn", text, table.name, column)


def _categories(table: MappedTable, column: str, categories: tuple[str, ...]) -> Iterator[Check]:
    mapped = table.columns.get(column)
    if not mapped or not mapped.map or not categories:
        return
    strangers = sorted({*map(str, mapped.map.values())} - {*categories})
    if strangers:
        text = f"map gives {', '.join(strangers)}; the categories are {', '.join(categories)}"
        yield Check("CHK-04", "fail", text, table.name, column)
    if mapped.otherwise is None:
        text = "add otherwise = ...: a value that map does not name would be NULL"
        yield Check("CHK-04", "fail", text, table.name, column)


def live(mapping: BackendMapping, database: Database) -> Iterator[Check]:
    """Check against the database, in seconds whatever its size (CHK-R1)."""
    yield Check("CHK-06", "ok", "the database answers")
    standard = Standard(mapping, database.dialect)
    for (schema, name), table in mapping.tables.items():
        yield from _table(standard.table(schema, name), table, database)
    yield from _scratch(mapping, database)
    for item in mapping.exclusions:
        try:
            select = sa.select(
                operator_text(item.sql).columns(sa.column(mapping.patient_id)).subquery()
            )
            database.execute("check", select.limit(0))
        except DatabaseFailure as error:
            yield from _refused(Check("CHK-13", "fail", f"exclusion {item.name}: {error}"), error)


def _refused(check: Check, error: DatabaseFailure) -> Iterator[Check]:
    if error.code == UNREACHABLE:
        raise error
    yield check


def _table(select: sa.Select[Any], table: MappedTable, database: Database) -> Iterator[Check]:
    try:
        database.execute("check", select.limit(0))
    except DatabaseFailure as error:
        text = f"cannot be read with its mapping: {error}"
        yield from _refused(Check("CHK-07", "fail", text, table.name), error)
        return
    yield Check("CHK-07", "ok", "can be read", table.name)
    expected = {**table.types, "patient_id": "int"}
    for column, given in database.dialect.column_types(database.connection, select).items():
        wanted = database.dialect.native[expected[column]]
        if given not in wanted and column not in table.unavailable:
            text = f'is {given}; make it {wanted[0]}, for example sql = "cast(... as {wanted[0]})"'
            yield Check("CHK-08", "fail", text, table.name, column)


def _scratch(mapping: BackendMapping, database: Database) -> Iterator[Check]:
    name = f"sp_check_{int(time.time())}"
    one = sa.select(sa.literal(1).label("patient_id"))
    try:
        for statement in database.dialect.create_table(name, one, mapping.scratch_schema):
            database.execute("check", statement)
    except DatabaseFailure as error:
        place = mapping.scratch_schema or "temporary tables"
        text = f"cannot create a table in {place}; grant create: {error}"
        yield from _refused(Check("CHK-10", "fail", text), error)
    else:
        yield Check("CHK-10", "ok", "scratch tables can be made and dropped")
        database.drop([name])


def report(mapping: BackendMapping, checks: list[Check], level: str) -> dict[str, Any]:
    """Return the report for machines (CHK-R2)."""
    statuses = [check.status for check in checks]
    return {
        "backend": mapping.slug,
        "engine": __version__,
        "schemas": list(mapping.implements),
        "level": level,
        "checks": [asdict(check) for check in checks],
        "summary": {status: statuses.count(status) for status in ("ok", "warn", "fail")},
    }
