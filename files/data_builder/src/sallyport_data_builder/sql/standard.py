"""A subquery per table that returns exactly the standard columns (BK-05)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.backends.parts import BackendMapping, MappedColumn, MappedTable
from sallyport_data_builder.errors import DatabaseFailure, ExitCode
from sallyport_data_builder.model.nodes import Table
from sallyport_data_builder.schemas.types import TEXTS
from sallyport_data_builder.sql.dialect import Dialect, Element
from sallyport_data_builder.sql.implied import ColumnTest, physical

KEYS = "patient keys"


def operator_text(sql: str) -> sa.TextClause:
    """Return SQL of an operator: a colon is not a parameter, a last comment hides nothing."""
    body = sql.strip().rstrip(";").rstrip() + "\n"
    return sa.text(body.replace("\\", "\\\\").replace(":", "\\:"))


def operator_expression(sql: str, kind: Any = None) -> Element:
    """Return an operator's expression in parentheses."""
    found: Element = sa.literal_column(f"({sql.strip()}\n)")
    return found if kind is None else sa.type_coerce(found, kind)


@dataclass(frozen=True)
class First:
    """What is stored before anything else: patient keys, and tables to materialise."""

    key: tuple[str, str] | str
    select: sa.Select[Any]

    @property
    def label(self) -> str:
        """Name it for people who read a log."""
        return self.key if isinstance(self.key, str) else f"rows of {self.key[1]}"


