"""The tables that dummy patients have rows in, with the columns that a definition uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sallyport_data_builder import schemas
from sallyport_data_builder.io.tables import OutputColumn, OutputTable
from sallyport_data_builder.model.nodes import Node, Table
from sallyport_data_builder.model.tables import column_spec, physical_name
from sallyport_data_builder.plan.relations import table_columns
from sallyport_data_builder.schemas import ColumnSpec

BIRTH, DEATH = "date_of_birth", "date_of_death"
DEATHS = ("ons_deaths", "ons_deaths_raw")


@dataclass
class DummyTable:
    """A table: its columns in the order in which values are made, each after what it follows."""

    name: str
    rows: str
    columns: dict[str, ColumnSpec] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    @property
    def output(self) -> OutputTable:
        """What a file of the table holds."""
        columns = (OutputColumn(n, s.type, s) for n, s in self.columns.items() if n in self.used)
        return OutputTable.of_patients(self.name, columns)

    @property
    def is_deaths(self) -> bool:
        """Whether a row is there because the patient died."""
        return self.name in DEATHS

    def tells_death(self, column: str) -> bool:
        """Return whether a column is the day of death."""
        return column == DEATH or (self.is_deaths and column == "date")


def dummy_tables(roots: Iterable[Node]) -> dict[str, DummyTable]:
    """Return the tables by the name of their file; two schemas may mean the same one."""
    tables: dict[str, DummyTable] = {}
    for table, names in table_columns(roots).items():
        file = physical_name(table)
        dummy = tables.setdefault(file, DummyTable(file, table.rows))
        for name in _ordered(table, names):
            dummy.columns.setdefault(name, column_spec(table, name))
        dummy.used.update(names)
    return dict(sorted(tables.items(), key=_people_first))


def _people_first(item: tuple[str, DummyTable]) -> tuple[bool, bool, str]:
    """Births come before deaths, and both before what happened between them."""
    name, table = item
    return (table.rows == "many", BIRTH not in table.columns, name)


def _ordered(table: Table, names: Iterable[str]) -> list[str]:
    """Return columns as the schema has them, each after those that it follows."""
    known: Mapping[str, ColumnSpec] = (
        schemas.load(table.schema).tables[table.name].columns if table.schema else {}
    )
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        for earlier in known[name].after if name in known else ():
            if earlier not in found:
                visit(earlier)
        found.setdefault(name)

    wanted = set(names)
    for name in table.columns:
        if name in wanted:
            visit(name)
    return list(found)
