"""A list of nodes as JSON: written in one way only, and read strictly (PLAN-01, PLAN-02)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.model.layout import PlanError, read_node, write_node
from sallyport_data_builder.model.nodes import Inline, Node, Table
from sallyport_data_builder.model.tables import (
    list_of,
    read_inline,
    read_input,
    read_table,
    write_inline,
    write_input,
    write_table,
)

MAX_NODES = 100_000
MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 500
KEYS = {"schemas", "nodes", "inputs"}
T = TypeVar("T")


def inputs(nodes: Iterable[Node]) -> list[Inline]:
    """Return the tables whose rows are in a data file, by path (PLAN-04)."""
    found = [node for node in nodes if isinstance(node, Inline) and node.source]
    return sorted(found, key=lambda table: (table.source, table.spec))


def permissions(nodes: Iterable[Node]) -> set[tuple[str, str]]:
    """Return the tables that need a permission, each with the permission's name (PLAN-05)."""
    found = set()
    for table in nodes:
        if isinstance(table, Table) and table.schema:
            needed = schemas.load(table.schema).tables[table.name].permission
            found |= {(f"{table.schema}.{table.name}", needed)} if needed else set()
    return found


def write(nodes: Sequence[Node]) -> tuple[dict[str, Any], dict[Node, int]]:
    """Return the keys of nodes, each after its children, and the place of each node."""
    files = inputs(nodes)
    indices: dict[Node, int] = {}
    written = []
    for node in nodes:
        written.append(_write(node, indices, files))
        indices[node] = len(indices)
    used = sorted({node.schema for node in nodes if isinstance(node, Table) and node.schema})
    document = {
        "schemas": {name: schemas.load(name).version for name in used},
        "nodes": written,
        "inputs": [write_input(table) for table in files],
    }
    return document, indices


def text(document: Mapping[str, Any]) -> str:
    """Return the JSON text of a document."""
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def _write(node: Node, indices: Mapping[Node, int], files: Sequence[Inline]) -> dict[str, Any]:
    if isinstance(node, Table):
        return write_table(node)
    if isinstance(node, Inline):
        return write_inline(node, files)
    return write_node(node, indices)


def parsed(text: str, read: Callable[[Any], T], what: str = "The plan") -> T:
    """Read JSON; raise PlanError on anything that our own writer would not have written."""
    if len(text) > MAX_BYTES:
        raise PlanError(f"{what} is larger than {MAX_BYTES} bytes.")
    try:
        return read(json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant))
    except (json.JSONDecodeError, RecursionError):
        raise PlanError(f"{what} is not JSON.") from None
    except DefinitionError as error:
        raise PlanError(f"{what} is not valid: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _value in pairs}) != len(pairs):
        raise PlanError("a key occurs twice")
    return dict(pairs)


def _no_constant(text: str) -> None:
    raise PlanError(f"{text} is not a number")


def read(document: Mapping[str, Any]) -> tuple[list[Node], list[Inline]]:
    """Make the nodes of a document, and return the data files that it names beside them."""
    _check_schemas(document["schemas"])
    files = [read_input(item) for item in list_of(document["inputs"])]
    return _read_nodes(document["nodes"], files), files


def _check_schemas(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise PlanError("schemas is an object")
    for name, version in value.items():
        if schemas.load(name).version != version or type(version) is not int:
            raise PlanError(f"schema {name} is installed in another version")


def _read_nodes(items: Any, files: Sequence[Inline]) -> list[Node]:
    if len(list_of(items)) > MAX_NODES:
        raise PlanError(f"it has more than {MAX_NODES} nodes")
    nodes: list[Node] = []
    depths: dict[Node, int] = {}
    for item in items:
        if not isinstance(item, dict):
            raise PlanError("a node is an object")
        node = _read_one(item, nodes, files)
        depths[node] = 1 + max((depths[child] for child in node.children), default=0)
        if depths[node] > MAX_DEPTH:
            raise PlanError(f"it is deeper than {MAX_DEPTH} nodes")
        nodes.append(node)
    return nodes


def _read_one(item: Mapping[str, Any], nodes: list[Node], files: Sequence[Inline]) -> Node:
    if item.get("k") == "Table":
        return read_table(item)
    if item.get("k") == "Inline":
        return read_inline(item, files)
    return read_node(item, nodes)


def check_inputs(nodes: Iterable[Node], files: Sequence[Inline]) -> None:
    """Raise PlanError unless the files that a document names are those that its roots use."""
    if inputs(nodes) != files:
        raise PlanError("the inputs are those that are used, by path")
