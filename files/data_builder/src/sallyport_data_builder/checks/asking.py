"""One database that is asked about one mapping."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.checks.catalogue import Catalogue
from sallyport_data_builder.checks.query import ask
from sallyport_data_builder.checks.subject import Subject
from sallyport_data_builder.errors import DatabaseFailure
from sallyport_data_builder.schemas.types import TEXTS
from sallyport_data_builder.sql.database import Database, failures
from sallyport_data_builder.sql.dialect import Dialect
from sallyport_data_builder.sql.standard import Standard

# Types that hold text; whether they also compare as text is what CHK-11 asks.
TEXT_LIKE = ("character", "bpchar", "citext", "name", "enum")


@dataclass(frozen=True)
class Asker:
    """What every live check needs."""

    subject: Subject
    database: Database
    standard: Standard
    catalogue: Catalogue

    @property
    def dialect(self) -> Dialect:
        """Return the connector."""
        return self.database.dialect

    def ask(self, statement: Any) -> Any:
        """Run a statement."""
        return ask(self.database, statement)

    def refused(self, select: sa.Select[Any]) -> DatabaseFailure | None:
        """Return why a SELECT does not run, without reading a row."""
        try:
            self.ask(select.limit(0))
        except DatabaseFailure as error:
            return error
        return None

    def counted(self, select: sa.Select[Any]) -> list[Any]:
        """Return the one row of a SELECT of numbers; where the database asks more of values that
        are stored than of those that are read, the row is stored first, as a study's would be.
        """
        if not self.catalogue.strict_when_storing:
            return list(self.ask(select).one())
        schema, name = self.subject.mapping.scratch_schema, f"sp_check_{time.time_ns()}"
        row = select.add_columns(self.dialect.literal(1, "int").label("patient_id"))
        try:
            for statement in self.dialect.create_table(name, row, schema):
                self.ask(statement)
            columns: list[sa.ColumnClause[Any]] = [
                sa.column(column.name) for column in select.selected_columns
            ]
            stored = sa.table(name, *columns, schema=schema or None)
            return list(self.ask(sa.select(*columns).select_from(stored)).one())
        finally:
            self.database.drop([name])

    def types(self, select: sa.Select[Any]) -> dict[str, str]:
        """Return the database's own types of the columns of a SELECT, where it tells them."""
        with failures(self.dialect, "check"):
            return self.dialect.column_types(self.database.connection, select)

    def accepted(self, kind: str) -> tuple[str, ...]:
        """Return the database's types that can hold one of ours; none where it has no types."""
        native = self.dialect.native.get(kind, ())
        return (*native, *TEXT_LIKE) if native and kind in TEXTS else native
