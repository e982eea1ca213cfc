"""What is checked: the tables of a mapping with what the schemas say of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sallyport_data_builder import schemas
from sallyport_data_builder.backends.parts import BackendMapping, MappedTable
from sallyport_data_builder.checks import sqltext
from sallyport_data_builder.errors import ArgumentsError, nearest
from sallyport_data_builder.schemas import ColumnSpec


@dataclass(frozen=True)
class Entry:
    """A mapped table, and the columns that the schemas give it."""

    schema: str
    name: str
    mapped: MappedTable
    columns: Mapping[str, ColumnSpec]
    rows: str

    def kinds(self, *kinds: str) -> list[str]:
        """Return the available columns of some types."""
        gone = self.mapped.unavailable
        return [n for n, spec in self.columns.items() if spec.type in kinds and n not in gone]


@dataclass(frozen=True)
class Subject:
    """A mapping, the grammar of its SQL, and the table that is asked for, if only one is."""

    mapping: BackendMapping
    grammar: str = ""
    only: str = ""

    def entries(self) -> list[Entry]:
        """Return each mapped table once; raise ArgumentsError for an unknown table."""
        found = {entry.mapped.name: entry for entry in self._entries()}
        if self.only and self.only not in found:
            raise ArgumentsError(f"There is no table {self.only}.{nearest(self.only, found)}")
        return [entry for name, entry in found.items() if self.only in ("", name)]

    def patients(self) -> Entry | None:
        """Return the table of patients, whichever table was asked for."""
        found = [entry for entry in self._entries() if entry.name == "patients" and entry.schema]
        return found[0] if found and not found[0].mapped.absent else None

    def _entries(self) -> Iterator[Entry]:
        for (schema, name), mapped in self.mapping.tables.items():
            columns = {column: ColumnSpec(kind) for column, kind in mapped.types.items()}
            rows = "many"
            for other in self.mapping.implements:
                for spec in schemas.load(other).tables.values():
                    if schema and spec.physical_name == mapped.name:
                        columns |= spec.columns
                        rows = "one" if spec.rows == "one" else rows
            yield Entry(schema, name, mapped, columns, rows)

    def line(self, *path: str) -> str:
        """Say where the mapping file has something; a class has no lines."""
        if not self.mapping.lines:
            return f"({'.'.join(path)} of {self.mapping.slug})"
        return f"({self.mapping.slug}.toml, line {self.mapping.lines.of(path)})"

    def at(self, mapped: MappedTable, column: str = "", key: str = "") -> str:
        """Say where the mapping file has a table, a column of it, or a key of either."""
        path = [mapped.section, mapped.name]
        if column:
            path += ["columns", column]
        return self.line(*path, *filter(None, (key,)))

    def base_tables(self, mapped: MappedTable) -> list[str]:
        """Return the physical tables behind a table."""
        if mapped.source:
            return [mapped.source]
        return sqltext.tables(mapped.query, self.grammar) if mapped.query else []

    def mentions(self, mapped: MappedTable, word: str) -> bool:
        """Return whether a table's mapping names a physical column."""
        texts = [mapped.query, mapped.where]
        for column in mapped.columns.values():
            texts += [column.column, column.sql]
        return any(re.search(rf"\b{re.escape(word)}\b", text) for text in texts)
