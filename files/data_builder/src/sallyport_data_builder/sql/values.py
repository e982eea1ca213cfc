"""Finds values that are not of their column's type, where a database does not keep types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.errors import DatabaseFailure, ExitCode
from sallyport_data_builder.model.nodes import Node, Table
from sallyport_data_builder.plan.relations import table_columns
from sallyport_data_builder.sql.database import Database
from sallyport_data_builder.sql.dialect import Dialect, Element
from sallyport_data_builder.sql.standard import Standard

NAMES = {
    "date": "dates of the form YYYY-MM-DD, without a time",
    "int": "whole numbers",
    "float": "numbers",
    "bool": "0 or 1",
}


def expected(kind: str) -> str:
    """Say what the values of a type look like in the database."""
    return NAMES.get(kind, "text")


def conditions(
    dialect: Dialect, rows: sa.FromClause, kinds: Mapping[str, str]
) -> Iterator[tuple[str, Element]]:
    """Give each column that can hold a value of another type, and the condition that it does."""
    for column, kind in kinds.items():
        value = rows.c[column]
        wrong = dialect.wrong_value(value, kind)
        if wrong is not None:
            yield column, sa.and_(value.is_not(None), wrong)


def counts(
    dialect: Dialect, select: sa.Select[Any], kinds: Mapping[str, str]
) -> tuple[list[str], sa.Select[Any] | None]:
    """Return the columns to look at and the SELECT of their wrong values' numbers, if any."""
    rows = select.subquery("t")
    found = list(conditions(dialect, rows, kinds))
    counted = [
        sa.func.coalesce(sa.func.sum(sa.case((wrong, 1), else_=0)), 0).label(f"w{number}")
        for number, (_column, wrong) in enumerate(found)
    ]
    names = [column for column, _wrong in found]
    return names, sa.select(*counted).select_from(rows) if counted else None


def check(database: Database, nodes: Sequence[Node]) -> None:
    """Raise DatabaseFailure naming the first column in use with a value of another type.

    A database that keeps types is not asked.
    """
    if not database.dialect.loose:
        return
    standard = Standard(database.mapping, database.dialect, own_ids=True)
    for table, columns in table_columns(nodes).items():
        _check_table(database, standard, table, columns)


def _check_table(
    database: Database, standard: Standard, table: Table, columns: Sequence[str]
) -> None:
    mapped = standard.mapped(table.schema, table.name)
    if mapped.absent:
        return
    kinds = {"patient_id": database.mapping.patient_type}
    kinds |= {name: mapped.types[name] for name in columns if name not in mapped.unavailable}
    select = standard.table(table.schema, table.name, list(kinds)[1:])
    names, statement = counts(database.dialect, select, kinds)
    if statement is None:
        return
    answer = database.execute(f"types of {table.name}", statement).one()
    for column, number in zip(names, answer, strict=True):
        if number:
            slug = database.mapping.slug
            raise DatabaseFailure(
                f"{table.name}.{column} has values that are not {expected(kinds[column])}. Change "
                f"the column in the mapping {slug}, for example with sql; "
                f"check-backend {slug} --full counts such values.",
                ExitCode.REFUSED,
            )
