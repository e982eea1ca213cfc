"""Ints for patients whose ids are text, kept in a table of the site (BK-07)."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from sallyport_data_builder.backends.parts import BackendMapping
from sallyport_data_builder.errors import DatabaseFailure, ExitCode
from sallyport_data_builder.model.nodes import Node, Table
from sallyport_data_builder.sql.database import Database
from sallyport_data_builder.sql.standard import Standard

TRIES = 3


def refresh(database: Database, mapping: BackendMapping, nodes: Iterable[Node]) -> None:
    """Give an int to each patient of the plan's tables who has none; nobody's ever changes.

    Another job may do the same at the same time: the keys are unique, so one of them tries again.
    """
    if not mapping.key_table:
        return
    database.check_maintenance()
    *schema, name = mapping.key_table.split(".")
    table = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("patient_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("source_id", sa.String(255), nullable=False, unique=True),
        schema=".".join(schema) or None,
    )
    _make(database, table)
    insert = _insert(database, mapping, nodes, table)
    for again in reversed(range(TRIES)):
        try:
            database.execute("patient keys", insert)
        except DatabaseFailure as error:
            if error.code != ExitCode.REFUSED or not again:
                raise
        else:
            return


def _make(database: Database, table: sa.Table) -> None:
    look = sa.select(table).limit(0)
    try:
        database.execute("patient keys", look)
    except DatabaseFailure as error:
        if error.code != ExitCode.NOT_AVAILABLE:
            raise
        database.execute("patient keys", sa.schema.CreateTable(table, if_not_exists=True))


def _insert(
    database: Database, mapping: BackendMapping, nodes: Iterable[Node], table: sa.Table
) -> sa.Insert:
    places = {(node.schema, node.name) for node in nodes if isinstance(node, Table)}
    mapped = [item for place, item in mapping.tables.items() if place in places]
    ids = Standard(mapping, database.dialect).every_id(mapped)
    known = table.alias("known")
    last = sa.select(sa.func.coalesce(sa.func.max(known.c.patient_id), 0)).scalar_subquery()
    order = database.dialect.text_key(ids.c.source_id)
    number = sa.func.row_number().over(order_by=order)
    there = sa.exists().where(known.c.source_id == ids.c.source_id)
    new = sa.select(last + number, ids.c.source_id).where(~there)
    return sa.insert(table).from_select(["patient_id", "source_id"], new)
