"""Constants of a definition: what they are worth, and which day they make today (DUM-01)."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, cast

from sallyport_data_builder.dummy.goals import UNKNOWN
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Inline, Node, Parameter, Series, topological

FIXED_TODAY = datetime.date(2024, 1, 1)
# A later date is somebody's word for "never".
LATEST = datetime.date(2099, 12, 31)


class Constants:
    """Knows which nodes are constants."""

    def __init__(self) -> None:
        self._known: dict[Node, Any] = {}

    def value(self, node: Node) -> Any:
        """Return what a constant is worth, a tuple for a set, or UNKNOWN."""
        if node not in self._known:
            self._known[node] = self._value(node)
        return self._known[node]

    def _value(self, node: Node) -> Any:
        if isinstance(node, op.Constants):
            return node.values
        if isinstance(node, op.Literal):
            return node.value
        if not isinstance(node, Series) or isinstance(node, Parameter | op.Aggregate):
            return UNKNOWN
        if any(self.value(child) is UNKNOWN for child in node.children):
            return UNKNOWN
        try:
            return Engine({}, node).value(node, 0, None)
        except (OverflowError, ValueError):
            return UNKNOWN


def today(nodes: Iterable[Node], intervals: Iterable[tuple[datetime.date, datetime.date]]) -> Any:
    """Return the latest date of a definition, or a fixed one."""
    found: list[Any] = [end for _start, end in intervals]
    for node in nodes:
        if isinstance(node, op.Literal) and node.kind == "date":
            found.append(node.value)
        elif isinstance(node, op.Constants) and node.kind == "date":
            found.extend(node.values)
    return max((day for day in found if day <= LATEST), default=FIXED_TODAY)


def number(kind: str, operation: str, value: float) -> op.Literal | None:
    """Return a bound as a constant of a type: a bound between two ints moves to the next one."""
    if not math.isfinite(value) or abs(value) > 2**62:
        return None
    if kind == "float":
        return op.Literal("float", float(value))
    if operation in ("eq", "ne") and value != int(value):
        return None
    up = operation in ("ge", "lt")
    return op.Literal("int", math.ceil(value) if up else math.floor(value))


def replaced(root: Series, others: dict[str, Series]) -> Series:
    """Return a series with other series in place of the parameters of measures."""
    made: dict[Node, Node] = {}
    for node in topological([root]):
        made[node] = others[node.name] if isinstance(node, Parameter) else _with(node, made)
    return cast(Series, made[root])


def _with(node: Node, made: dict[Node, Node]) -> Node:
    if not node.children or isinstance(node, Inline | op.Constants):
        return node
    changed = {field.name: _inside(getattr(node, field.name), made) for field in fields(node)}
    return replace(node, **changed)


def _inside(value: Any, made: dict[Node, Node]) -> Any:
    if isinstance(value, Node):
        return made[value]
    return tuple(_inside(item, made) for item in value) if isinstance(value, tuple) else value
