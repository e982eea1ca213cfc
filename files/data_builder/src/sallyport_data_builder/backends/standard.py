"""A subquery per table that returns exactly the standard columns (BK-05)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.backends.mapping import BackendMapping, MappedColumn, MappedTable
from sallyport_data_builder.errors import DatabaseFailure
from sallyport_data_builder.sql.dialect import Dialect

NOT_AVAILABLE = 4


def operator_text(sql: str) -> sa.TextClause:
    """Return an operator's SQL as it is: a colon in it is no parameter."""
    return sa.text(sql.replace("\\", "\\\\").replace(":", "\\:"))


class Standard:
    """Gives the standard rows of a backend's tables."""

    def __init__(self, mapping: BackendMapping, dialect: Dialect) -> None:
        self._mapping, self._dialect = mapping, dialect

    def table(self, schema: str, name: str, columns: list[str] | None = None) -> sa.Select[Any]:
        """Return a SELECT of patient_id and the columns asked for."""
        mapped = self._mapping.tables.get((schema, name))
        if mapped is None:
            full = f"{schema}.{name}" if schema else name
            message = f"The backend {self._mapping.slug} has no table {full}."
            raise DatabaseFailure(message, NOT_AVAILABLE)
        source = self._source(mapped)
        wanted = list(mapped.types) if columns is None else columns
        selected = [self._column(mapped, source, column).label(column) for column in wanted]
        patient = self._plain(source, mapped.patient_id, "int").label("patient_id")
        statement = sa.select(patient, *selected).select_from(source)
        return (
            statement.where(sa.literal_column(f"({mapped.where})")) if mapped.where else statement
        )

    def unavailable(self, schema: str, name: str) -> frozenset[str]:
        """Return the columns that are NULL on this backend (BK-03)."""
        mapped = self._mapping.tables.get((schema, name))
        return mapped.unavailable if mapped else frozenset()

    def _source(self, mapped: MappedTable) -> sa.FromClause:
        names = [mapped.patient_id, *(c.column for c in mapped.columns.values() if c.column)]
        columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in dict.fromkeys(names)]
        if mapped.query:
            body = mapped.query.strip().rstrip(";")
            return operator_text(body).columns(*columns).subquery("q")
        *schema, name = mapped.source.split(".")
        return sa.table(name, *columns, schema=".".join(schema) or None)

    def _plain(self, source: sa.FromClause, name: str, kind: str) -> sa.ColumnElement[Any]:
        return sa.type_coerce(source.c[name], self._dialect.types[kind])

    def _column(
        self, mapped: MappedTable, source: sa.FromClause, name: str
    ) -> sa.ColumnElement[Any]:
        kind = mapped.types[name]
        sql_type = self._dialect.types[kind]
        if name in mapped.unavailable:
            return sa.cast(sa.null(), sql_type)
        column = mapped.columns[name]
        if column.sql:
            found: sa.ColumnElement[Any] = sa.type_coerce(
                sa.literal_column(f"({column.sql})"), sql_type
            )
        else:
            found = self._plain(source, column.column, kind)
        return self._mapped(column, found, kind)

    def _mapped(
        self, column: MappedColumn, found: sa.ColumnElement[Any], kind: str
    ) -> sa.ColumnElement[Any]:
        if column.null_if is not None:
            found = sa.func.nullif(
                found, self._dialect.literal(column.null_if, kind), type_=self._dialect.types[kind]
            )
        if not column.map:
            return found
        pairs = [
            (sa.cast(found, self._dialect.types["str"]) == old, self._dialect.literal(new, kind))
            for old, new in column.map.items()
        ]
        otherwise = None
        if column.otherwise is not None:
            otherwise = self._dialect.literal(column.otherwise, kind)
        return sa.case(*pairs, else_=otherwise)
