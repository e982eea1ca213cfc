"""Answers about dummy tables, by the reference engine: they are small, and every row is shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from sallyport_data_builder import local
from sallyport_data_builder.dummy.generator import Generator
from sallyport_data_builder.io import inputs
from sallyport_data_builder.io.batches import tuples
from sallyport_data_builder.io.tables import OutputTable
from sallyport_data_builder.memory import grids
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    Column,
    Inline,
    Node,
    Pick,
    Table,
    base_table,
    topological,
)
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.model.shown import Grid
from sallyport_data_builder.model.tables import physical_name
from sallyport_data_builder.plan.relations import table_columns
from sallyport_data_builder.sql.inline import rows_of

Rows = list[dict[str, Any]]


class Source(Protocol):
    """Where dummy tables come from."""

    def names(self, table: Table) -> Collection[str]:
        """Return the columns that a table has there."""

    def rows(self, table: OutputTable) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table."""


class Folder:
    """A folder with a file per table."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._read = folder, local.of_folder(folder)

    def names(self, table: Table) -> Collection[str]:
        """Return those of the table's file."""
        return inputs.names(local.file_of(self._folder, physical_name(table)))

    def rows(self, table: OutputTable) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of the table's file."""
        return tuples(self._read(table))


class Made:
    """Dummy tables that are made here."""

    def __init__(self, plan: Plan) -> None:
        self._generator = Generator(plan)
        self._names = {table.name: table.names for table in self._generator.tables()}

    def names(self, table: Table) -> Collection[str]:
        """Return those that the definition uses."""
        return self._names[physical_name(table)]

    def rows(self, table: OutputTable) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of the dummy patients."""
        return tuples(self._generator.read(table))


class Evaluation:
    """Answers about several grids, of the same tables and the same patients.

    The patients are those of all tables that a grid uses. Picks are those that the definition
    makes, whatever is shown of them.
    """

    def __init__(
        self, shown: Iterable[Grid], plan: Plan | None, source: Source | None = None
    ) -> None:
        self._grids = {grid: _whole(grid, source) for grid in shown}
        nodes = topological(self._grids.values())
        brought = {
            node: _named(["patient_id", *node.columns], rows_of(node))
            for node in nodes
            if isinstance(node, Inline)
        }
        tables = _tables([*nodes, *_ties(nodes, plan)], source) if source else {}
        every = [*tables.values(), *brought.values()]
        self._patients = sorted({row["patient_id"] for rows in every for row in rows})
        root = plan.root if plan is not None else op.Literal("bool", False)
        files = {node: rows for node, rows in brought.items() if node.source}
        self._engine = Engine(tables, root, beside=nodes, files=files)

    def answer(self, grid: Grid) -> grids.Answer:
        """Return the rows of one of the grids."""
        return grids.answer(self._engine, self._grids[grid], self._patients)


def _tables(nodes: Iterable[Node], source: Source) -> dict[tuple[str, str], Rows]:
    """Read the columns that are used."""
    found = {}
    for node, columns in table_columns(nodes).items():
        if isinstance(node, Table):
            table = local.table_of(node, columns)
            found[node.schema, node.name] = _named(table.names, source.rows(table))
    return found


def _named(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Rows:
    return [
        {grids.NUMBER: number, **dict(zip(names, row, strict=True))}
        for number, row in enumerate(rows, start=1)
    ]


def _whole(grid: Grid, source: Source | None) -> Grid:
    """Return a frame that is shown whole with the columns that there are."""
    if grid.rows is None or grid.columns:
        return grid
    table = base_table(grid.rows)
    known = source.names(table) if isinstance(table, Table) and source else table.columns
    columns = tuple((name, Column(grid.rows, name)) for name in grid.rows.columns if name in known)
    found: Grid = Grid(grid.rows, columns)
    return found


def _ties(nodes: Sequence[Node], plan: Plan | None) -> list[Node]:
    """Return the columns by which the definition breaks the ties of picks that are shown."""
    picks = {node for node in nodes if isinstance(node, Pick)}
    made = plan.nodes if plan is not None else []
    return [node for node in made if isinstance(node, Column) and node.frame in picks]
