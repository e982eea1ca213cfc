"""Series as studies see them: operators and methods that make nodes."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sallyport_data_builder.errors import DefinitionError, UnknownNameError, nearest, refuse_private
from sallyport_data_builder.lang import constants
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Node
from sallyport_data_builder.model.nodes import Series as SeriesNode
from sallyport_data_builder.schemas import types

CLASSES: dict[str, type[BaseSeries]] = {}
PARENTHESES = "Both sides need parentheses: (a == b) | (c == d)."
FLAT = 8  # more parts than this are not copied into another condition


class BaseSeries:
    """A value for each patient, or for each row of a frame."""

    _kinds: tuple[str, ...] = ()
    _advice = ""

    def __init_subclass__(cls) -> None:
        CLASSES.update(dict.fromkeys(cls._kinds, cls))

    def __init__(self, node: SeriesNode) -> None:
        self._node = node

    def __repr__(self) -> str:
        rows = "one value per patient" if self._node.domain is None else "many per patient"
        return f"<{types.title(self._node.type)} series, {rows}>"

    def __getattr__(self, name: str) -> Any:
        refuse_private(name)
        known = [word for word in dir(type(self)) if not word.startswith("_")]
        kind = types.title(self._node.type)
        raise UnknownNameError(f"A {kind} series has no {name}.{nearest(name, known)}")

    def __hash__(self) -> int:
        return hash(self._node)

    def __bool__(self) -> bool:
        raise DefinitionError(
            f"A {types.title(self._node.type)} series has no single truth value, which and, or, "
            "not, if and chained comparisons need. Use & for and, | for or, ~ for not, with "
            "parentheses around each side; write two comparisons, (x > 1) & (x < 3), for "
            "1 < x < 3; use case(when(...).then(...)) instead of if."
        )

    def __eq__(self, other: object) -> Any:
        return self._compare("eq", other)

    def __ne__(self, other: object) -> Any:
        return self._compare("ne", other)

    def _compare(self, operation: str, other: object) -> BoolSeries:
        return wrap_bool(op.Compare(operation, self._node, to_node(other, self._node.type)))

    def __and__(self, other: object) -> Any:
        sides = f"{described(self)} and {described(other)} were given"
        advice = constants.comma(other) or f" {PARENTHESES}"
        raise DefinitionError(f"& and | combine true-or-false series; {sides}.{advice}")

    def __or__(self, other: object) -> Any:
        return BaseSeries.__and__(self, other)

    __rand__, __ror__ = __and__, __or__

    def _refuse(self, symbol: str) -> Any:
        kind = types.title(self._node.type)
        raise DefinitionError(f"{symbol} does not work on {kind}.{self._advice}")

    def __add__(self, _other: object) -> Any:
        return self._refuse("+")

    def __sub__(self, _other: object) -> Any:
        return self._refuse("-")

    def __mul__(self, _other: object) -> Any:
        return self._refuse("*")

    def __truediv__(self, _other: object) -> Any:
        return self._refuse("/")

    def __floordiv__(self, _other: object) -> Any:
        return self._refuse("//")

    def __pow__(self, _other: object) -> Any:
        return self._refuse("**")

    def __lt__(self, _other: object) -> Any:
        return self._refuse("Order (< <= > >=)")

    __radd__, __rsub__, __rmul__ = __add__, __sub__, __mul__
    __rtruediv__, __rfloordiv__, __rpow__ = __truediv__, __floordiv__, __pow__
    __le__ = __gt__ = __ge__ = __lt__

    def is_null(self) -> BoolSeries:
        """Return whether the value is missing."""
        return wrap_bool(op.IsNull(self._node))

    def is_not_null(self) -> BoolSeries:
        """Return whether there is a value."""
        return ~self.is_null()

    def when_null_then(self, other: object) -> Any:
        """Replace a missing value."""
        present = self.is_not_null()._node
        return wrap(op.Cases(((present, self._node),), to_node(other, self._node.type)))

    def is_in(self, other: object) -> BoolSeries:
        """Return whether the value is in a list, a codelist or another series."""
        return wrap_bool(op.Member(self._node, _members(other, self._node.type)))

    def is_not_in(self, other: object) -> BoolSeries:
        """Return whether the value is in none of them."""
        return ~self.is_in(other)

    def map_values(self, mapping: Mapping[Any, Any], default: object = None) -> Any:
        """Replace each value by another; the default for all that are not mapped."""
        if not isinstance(mapping, Mapping) or not mapping:
            raise DefinitionError('A mapping with values is needed, for example {"old": "new"}.')
        groups: dict[tuple[type, Any], tuple[Any, list[Any]]] = {}
        for old, new in mapping.items():
            groups.setdefault((type(new), new), (new, []))[1].append(old)
        pairs = [(self.is_in(olds)._node, new) for new, olds in groups.values()]
        return wrap(cases(pairs, default, "map_values"))

    def count_distinct_for_patient(self) -> Any:
        """Count different values."""
        return self._aggregate("count_distinct")

    def _aggregate(self, operation: str, gap: int | None = None) -> Any:
        return wrap(op.Aggregate(operation, self._node, gap))


def described(value: object) -> str:
    """Return how an error calls what was given."""
    own = isinstance(value, BaseSeries) or type(value).__module__.startswith(__package__ or "?")
    return repr(value) if own else type(value).__name__


def wrap(node: SeriesNode) -> Any:
    """Return a node as the class that has the methods of its type."""
    return CLASSES[node.type](node)


def wrap_bool(node: SeriesNode) -> BoolSeries:
    """Return a true-or-false node as a series."""
    return BoolSeries(node)


def constant_node(value: object) -> SeriesNode:
    """Return a constant, or a series, with the type that it has of itself."""
    return value._node if isinstance(value, BaseSeries) else op.Literal(*constants.typed(value))


def to_node(value: object, kind: str) -> SeriesNode:
    """Return a constant as the type that a series beside it decides, or a series as it is."""
    return (
        value._node if isinstance(value, BaseSeries) else op.Literal(*constants.beside(value, kind))
    )


def cases(pairs: Sequence[tuple[SeriesNode, Any]], otherwise: object, what: str) -> SeriesNode:
    """Return the value of the first condition that is true; a value of None is NULL."""
    every = [*(value for _condition, value in pairs), otherwise]
    values = [value for value in every if value is not None]
    if not values:
        raise DefinitionError(f"{what} needs at least one value that is not None.")
    decisive = next((value for value in values if isinstance(value, BaseSeries)), values[0])
    kind = constant_node(decisive).type
    present = [(node, value) for node, value in pairs if value is not None]
    example = to_node(present[0][1] if present else otherwise, kind)
    null = op.Cases(((op.Literal("bool", False), example),), None)  # NULL that has a type
    nodes = tuple((node, null if value is None else to_node(value, kind)) for node, value in pairs)
    return op.Cases(nodes, None if otherwise is None else to_node(otherwise, kind))


def _members(other: object, kind: str) -> Node:
    if isinstance(other, BaseSeries):
        return op.Aggregate("collect", other._node)
    if isinstance(other, str) or not isinstance(other, Collection):
        raise DefinitionError(
            "is_in needs a list, a codelist or a series with many values, not "
            f"{type(other).__name__}."
        )
    members: set[types.Value] = set()
    for item in other:
        if isinstance(item, BaseSeries):
            advice = constants.comma(other)
            raise DefinitionError(f"is_in needs a list of constants, or one series.{advice}")
        own, value = constants.beside(item, kind)
        if own != kind:
            together = op.differing([kind, own])
            raise DefinitionError(f"is_in needs values of one type, {together}")
        members.add(value)
    return op.Constants(kind, tuple(sorted(members, key=_sort_key)))


def _sort_key(value: Any) -> tuple[Any]:
    return (value,)


def logic(operation: str, sides: Iterable[SeriesNode]) -> SeriesNode:
    """Return `and` or `or` of several conditions, each once, with short ones flattened.

    A long one stays a part, so that a definition which uses it often has it once.
    """
    parts: dict[SeriesNode, None] = {}
    for node in sides:
        same = isinstance(node, op.Logic) and node.op == operation
        flat = node.parts if isinstance(node, op.Logic) and same else (node,)
        parts.update(dict.fromkeys(flat if len(flat) <= FLAT else (node,)))
    return next(iter(parts)) if len(parts) == 1 else op.Logic(operation, tuple(parts))


class BoolSeries(BaseSeries):
    """True, false or NULL."""

    _kinds = ("bool",)
    _advice = " Convert it with as_int() first."

    def _logic(self, operation: str, other: object) -> BoolSeries:
        if not isinstance(constants.plain(other), BoolSeries | bool):
            BaseSeries.__and__(self, other)
        return wrap_bool(logic(operation, [self._node, to_node(other, "bool")]))

    def __and__(self, other: object) -> Any:
        return self._logic("and", other)

    def __or__(self, other: object) -> Any:
        return self._logic("or", other)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> BoolSeries:
        return wrap_bool(op.Logic("not", (self._node,)))

    def as_int(self) -> Any:
        """Return 1 for true and 0 for false."""
        return wrap(op.Convert("to_int", self._node))


class OrderedSeries(BaseSeries):
    """What can be compared for order."""

    def __lt__(self, other: object) -> BoolSeries:
        return self._compare("lt", other)

    def __le__(self, other: object) -> BoolSeries:
        return self._compare("le", other)

    def __gt__(self, other: object) -> BoolSeries:
        return self._compare("gt", other)

    def __ge__(self, other: object) -> BoolSeries:
        return self._compare("ge", other)

    def minimum_for_patient(self) -> Any:
        """Return the least value of each patient."""
        return self._aggregate("min")

    def maximum_for_patient(self) -> Any:
        """Return the greatest value of each patient."""
        return self._aggregate("max")


class NumberSeries(OrderedSeries):
    """Whole or decimal numbers."""

    _kinds = types.NUMBERS

    def _arithmetic(self, operation: str, other: object, swapped: bool = False) -> Any:
        parts = (self._node, to_node(other, self._node.type))
        return wrap(op.Arithmetic(operation, parts[::-1] if swapped else parts))

    def __add__(self, other: object) -> Any:
        return self._arithmetic("add", other)

    def __sub__(self, other: object) -> Any:
        return self._arithmetic("sub", other)

    def __rsub__(self, other: object) -> Any:
        return self._arithmetic("sub", other, swapped=True)

    def __mul__(self, other: object) -> Any:
        return self._arithmetic("mul", other)

    def __truediv__(self, other: object) -> Any:
        return self._arithmetic("div", other)

    def __rtruediv__(self, other: object) -> Any:
        return self._arithmetic("div", other, swapped=True)

    def __floordiv__(self, other: object) -> Any:
        return self._arithmetic("floordiv", other)

    def __rfloordiv__(self, other: object) -> Any:
        return self._arithmetic("floordiv", other, swapped=True)

    def __pow__(self, other: object) -> Any:
        return self._arithmetic("pow", other)

    def __rpow__(self, other: object) -> Any:
        return self._arithmetic("pow", other, swapped=True)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Any:
        return wrap(op.Arithmetic("neg", (self._node,)))

    def absolute(self) -> Any:
        """Return the value without its sign."""
        return wrap(op.Arithmetic("abs", (self._node,)))

    def as_int(self) -> Any:
        """Cut towards zero."""
        return wrap(op.Convert("to_int", self._node))

    def as_float(self) -> Any:
        """Return the value as a decimal number."""
        return wrap(op.Convert("to_float", self._node))

    def sum_for_patient(self) -> Any:
        """Add up the values of each patient."""
        return self._aggregate("sum")

    def mean_for_patient(self) -> Any:
        """Return the mean of each patient's values."""
        return self._aggregate("mean")


class TextSeries(OrderedSeries):
    """Text."""

    _kinds = ("str",)

    def contains(self, other: object) -> BoolSeries:
        """Return whether the text holds another text, literally."""
        return wrap_bool(op.Contains(self._node, to_node(other, "str")))


def is_constant_date(value: object) -> bool:
    """Return whether a value is a date that a study wrote down."""
    return isinstance(value, datetime.date | str)
