"""Which of the tables that a study brings a patient must have a row of to be in the population."""

from __future__ import annotations

from collections.abc import Sequence

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Column, Inline, Node, topological

# Operations whose value is NULL as soon as one part is.
STRICT = (
    op.Compare, op.Contains, op.Arithmetic, op.Convert, op.DateAdd, op.DateDiff, op.DateFloor,
    op.DatePart,
)  # fmt: skip


def required_inputs(condition: Node, inputs: Sequence[Inline]) -> list[Inline]:
    """Return the tables without a row of which the condition cannot be true.

    `matched.exists_for_patient() & (patients.sex == "male")` requires the table `matched`;
    `matched.exists_for_patient() | ...` does not. What is not recognised is taken as possible.
    """
    nodes = topological([condition])
    return [node for node in dict.fromkeys(inputs) if _is_required(nodes, condition, node)]


def _is_required(nodes: Sequence[Node], condition: Node, table: Inline) -> bool:
    null: set[Node] = set()
    untrue: set[Node] = set()  # false or NULL for whoever has no row
    for node in nodes:
        if _is_null(node, table, null):
            null.add(node)
        if node in null or _is_untrue(node, table, untrue):
            untrue.add(node)
    return condition in untrue


def _is_null(node: Node, table: Inline, null: set[Node]) -> bool:
    if isinstance(node, Column):
        return node.frame is table
    if isinstance(node, op.Member):
        return node.source in null
    if isinstance(node, STRICT):
        return any(child in null for child in node.children)
    if isinstance(node, op.Logic) and node.op == "not":
        return node.parts[0] in null
    return False


def _is_untrue(node: Node, table: Inline, untrue: set[Node]) -> bool:
    if isinstance(node, op.Aggregate):
        return node.op == "exists" and node.source is table
    if isinstance(node, op.Literal):
        return node.value is False
    if not isinstance(node, op.Logic) or node.op == "not":
        return False
    parts = (part in untrue for part in node.parts)
    return any(parts) if node.op == "and" else all(parts)
