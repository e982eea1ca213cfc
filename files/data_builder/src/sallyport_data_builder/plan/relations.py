"""What a query needs beside the standard tables: relations, one row per patient each.

A relation is stored once. Which outputs share a relation is decided by the passes in `fusion`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    Column,
    Frame,
    Node,
    Pick,
    Series,
    Table,
    Where,
    base_table,
    chain,
    topological,
)

ALONE = ("count_episodes", "collect")
SCAN, PICK = "scan", "pick"


@dataclass(frozen=True)
class Output:
    """A column of a relation: an aggregate, a column of a pick, or whether the pick exists."""

    node: Series | Pick
    shortcut: bool = False

    @cached_property
    def pick(self) -> Pick | None:
        """The pick that it is of."""
        if isinstance(self.node, Pick):
            return self.node
        return cast(Pick, self.node.frame) if isinstance(self.node, Column) else None

    @cached_property
    def rows(self) -> Frame:
        """The rows that it is made from."""
        frame = self.pick.frame.domain if self.pick else cast(op.Aggregate, self.node).rows
        return cast(Frame, frame)

    @cached_property
    def filters(self) -> tuple[Where, ...]:
        """The filters of those rows, the oldest first."""
        found = [frame for frame in chain(self.rows) if isinstance(frame, Where)]
        return tuple(reversed(found))

    @cached_property
    def table(self) -> Table:
        """The table that is read."""
        return base_table(self.rows)

    @cached_property
    def values(self) -> tuple[Series, ...]:
        """What is computed per row, filters left out."""
        if self.pick is not None:
            return () if isinstance(self.node, Pick) else (*self.keys, self.own_column)
        source = cast(op.Aggregate, self.node).source
        return (source,) if isinstance(source, Series) else ()

    @cached_property
    def keys(self) -> tuple[Series, ...]:
        """The sort keys of the pick; one that is a plain column is the table's own."""
        return tuple(
            Column(self.table, key.name) if isinstance(key, Column) and key.domain else key
            for key in cast(Pick, self.pick).keys
        )

    @cached_property
    def own_column(self) -> Column:
        """The column of the table that a column of a pick is."""
        found: Column = Column(self.table, cast(Column, self.node).name)
        return found

    @cached_property
    def inputs(self) -> tuple[Series, ...]:
        """All that is computed per row."""
        return (*(frame.predicate for frame in self.filters), *self.values)


@dataclass(frozen=True)
class Relation:
    """Outputs that one statement makes from the rows of one table."""

    kind: str
    outputs: tuple[Output, ...]
    early: bool = False
    dynamic: bool = False
    span: Column | None = None
    rules: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        """The table that is read."""
        return self.outputs[0].table

    @property
    def label(self) -> str:
        """Name it for people who read a log."""
        return f"{self.kind} of {self.table.name}"

    @cached_property
    def names(self) -> dict[Node, str]:
        """The columns by what they hold, patient_id left out."""
        return {output.node: f"v{n}" for n, output in enumerate(self.outputs, start=1)}

    @cached_property
    def branches(self) -> tuple[Output, ...]:
        """One output for each different set of rows."""
        found: dict[Frame, Output] = {}
        for output in self.outputs:
            found.setdefault(output.rows, output)
        return tuple(found.values())


@dataclass(frozen=True)
class Needs:
    """All that a set of series needs: relations in order, and columns of standard tables."""

    relations: tuple[Relation, ...]
    columns: dict[Table, list[str]]
    uses: dict[Relation, tuple[Relation, ...]]

    @cached_property
    def places(self) -> dict[Node, tuple[Relation, str]]:
        """Where each aggregate, column of a pick or pick is stored."""
        return {
            node: (relation, name)
            for relation in self.relations
            for node, name in relation.names.items()
        }


def is_stored(node: Node) -> bool:
    """Return whether a node is read from a relation."""
    if isinstance(node, op.Aggregate):
        return node.rows is not None
    return isinstance(node, Column) and isinstance(node.frame, Pick)


def outputs_beneath(roots: Iterable[Node]) -> list[Node]:
    """Return what the roots read from relations, each once; not what those are made from."""
    found: dict[Node, None] = {}
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if is_stored(node):
            found.setdefault(node)
        elif isinstance(node, op.Aggregate) and isinstance(node.source, Pick):
            found.setdefault(node.source)
        elif isinstance(node, Series):
            stack.extend(reversed(node.children))
    return list(found)


def table_columns(roots: Iterable[Node]) -> dict[Table, list[str]]:
    """Return the columns of each standard table that are used, sorted."""
    columns: dict[Table, set[str]] = {}
    for node in topological(roots):
        if isinstance(node, Table):
            columns.setdefault(node, set())
        elif isinstance(node, Column):
            table = base_table(node.frame)
            if isinstance(table, Table):
                columns.setdefault(table, set()).add(node.name)
    return {table: sorted(names) for table, names in columns.items()}


def population_tables(population: Series) -> list[Frame]:
    """Return the tables whose patients may be in the population (DOM-06)."""
    found = topological([population])
    return [n for n in found if isinstance(n, Frame) and base_table(n) is n]
