"""How each node is written in a plan: its fields, and how strictly each is read."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    PARAMETERS,
    Column,
    Frame,
    Node,
    Order,
    Pick,
    Series,
    Where,
)
from sallyport_data_builder.schemas.types import parse_date

Indices = Mapping[Node, int]
Nodes = Sequence[Node]


class PlanError(DefinitionError):
    """A plan that is not what our own writer would have written."""


class Field:
    """One field of a node: to JSON and back."""

    def write(self, value: Any, indices: Indices) -> Any:
        """Return the JSON form."""
        del indices
        return value

    def read(self, value: Any, nodes: Nodes) -> Any:
        """Return the value; raise PlanError if the JSON is not exactly as written."""
        raise NotImplementedError


@dataclass(frozen=True)
class Word(Field):
    """One of a few words."""

    choices: tuple[str, ...]

    def read(self, value: Any, nodes: Nodes) -> Any:
        """Accept a listed word."""
        del nodes
        if value not in self.choices or type(value) is not str:
            raise PlanError("unknown operation")
        return value


class Text(Field):
    """A name."""

    def read(self, value: Any, nodes: Nodes) -> Any:
        """Accept text."""
        del nodes
        if type(value) is not str:
            raise PlanError("text expected")
        return value


class Gap(Field):
    """An int or nothing."""

    def read(self, value: Any, nodes: Nodes) -> Any:
        """Accept an int or null."""
        del nodes
        if value is not None and type(value) is not int:
            raise PlanError("int expected")
        return value


@dataclass(frozen=True)
class Ref(Field):
    """A node earlier in the list."""

    kind: type[Node] = Series
    optional: bool = False

    def write(self, value: Any, indices: Indices) -> Any:
        """Return the node's place."""
        return None if value is None else indices[value]

    def read(self, value: Any, nodes: Nodes) -> Any:
        """Return the node of that place."""
        if value is None and self.optional:
            return None
        if type(value) is not int or not 0 <= value < len(nodes):
            raise PlanError("a reference to an earlier node expected")
        if not isinstance(nodes[value], self.kind):
            raise PlanError(f"a reference to a {self.kind.__name__} expected")
        return nodes[value]


class Refs(Field):
    """Several series."""

    def write(self, value: Any, indices: Indices) -> Any:
        """Return their places."""
        return [indices[node] for node in value]

    def read(self, value: Any, nodes: Nodes) -> Any:
        """Return the series of those places."""
        return tuple(Ref().read(item, nodes) for item in _list(value))


class Pairs(Field):
    """Pairs of series."""

    def write(self, value: Any, indices: Indices) -> Any:
        """Return pairs of places."""
        return [Refs().write(pair, indices) for pair in value]

    def read(self, value: Any, nodes: Nodes) -> Any:
        """Return the pairs."""
        pairs = tuple(Refs().read(pair, nodes) for pair in _list(value))
        if any(len(pair) != 2 for pair in pairs):
            raise PlanError("pairs expected")
        return pairs


class Scalar(Field):
    """A constant; a date is text, and the type beside it tells."""

    def write(self, value: Any, indices: Indices) -> Any:
        """Return JSON for a constant."""
        del indices
        if isinstance(value, tuple):
            return [self.write(item, {}) for item in value]
        return value.isoformat() if isinstance(value, datetime.date) else value

    def read(self, value: Any, nodes: Nodes) -> Any:
        """Return a constant; dates are made by `Layout.read`."""
        del nodes
        if isinstance(value, list):
            return tuple(self.read(item, ()) for item in value)
        if type(value) not in (bool, int, float, str):
            raise PlanError("a constant expected")
        return value


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise PlanError("a list expected")
    return value


LAYOUT: dict[type[Node], dict[str, Field]] = {
    Where: {"frame": Ref(Frame), "predicate": Ref()},
    Order: {"frame": Ref(Frame), "key": Ref()},
    Pick: {"frame": Ref(Frame), "op": Word(("first", "last"))},
    Column: {"frame": Ref(Frame), "name": Text()},
    op.Parameter: {"name": Word(PARAMETERS)},
    op.Literal: {"kind": Text(), "value": Scalar()},
    op.Constants: {"kind": Text(), "values": Scalar()},
    op.Cases: {"pairs": Pairs(), "default": Ref(optional=True)},
    op.Compare: {
        "op": Word(("eq", "ne", "lt", "le", "gt", "ge")),
        "left": Ref(),
        "right": Ref(),
    },
    op.Logic: {"op": Word(("and", "or", "not")), "parts": Refs()},
    op.IsNull: {"source": Ref()},
    op.Member: {"source": Ref(), "among": Ref(Node)},
    op.Contains: {"text": Ref(), "needle": Ref()},
    op.Arithmetic: {
        "op": Word(("neg", "abs", "add", "sub", "mul", "div", "floordiv", "pow")),
        "parts": Refs(),
    },
    op.Convert: {"op": Word(("to_int", "to_float")), "source": Ref()},
    op.DateAdd: {"op": Word(("days", "months", "years")), "date": Ref(), "amount": Ref()},
    op.DateDiff: {"op": Word(("days", "months", "years")), "start": Ref(), "end": Ref()},
    op.DatePart: {"op": Word(("year", "month", "day")), "date": Ref()},
    op.DateFloor: {"op": Word(("month", "year")), "date": Ref()},
    op.Extreme: {"op": Word(("least", "greatest")), "parts": Refs()},
    op.Aggregate: {
        "op": Word((*op.FRAME_AGGREGATES, *op.SERIES_AGGREGATES)),
        "source": Ref(Node),
        "gap": Gap(),
    },
}
SPOKEN = {"kind": "type"}  # what a plan calls a field of another name
CLASSES = {cls.__name__: cls for cls in LAYOUT}


def write_node(node: Node, indices: Indices) -> dict[str, Any]:
    """Return the JSON object of a node."""
    fields = LAYOUT[type(node)]
    values = {
        SPOKEN.get(name, name): field.write(getattr(node, name), indices)
        for name, field in fields.items()
    }
    return {"k": type(node).__name__, **values}


def read_node(item: Mapping[str, Any], nodes: Nodes) -> Node:
    """Make a node of its JSON object, which has exactly the fields of its class."""
    word = item.get("k")
    cls = CLASSES.get(word) if isinstance(word, str) else None
    if cls is None:
        raise PlanError("unknown class of node")
    fields = LAYOUT[cls]
    spoken = {name: SPOKEN.get(name, name) for name in fields}
    if set(item) != {"k", *spoken.values()}:
        raise PlanError(f"{word}: its fields are {', '.join(spoken.values())}")
    values = {name: field.read(item[spoken[name]], nodes) for name, field in fields.items()}
    if values.get("kind") == "date":
        values = {
            name: _dates(value) if name != "kind" else value for name, value in values.items()
        }
    return cls(**values)


def _dates(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_dates(item) for item in value)
    return parse_date(value) if isinstance(value, str) else value
