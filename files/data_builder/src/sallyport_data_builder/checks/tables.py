"""The live checks of one table: CHK-07 to CHK-09, CHK-11, CHK-12."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.checks.asking import Asker
from sallyport_data_builder.checks.report import Check
from sallyport_data_builder.checks.subject import Entry
from sallyport_data_builder.errors import DatabaseFailure, ExitCode
from sallyport_data_builder.schemas.types import CODES, TEXTS

LARGE = 100_000
WRONG = {0: "ignores case", 1: "ignores spaces at the end"}


def readable(asker: Asker, entry: Entry) -> Iterator[Check]:
    """CHK-07: the standard rows can be selected; else name the column that is the reason."""
    name = entry.mapped.name
    error = asker.refused(asker.standard.table(entry.schema, entry.name))
    if error is None:
        yield Check("CHK-07", "ok", "can be read", name)
        return
    bare = asker.refused(asker.standard.table(entry.schema, entry.name, []))
    columns = [] if bare else [column for column in entry.columns if _fails(asker, entry, column)]
    for column in columns:
        source = entry.mapped.columns[column]
        what = f"{source.column} is not there" if source.column else "its sql fails"
        text = f"{what}: correct it, or list the column as unavailable"
        where = asker.subject.at(entry.mapped, column)
        yield Check("CHK-07", "fail", f"{text} {where}", name, column)
    if not columns:
        yield Check("CHK-07", "fail", _why(asker, entry, bare or error), name)


def _fails(asker: Asker, entry: Entry, column: str) -> bool:
    return asker.refused(asker.standard.table(entry.schema, entry.name, [column])) is not None


def _why(asker: Asker, entry: Entry, error: DatabaseFailure) -> str:
    where = asker.subject.at(entry.mapped, key="source" if entry.mapped.source else "query")
    if error.code != ExitCode.NOT_AVAILABLE:
        return f"may not be read: grant select on its tables to the account {where}: {error}"
    return f"has no such table, or no column {entry.mapped.patient_id}: correct it {where}: {error}"


def checks(asker: Asker, entry: Entry) -> Iterator[Check]:
    """Give the findings about a table that can be read."""
    select = asker.standard.table(entry.schema, entry.name)
    yield from _types(asker, entry, select)
    yield from _ids(asker, entry)
    yield from _comparison(asker, entry, select)
    yield from _indexes(asker, entry)


def _types(asker: Asker, entry: Entry, select: sa.Select[Any]) -> Iterator[Check]:
    """CHK-08: each column arrives in the type that the schema gives it."""
    given, name, wrong = asker.types(select), entry.mapped.name, False
    for column, kind in entry.mapped.types.items():
        accepted, found = asker.accepted(kind), given.get(column, "")
        if column in entry.mapped.unavailable or not accepted or found in ("", *accepted):
            continue
        wrong, good = True, accepted[0]
        where = asker.subject.at(entry.mapped, column)
        text = f'is {found}; make it {good}, for example sql = "cast(... as {good})" {where}'
        yield Check("CHK-08", "fail", text, name, column)
    if not wrong and given:
        yield Check("CHK-08", "ok", "has the types of the schema", name)
    elif not given:
        yield Check(
            "CHK-08",
            "skip",
            "columns have no types here; --full looks at every value",
            name,
        )


def _ids(asker: Asker, entry: Entry) -> Iterator[Check]:
    """CHK-09: the patient id has the type that the mapping says, in every table."""
    mapped, kind = entry.mapped, asker.subject.mapping.patient_type
    found = asker.types(asker.standard.source_ids(mapped)).get("source_id", "")
    accepted = asker.accepted(kind)
    if found and accepted and found not in accepted:
        where = asker.subject.at(mapped, key="patient_id")
        text = f"{mapped.patient_id} is {found} and patient_id.type is {kind}: name a column of"
        text += f" that type, or cast it in a query {where}"
        yield Check("CHK-09", "fail", text, mapped.name, "patient_id")
    elif found:
        yield Check("CHK-09", "ok", f"its patient id is {found}", mapped.name)


def _comparison(asker: Asker, entry: Entry, select: sa.Select[Any]) -> Iterator[Check]:
    """CHK-11: what the database says of two texts that carry the column's collation."""
    columns, name = entry.kinds(*TEXTS), entry.mapped.name
    if not columns:
        return
    if not asker.catalogue.keeps_collation:
        yield Check("CHK-11", "skip", "the database does not tell how a column compares", name)
        return
    nothing = select.where(sa.false()).subquery("n")
    probes = []
    for number, column in enumerate(columns):
        own = sa.func.max(nothing.c[column])
        for letter, one, other in (("c", "'a'", "'A'"), ("s", "'a '", "'a'")):
            same = sa.func.coalesce(own, sa.literal_column(one)) == sa.literal_column(other)
            probes.append(sa.case((same, 1), else_=0).label(f"{letter}{number}"))
    answers, wrong = asker.ask(sa.select(*probes)).one(), False
    for number, column in enumerate(columns):
        if why := [WRONG[n] for n in WRONG if answers[2 * number + n]]:
            wrong = True
            where = asker.subject.at(entry.mapped, column)
            text = f"{' and '.join(why)}: set a collation, or sql that gives text without padding"
            yield Check("CHK-11", "fail", f"{text} {where}", name, column)
    if not wrong:
        yield Check("CHK-11", "ok", "compares text exactly", name)


def _indexes(asker: Asker, entry: Entry) -> Iterator[Check]:
    """CHK-12: indexes of large tables; the tables of a query are the operator's to judge."""
    mapped, catalogue = entry.mapped, asker.catalogue
    if not mapped.source:
        return
    keys = catalogue.indexes(asker.database, mapped.source)
    rows = mapped.rows_estimate or catalogue.rows(asker.database, mapped.source)
    if rows < LARGE or keys is None:
        return
    wanted = {"": mapped.patient_id}
    for column in entry.kinds(*CODES):
        own = mapped.columns[column]
        wanted[column] = own.column or own.sql
    lacking = {n: key for n, key in wanted.items() if catalogue.normal(key) not in keys}
    for column, key in lacking.items():
        text = f"{mapped.source} is large and no index of it starts with {key}: create one"
        where = asker.subject.at(mapped, column)
        yield Check("CHK-12", "warn", f"{text} {where}", mapped.name, column)
    if not lacking:
        yield Check("CHK-12", "ok", "is large and has its indexes", mapped.name)
