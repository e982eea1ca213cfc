"""Finds the relations that a dataset needs beside the standard tables, in order.

A relation has one row per patient and is stored once. All aggregates over the same rows share one
scan; all columns of a pick share one pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    Column,
    Frame,
    Node,
    Pick,
    Series,
    Table,
    base_table,
    topological,
)

ALONE = ("count_episodes", "collect")


@dataclass(frozen=True)
class Relation:
    """What is stored: of which rows, and the outputs by column name."""

    kind: str
    rows: Frame
    outputs: tuple[tuple[str, Series], ...]

    @property
    def label(self) -> str:
        """Name it for people who read a log."""
        return f"{self.kind} of {base_table(self.rows).name}"

    def columns(self) -> list[str]:
        """Return the names of its columns, patient_id left out."""
        return [name for name, _series in self.outputs]


@dataclass(frozen=True)
class Needs:
    """All that a set of series needs: relations in order, and columns of standard tables."""

    relations: tuple[Relation, ...]
    columns: dict[Table, list[str]]

    def places(self) -> dict[Node, tuple[Relation, str]]:
        """Map an aggregate, or a column of a pick, to the relation and column that hold it."""
        return {
            series: (relation, name)
            for relation in self.relations
            for name, series in relation.outputs
        }


def needs(roots: Iterable[Node]) -> Needs:
    """Return what the roots need; the same roots always give the same answer."""
    nodes = topological(roots)
    levels: dict[Node, int] = {}
    groups: dict[tuple[int, str, Node], list[Series]] = {}
    columns: dict[Table, set[str]] = {}
    for node in nodes:
        level = max((levels[child] for child in node.children), default=0)
        levels[node] = level
        if isinstance(node, Table):
            columns.setdefault(node, set())
        if isinstance(node, Pick):
            levels[node] = level + 1
            groups.setdefault((level + 1, "pick", node), [])
        elif isinstance(node, Column):
            columns.setdefault(base_table(node.frame), set()).add(node.name)
            if isinstance(node.frame, Pick):
                groups[level, "pick", node.frame].append(node)
        elif isinstance(node, op.Aggregate) and node.rows is not None:
            levels[node] = level + 1
            alone = node.op in ALONE
            key: Node = node if alone else node.rows
            groups.setdefault((level + 1, node.op if alone else "aggregates", key), []).append(node)
    ordered = sorted(groups.items(), key=lambda item: item[0][0])
    relations = tuple(_relation(kind, key, found) for (_n, kind, key), found in ordered)
    return Needs(relations, {table: sorted(names) for table, names in columns.items()})


def _relation(kind: str, key: Node, outputs: list[Series]) -> Relation:
    if isinstance(key, Pick):
        named = {item.name: item for item in outputs if isinstance(item, Column)}
        return Relation(kind, key, tuple(sorted(named.items())))
    rows = key.rows if isinstance(key, op.Aggregate) else key
    return Relation(
        kind, cast(Frame, rows), tuple((f"v{n}", item) for n, item in enumerate(outputs, start=1))
    )


def population_tables(population: Series) -> list[Table]:
    """Return the tables whose patients may be in the population (DOM-06)."""
    return [node for node in topological([population]) if isinstance(node, Table)]
