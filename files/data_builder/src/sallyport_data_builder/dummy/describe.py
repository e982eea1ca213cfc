"""Says a condition in words close to those of a definition, for an error."""

from __future__ import annotations

from functools import singledispatch

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    Column,
    Node,
    Parameter,
    Pick,
    Series,
    Table,
    Where,
    base_table,
    chain,
)

SIGNS = {
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "add": "+", "sub": "-",
    "mul": "*", "div": "/", "floordiv": "//", "pow": "**", "and": "&", "or": "|",
}  # fmt: skip
LONGEST = 300


def described(node: Node) -> str:
    """Return a condition in words, cut off where it gets too long."""
    text = said(node)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@singledispatch
def said(node: Node) -> str:
    """Return a node in words; by default its operation and its parts."""
    name = getattr(node, "op", type(node).__name__.lower())
    return f"{name}({', '.join(map(said, node.children))})"


@said.register
def _table(node: Table) -> str:
    return node.name


@said.register
def _where(node: Where) -> str:
    filters = [part.predicate for part in chain(node.domain) if isinstance(part, Where)]
    return f"{base_table(node).name}.where({' & '.join(map(said, reversed(filters)))})"


@said.register
def _pick(node: Pick) -> str:
    rows = node.frame.domain
    return f"{node.op} of {said(rows) if rows is not None else ''}"


@said.register
def _column(node: Column) -> str:
    frame = node.frame
    return f"{base_table(frame).name if frame.domain is not None else said(frame)}.{node.name}"


@said.register
def _literal(node: op.Literal) -> str:
    return f'"{node.value}"' if isinstance(node.value, str) else str(node.value)


@said.register
def _parameter(node: Parameter) -> str:
    return f"INTERVAL.{node.name.removeprefix('interval_')}_date"


@said.register
def _constants(node: op.Constants) -> str:
    shown = ", ".join(map(str, node.values[:3]))
    return f"{{{shown}{', …' if len(node.values) > 3 else ''}}}"


@said.register
def _compare(node: op.Compare) -> str:
    return f"({said(node.left)} {SIGNS[node.op]} {said(node.right)})"


@said.register(op.Logic)
@said.register(op.Arithmetic)
def _operator(node: op.Logic | op.Arithmetic) -> str:
    if len(node.parts) == 1:
        return f"{node.op} {said(node.parts[0])}"
    return f"({f' {SIGNS[node.op]} '.join(map(said, node.parts))})"


@said.register
def _is_null(node: op.IsNull) -> str:
    return f"{said(node.source)} is missing"


@said.register
def _member(node: op.Member) -> str:
    return f"{said(node.source)} is in {said(node.among)}"


@said.register
def _contains(node: op.Contains) -> str:
    return f"{said(node.text)} contains {said(node.needle)}"


@said.register
def _difference(node: op.DateDiff) -> str:
    return f"({said(node.end)} - {said(node.start)}).{node.op}"


@said.register
def _added(node: op.DateAdd) -> str:
    return f"{said(node.date)} + {node.op}({said(node.amount)})"


@said.register
def _aggregate(node: op.Aggregate) -> str:
    return f"{said(node.source)} {node.op.replace('_', ' ')}"


def conditions(series: Series) -> list[Series]:
    """Return what must all be true for a condition to be true."""
    if isinstance(series, op.Logic) and series.op == "and":
        return [part for each in series.parts for part in conditions(each)]
    return [series]
