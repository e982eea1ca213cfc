"""Which columns of a plan a backend does not have (BK-03)."""

from __future__ import annotations

from collections.abc import Iterable

from sallyport_data_builder.backends.parts import BackendMapping
from sallyport_data_builder.model.nodes import Column, Node, Table, base_table


def unavailable(nodes: Iterable[Node], mapping: BackendMapping) -> list[str]:
    """Return the columns that a study uses and that are NULL on this backend, by name."""
    found = set()
    for node in nodes:
        if isinstance(node, Column):
            table = base_table(node.frame)
            if isinstance(table, Table):
                mapped = mapping.tables.get((table.schema, table.name))
                if mapped is not None and node.name in mapped.unavailable:
                    found.add(f"{table.name}.{node.name}")
    return sorted(found)


def warnings(nodes: Iterable[Node], mapping: BackendMapping) -> list[str]:
    """Return what a study's author should read about the data."""
    return [
        f"{name} is not available on {mapping.slug}: it is NULL for everybody"
        for name in unavailable(nodes, mapping)
    ]
