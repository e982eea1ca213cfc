"""Describes a condition in words close to those of a definition, for an error."""

from __future__ import annotations

from functools import singledispatch
from weakref import WeakKeyDictionary

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    Column,
    Inline,
    Node,
    Parameter,
    Pick,
    Series,
    Table,
    Where,
    base_table,
    chain,
)
from sallyport_data_builder.plan.spans import conjuncts

SIGNS = {
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "add": "+", "sub": "-",
    "mul": "*", "div": "/", "floordiv": "//", "pow": "**", "and": "&", "or": "|",
}  # fmt: skip
LONGEST = 300
TEXTS: WeakKeyDictionary[Node, str] = WeakKeyDictionary()


def text_of(node: Node) -> str:
    """Return a condition in words, cut off where it gets too long.

    Each part is described once and cut off: a pick that uses earlier picks twice would double the
    text at every step.
    """
    if node not in TEXTS:
        text = _text(node)
        TEXTS[node] = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return TEXTS[node]


@singledispatch
def _text(node: Node) -> str:
    name = getattr(node, "op", type(node).__name__.lower())
    return f"{name}({', '.join(map(text_of, node.children))})"


@_text.register
def _table(node: Table) -> str:
    return node.name


@_text.register
def _inline(node: Inline) -> str:
    return f'table_from_file("{node.source}")' if node.source else "table_from_rows(...)"


@_text.register
def _where(node: Where) -> str:
    filters = [part.predicate for part in chain(node.domain) if isinstance(part, Where)]
    return f"{base_table(node).name}.where({' & '.join(map(text_of, reversed(filters)))})"


@_text.register
def _pick(node: Pick) -> str:
    rows = node.frame.domain
    return f"{node.op} of {text_of(rows) if rows is not None else ''}"


@_text.register
def _column(node: Column) -> str:
    frame = node.frame
    return f"{base_table(frame).name if frame.domain is not None else text_of(frame)}.{node.name}"


@_text.register
def _literal(node: op.Literal) -> str:
    return f'"{node.value}"' if isinstance(node.value, str) else str(node.value)


@_text.register
def _parameter(node: Parameter) -> str:
    return f"INTERVAL.{node.name.removeprefix('interval_')}_date"


@_text.register
def _constants(node: op.Constants) -> str:
    shown = ", ".join(map(str, node.values[:3]))
    return f"{{{shown}{', …' if len(node.values) > 3 else ''}}}"


@_text.register
def _compare(node: op.Compare) -> str:
    return f"({text_of(node.left)} {SIGNS[node.op]} {text_of(node.right)})"


@_text.register(op.Logic)
@_text.register(op.Arithmetic)
def _operator(node: op.Logic | op.Arithmetic) -> str:
    if len(node.parts) == 1:
        return f"{node.op} {text_of(node.parts[0])}"
    return f"({f' {SIGNS[node.op]} '.join(map(text_of, node.parts))})"


@_text.register
def _is_null(node: op.IsNull) -> str:
    return f"{text_of(node.source)} is missing"


@_text.register
def _member(node: op.Member) -> str:
    return f"{text_of(node.source)} is in {text_of(node.among)}"


@_text.register
def _contains(node: op.Contains) -> str:
    return f"{text_of(node.text)} contains {text_of(node.needle)}"


@_text.register
def _difference(node: op.DateDiff) -> str:
    return f"({text_of(node.end)} - {text_of(node.start)}).{node.op}"


@_text.register
def _added(node: op.DateAdd) -> str:
    return f"{text_of(node.date)} + {node.op}({text_of(node.amount)})"


@_text.register
def _aggregate(node: op.Aggregate) -> str:
    return f"{text_of(node.source)} {node.op.replace('_', ' ')}"


def conditions(series: Series) -> list[Series]:
    """Return what must all be true for a condition to be true."""
    return list(conjuncts(series))
