"""The checks that ask the database, in seconds whatever its size."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.backends.parts import Exclusion
from sallyport_data_builder.checks import tables
from sallyport_data_builder.checks.asking import Asker
from sallyport_data_builder.checks.report import Check
from sallyport_data_builder.errors import DatabaseFailure
from sallyport_data_builder.sql.standard import operator_text
from sallyport_data_builder.sql.statements import Drop


def live(asker: Asker, unreadable: set[str]) -> Iterator[Check]:
    """Give all findings; note the tables of which nothing more can be asked."""
    yield _server(asker)
    for entry in asker.subject.entries():
        if entry.mapped.absent:
            continue
        found = list(tables.readable(asker, entry))
        yield from found
        if any(check.status == "fail" for check in found):
            unreadable.add(entry.mapped.name)
        else:
            yield from tables.checks(asker, entry)
    if not asker.subject.only:
        yield _scratch(asker)
        for item in asker.subject.mapping.exclusions:
            yield _exclusion(asker, item)
        yield from _privileges(asker)
        yield from _dates(asker)


def _server(asker: Asker) -> Check:
    """CHK-06: the version; that there is a connection was seen before."""
    version, oldest = asker.catalogue.version(asker.database), asker.catalogue.oldest
    given, wanted = (".".join(map(str, item)) for item in (version, oldest))
    if version < oldest:
        return Check("CHK-06", "warn", f"the server is {given}, supported from {wanted} on: update")
    return Check("CHK-06", "ok", f"the database answers, version {given}")


def _scratch(asker: Asker) -> Check:
    """CHK-10: create, insert, index, drop."""
    schema = asker.database.mapping.scratch_schema
    name = f"sp_check_{int(time.time())}"
    one = sa.select(asker.dialect.literal(1, "int").label("patient_id"))
    column: sa.Column[int] = sa.Column("patient_id", sa.BigInteger)
    table = sa.Table(name, sa.MetaData(), column, schema=schema or None)
    steps = [("create", item) for item in asker.dialect.create_table(name, one, schema)]
    steps.append(("insert", sa.insert(table).values(patient_id=2)))
    if asker.catalogue.has_indexes:
        steps.append(("index", sa.schema.CreateIndex(sa.Index(f"{name}_i", column))))
    steps.append(("drop", Drop(name, schema)))
    done: list[str] = []
    try:
        for word, statement in steps:
            done.append(word)
            asker.ask(statement)
    except DatabaseFailure as error:
        word = done[-1]
        if word != "create":
            asker.database.drop([name])
        place = f"in the schema {schema}" if schema else "of temporary tables"
        where = asker.subject.line("scratch_schema")
        text = f"{word} {place} was refused: grant it, or name another schema {where}: {error}"
        return Check("CHK-10", "fail", text)
    return Check("CHK-10", "ok", "scratch tables can be made, filled, indexed and dropped")


def _exclusion(asker: Asker, item: Exclusion) -> Check:
    """CHK-13: one column of the patient id's name and type, and somebody in it."""
    mapping, where = asker.subject.mapping, asker.subject.line(*item.path, "sql")
    name, wanted, accepted = item.name, mapping.patient_id, asker.accepted(mapping.patient_type)
    rows = operator_text(item.sql).columns().subquery("e")
    select: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(rows)
    try:
        columns = list(asker.ask(select.limit(0)).keys())
    except DatabaseFailure as error:
        return Check("CHK-13", "fail", f"{name} cannot be read: correct its sql {where}: {error}")
    if columns != [wanted]:
        text = f"{name} must return one column, {wanted}: select ... as {wanted} {where}"
        return Check("CHK-13", "fail", text)
    given = asker.types(select).get(wanted, "")
    if given and accepted and given not in accepted:
        text = f"{name} returns {given} and patient ids are {mapping.patient_type}: cast it {where}"
        return Check("CHK-13", "fail", text)
    few = asker.catalogue.estimate(asker.database, item.sql) <= 1
    if few and asker.ask(select.limit(1)).first() is None:
        return Check("CHK-13", "warn", f"{name} returns nobody: is its table loaded? {where}")
    return Check("CHK-13", "ok", f"{name} returns patient ids")


def _privileges(asker: Asker) -> Iterator[Check]:
    """CHK-17: the account reads the mapped tables, writes in the scratch schema, and no more."""
    schema = asker.subject.mapping.scratch_schema
    found = asker.catalogue.privileges(asker.database, schema)
    where = asker.subject.line("scratch_schema")
    if found is None:
        yield Check("CHK-17", "skip", "the database has no accounts")
        return
    for text in found:
        yield Check("CHK-17", "fail", f"{text} {where}")
    if not found:
        yield Check("CHK-17", "ok", "the account writes in the scratch schema only")


def _dates(asker: Asker) -> Iterator[Check]:
    """CHK-20: neither the date style nor the time zone of the connection shifts a date."""
    found = list(asker.catalogue.shifted(asker.database, asker.subject))
    where = asker.subject.line("settings")
    for text in found:
        yield Check("CHK-20", "fail", f"{text} {where}")
    if not found:
        yield Check("CHK-20", "ok", "the connection leaves dates as they are")
