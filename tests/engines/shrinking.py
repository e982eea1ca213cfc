"""Makes a graph that fails smaller while it still fails, so that a person can read it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from tests.engines.graphs import Graph

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.memory.population import check_population
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Node, Order, Series, Where, topological
from sallyport_data_builder.model.roots import Dataset

TRIES = 400


def replaced(root: Dataset, old: Node, new: Node) -> Dataset:
    """Return a graph with a node in the place of another."""
    made: dict[Node, Node] = {}

    def of(value: Any) -> Any:
        if isinstance(value, Node):
            return made.get(value, value)
        return tuple(of(item) for item in value) if isinstance(value, tuple) else value

    for node in topological([root]):
        fields = {field.name: getattr(node, field.name) for field in dataclasses.fields(node)}
        changed = {name: of(value) for name, value in fields.items()}
        same = all(
            changed[name] is fields[name] or changed[name] == fields[name] for name in fields
        )
        made[node] = new if node is old else node if same else type(node)(**changed)
    found = made[root]
    assert isinstance(found, Dataset)
    return found


def _simpler(node: Node) -> Iterator[Node]:
    """Yield what may replace a node."""
    if isinstance(node, Where | Order):
        yield node.frame
    if not isinstance(node, Series):
        return
    for child in topological([node])[:-1]:
        if not isinstance(child, Series) or getattr(child, "op", "") == "collect":
            continue
        if (child.type, child.domain) == (node.type, node.domain):
            yield child
    if isinstance(node, op.Cases) and node.default is not None:
        yield op.Cases(node.pairs, None)
    if isinstance(node, op.Logic | op.Extreme) and len(node.parts) > 2:
        yield type(node)(node.op, node.parts[:2])


def smaller(graph: Graph) -> Iterator[Graph]:
    """Yield graphs with less in them: columns, rows, nodes."""
    dataset, columns = graph.dataset, graph.dataset.columns
    for place in range(len(columns)):
        kept = (*columns[:place], *columns[place + 1 :])
        yield Graph(Dataset(dataset.population, kept), graph.rows)
    for name, rows in graph.rows.items():
        for place in range(len(rows)):
            fewer = [*rows[:place], *rows[place + 1 :]]
            yield Graph(dataset, {**graph.rows, name: fewer})
    for node in reversed(topological([dataset])):
        for simple in _simpler(node):
            try:
                root = replaced(dataset, node, simple)
                check_population(root)
            except DefinitionError:
                continue
            yield Graph(root, graph.rows)


def shrink(graph: Graph, fails: Callable[[Graph], bool]) -> Graph:
    """Return a smaller graph that fails too."""
    tries = 0
    found: Graph | None = graph
    while found is not None:
        graph, found = found, None
        for candidate in smaller(graph):
            tries += 1
            if tries > TRIES:
                return graph
            if fails(candidate):
                found = candidate
                break
    return graph


def told(root: Node) -> Iterator[str]:
    """Yield a line per node, for people."""
    numbers: dict[Node, int] = {}
    for node in topological([root]):
        numbers[node] = len(numbers)
        values = (getattr(node, field.name) for field in dataclasses.fields(node))
        told_values = ", ".join(_told(value, numbers) for value in values)
        yield f"  n{numbers[node]} = {type(node).__name__}({told_values})"


def _told(value: Any, numbers: dict[Node, int]) -> str:
    if isinstance(value, Node):
        return f"n{numbers[value]}"
    if isinstance(value, tuple):
        return "(" + "".join(f"{_told(item, numbers)}, " for item in value).rstrip(" ") + ")"
    return repr(value)