@dataclass(frozen=True, eq=False)
class Standard:
    """Gives the standard rows of a backend's tables.

    With `own_ids` text ids are those of the database, which checks see and studies never.
    `stored` is where each item of `missing` went.
    """

    mapping: BackendMapping
    dialect: Dialect
    own_ids: bool = False
    stored: Mapping[tuple[str, str] | str, sa.FromClause] = field(default_factory=dict)

    @cached_property
    def _translated(self) -> bool:
        return self.mapping.patient_type == "str" and not self.own_ids

    @cached_property
    def _sources(self) -> dict[tuple[str, ...], sa.FromClause]:
        return {}

    @cached_property
    def _keys(self) -> sa.FromClause | None:
        if not self.mapping.key_table:
            return self.stored.get(KEYS)
        number: sa.ColumnClause[Any] = sa.column("patient_id", sa.BigInteger())
        return _named(self.mapping.key_table, number, sa.column("source_id"))

    def table(
        self,
        schema: str,
        name: str,
        columns: list[str] | None = None,
        where: Element | None = None,
    ) -> sa.Select[Any]:
        """Return a SELECT of patient_id and the columns asked for, of the rows of `implied`."""
        mapped = self.mapped(schema, name)
        wanted = list(mapped.types) if columns is None else columns
        if (schema, name) in self.stored:
            stored = self.stored[schema, name]
            return sa.select(stored.c.patient_id, *(stored.c[column] for column in wanted))
        source = self._source(mapped)
        patient, joined = self._patient(mapped, source)
        selected = [self._column(mapped, source, column).label(column) for column in wanted]
        statement = sa.select(patient.label("patient_id"), *selected).select_from(joined)
        if mapped.where:
            statement = statement.where(operator_expression(mapped.where))
        if mapped.absent:
            statement = statement.where(sa.false())
        return statement if where is None else statement.where(where)

    def mapped(self, schema: str, name: str) -> MappedTable:
        """Return a table's mapping; raise DatabaseFailure where the backend lacks it."""
        found = self.mapping.tables.get((schema, name))
        if found is None:
            full = f"{schema}.{name}" if schema else name
            message = f"The backend {self.mapping.slug} has no table {full}."
            raise DatabaseFailure(message, ExitCode.NOT_AVAILABLE)
        return found

    def unavailable(self, schema: str, name: str) -> frozenset[str]:
        """Return the columns that are NULL on this backend (BK-03)."""
        mapped = self.mapping.tables.get((schema, name))
        return mapped.unavailable if mapped else frozenset()

    def implied(self, schema: str, name: str, tests: Sequence[ColumnTest]) -> Element | None:
        """Return a condition on physical columns that every row passing all tests meets (BK-06).

        Give it to `table` as `where`; None where no test can be turned round.
        """
        mapped = self.mapped(schema, name)
        if (schema, name) in self.stored:
            return None
        source, found = self._source(mapped), []
        for test in tests:
            if column := mapped.columns.get(test.column):
                kind = mapped.types[test.column]
                whole = replace(column, collation=self._collation(column, kind))
                found.append(physical(self.dialect, whole, source, kind, test))
        conditions = [item for item in found if item is not None]
        return sa.and_(*conditions) if conditions else None

    def missing(self, columns: Mapping[Table, list[str]]) -> First | None:
        """Return what must be stored next before the columns of some tables can be read."""
        if self._translated and self._keys is None:
            return First(KEYS, self._key_select(columns))
        for table, names in columns.items():
            key = table.schema, table.name
            mapped = self.mapping.tables.get(key)
            if mapped and mapped.materialise and key not in self.stored:
                return First(key, self.table(*key, names))
        return None

    def storing(self, item: First, stored: sa.FromClause) -> Standard:
        """Return a Standard that reads an item of `missing` from where it is stored."""
        return replace(self, stored={**self.stored, item.key: stored})

    def source_ids(self, mapped: MappedTable) -> sa.Select[Any]:
        """Return a SELECT of the patient ids that the database itself uses."""
        source = self._source(mapped)
        kind = self.dialect.types[self.mapping.patient_type]
        column = sa.type_coerce(source.c[mapped.patient_id], kind).label("source_id")
        statement = sa.select(column).select_from(source)
        return (
            statement.where(operator_expression(mapped.where)) if mapped.where else statement
        ).where(source.c[mapped.patient_id].is_not(None))

    def every_id(self, tables: Sequence[MappedTable]) -> sa.Subquery:
        """Return each text id of some tables once (BK-07)."""
        ids = [self.source_ids(table) for table in tables if not table.absent]
        if not ids:
            nobody = sa.cast(sa.null(), self.dialect.types["str"]).label("source_id")
            return sa.select(nobody).where(sa.false()).subquery("ids")
        return (sa.union(*ids) if len(ids) > 1 else ids[0].distinct()).subquery("ids")

    def exclusion(self, sql: str, patient: Element) -> Element:
        """Return the condition that a patient is among those that an operator's SQL returns."""
        kind = self.dialect.types[self.mapping.patient_type]
        column = sa.column(self.mapping.patient_id, kind)
        listed = operator_text(sql).columns(column).subquery("listed")
        found = listed.c[column.name]
        if not self._translated:
            return sa.exists().where(found == patient)
        keys = self._key_table()
        return sa.exists().where(keys.c.source_id == found, keys.c.patient_id == patient)

    def _key_select(self, wanted: Mapping[Table, list[str]]) -> sa.Select[Any]:
        places = [(table.schema, table.name) for table in wanted]
        tables = [self.mapping.tables[place] for place in places if place in self.mapping.tables]
        ids = self.every_id(_unique(tables))
        order = self.dialect.text_key(ids.c.source_id)
        number = sa.cast(sa.func.row_number().over(order_by=order), self.dialect.types["int"])
        return sa.select(number.label("patient_id"), ids.c.source_id)

    def _key_table(self) -> sa.FromClause:
        if self._keys is None:
            raise DatabaseFailure("The patient keys were not made first.", ExitCode.FAILED)
        return self._keys.alias("k")

    def _patient(self, mapped: MappedTable, source: sa.FromClause) -> tuple[Element, sa.FromClause]:
        """Return the int that stands for a patient, and the rows with it."""
        own = source.c[mapped.patient_id]
        if mapped.absent:
            return sa.cast(sa.null(), self.dialect.types["int"]), source
        if not self._translated:
            return sa.type_coerce(own, self.dialect.types[self.mapping.patient_type]), source
        keys = self._key_table()
        return keys.c.patient_id, source.join(keys, keys.c.source_id == own)

    def _source(self, mapped: MappedTable) -> sa.FromClause:
        """Return the physical rows: one object per table, or conditions would join it to itself."""
        place = (mapped.section, mapped.name, mapped.source, *sorted(mapped.types))
        if place not in self._sources:
            self._sources[place] = self._physical(mapped)
        return self._sources[place]

    def _physical(self, mapped: MappedTable) -> sa.FromClause:
        names = [mapped.patient_id, *(c.column for c in mapped.columns.values() if c.column)]
        columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in dict.fromkeys(names)]
        if mapped.absent:
            nothing = sa.cast(sa.null(), self.dialect.types["int"]).label(mapped.patient_id)
            return sa.select(nothing).subquery("no_rows")
        if mapped.query:
            return operator_text(mapped.query).columns(*columns).subquery("q")
        return _named(mapped.source, *columns)

    def _collation(self, column: MappedColumn, kind: str) -> str:
        """Return what a text column is compared by, where that is not its own collation."""
        probe: Element = sa.column("probe")
        if kind not in TEXTS or self.dialect.standard_text(probe) is probe:
            return column.collation or (self.mapping.collation if kind in TEXTS else "")
        return column.collation or self.mapping.collation or "binary"

    def _collated(self, column: MappedColumn, found: Element, kind: str) -> Element:
        collation = column.collation or self.mapping.collation
        if kind not in TEXTS:
            return found
        if not collation:
            return self.dialect.standard_text(found)
        return sa.type_coerce(sa.collate(found, collation), self.dialect.types[kind])

    def _column(self, mapped: MappedTable, source: sa.FromClause, name: str) -> Element:
        kind = mapped.types[name]
        sql_type = self.dialect.types[kind]
        if name in mapped.unavailable:
            return sa.cast(sa.null(), sql_type)
        column = mapped.columns[name]
        if column.sql:
            found = operator_expression(column.sql, sql_type)
        else:
            found = sa.type_coerce(source.c[column.column], sql_type)
        if not column.map:
            found = self._collated(column, found, kind)
        return self._mapped(column, found, kind)

    def _mapped(self, column: MappedColumn, found: Element, kind: str) -> Element:
        types = self.dialect.types
        for missing in column.null_if:
            constant = self.dialect.literal(missing, kind)
            found = sa.func.nullif(found, constant, type_=types[kind])
        if not column.map:
            return found
        text = sa.cast(found, types["str"])
        pairs = [(text == old, self.dialect.literal(new, kind)) for old, new in column.map.items()]
        otherwise = None
        if column.otherwise is not None:
            otherwise = self.dialect.literal(column.otherwise, kind)
        return self._collated(column, sa.case(*pairs, else_=otherwise), kind)


def _named(full: str, *columns: sa.ColumnClause[Any]) -> sa.TableClause:
    *schema, name = full.split(".")
    return sa.table(name, *columns, schema=".".join(schema) or None)


def _unique(tables: Sequence[MappedTable]) -> list[MappedTable]:
    """Return each table once; tables cannot be keys, because their columns are a dictionary."""
    return list({table.name: table for table in tables}.values())
