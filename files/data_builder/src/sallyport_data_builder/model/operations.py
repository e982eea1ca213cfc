"""Operations on series, and constants; `op.` gives all nodes but the frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

from sallyport_data_builder.model.aggregates import FRAME_AGGREGATES as FRAME_AGGREGATES
from sallyport_data_builder.model.aggregates import SERIES_AGGREGATES as SERIES_AGGREGATES
from sallyport_data_builder.model.aggregates import Aggregate as Aggregate
from sallyport_data_builder.model.dateoperations import DateAdd as DateAdd
from sallyport_data_builder.model.dateoperations import DateDiff as DateDiff
from sallyport_data_builder.model.dateoperations import DateFloor as DateFloor
from sallyport_data_builder.model.dateoperations import DatePart as DatePart
from sallyport_data_builder.model.nodes import Frame, Node, Series, require
from sallyport_data_builder.model.nodes import Inline as Inline
from sallyport_data_builder.model.nodes import Parameter as Parameter
from sallyport_data_builder.model.roots import Dataset as Dataset
from sallyport_data_builder.model.roots import Measure as Measure
from sallyport_data_builder.model.roots import Measures as Measures
from sallyport_data_builder.model.roots import Rows as Rows
from sallyport_data_builder.model.rules import differing as differing
from sallyport_data_builder.model.rules import only_types, same_types
from sallyport_data_builder.schemas.types import (
    ALL_TYPES,
    MULTI_CODES,
    NUMBERS,
    ORDERED,
    SORTABLE,
    Value,
    check_value,
)


@dataclass(frozen=True, eq=False)
class Literal(Series):
    """A constant; codes are text with the type of their system."""

    kind: str
    value: Value

    def check(self) -> None:
        """Refuse a value that is not of the type."""
        require(self.kind in ALL_TYPES, f"{self.kind} is not a valid type.")
        check_value(self.kind, self.value)

    @cached_property
    def type(self) -> str:
        """As given."""
        return self.kind


@dataclass(frozen=True, eq=False)
class Constants(Node):
    """A set of constants of one type, sorted, for membership tests."""

    kind: str
    values: tuple[Value, ...]

    def check(self) -> None:
        """Refuse values that are not of the type, or not sorted."""
        require(self.kind in (*SORTABLE, "bool"), f"There is no membership in {self.kind}.")
        for value in self.values:
            check_value(self.kind, value)
        sorted_values = tuple(sorted(set(self.values), key=lambda value: (value,)))
        require(self.values == sorted_values, "Constants must be sorted and unique.")


@dataclass(frozen=True, eq=False)
class Cases(Series):
    """The value of the first predicate that is true, else the default, else NULL (SEM-04)."""

    pairs: tuple[tuple[Series, Series], ...]
    default: Series | None

    def check(self) -> None:
        """Refuse predicates that are not bool and values of different types."""
        require(bool(self.pairs), "case needs at least one when(...).then(...).")
        only_types(tuple(pair[0] for pair in self.pairs), ("bool",), "when")
        same_types(self.results, "case")
        _ = self.domain

    @cached_property
    def results(self) -> tuple[Series, ...]:
        """All values that can come out."""
        values = tuple(pair[1] for pair in self.pairs)
        return values if self.default is None else (*values, self.default)

    @cached_property
    def type(self) -> str:
        """That of the results."""
        return self.results[0].type


@dataclass(frozen=True, eq=False)
class Compare(Series):
    """A comparison, NULL if a side is NULL."""

    op: str
    left: Series
    right: Series

    def check(self) -> None:
        """Refuse different types, and order of what has none."""
        same_types((self.left, self.right), "A comparison")
        equality = self.op in ("eq", "ne")
        allowed = (*SORTABLE, "bool") if equality else ORDERED
        only_types((self.left,), allowed, "A comparison for equality" if equality else "Order")
        _ = self.domain

    @cached_property
    def type(self) -> str:
        """Always bool."""
        return "bool"


@dataclass(frozen=True, eq=False)
class Logic(Series):
    """and, or, not, in three-valued logic (SEM-01)."""

    op: str
    parts: tuple[Series, ...]

    def check(self) -> None:
        """Refuse what is not bool, and a wrong number of parts."""
        only_types(self.parts, ("bool",), {"and": "&", "or": "|", "not": "~"}[self.op])
        one = len(self.parts) == 1
        require(one if self.op == "not" else len(self.parts) > 1, f"{self.op}: wrong number.")
        _ = self.domain

    @cached_property
    def type(self) -> str:
        """Always bool."""
        return "bool"


@dataclass(frozen=True, eq=False)
class IsNull(Series):
    """Whether a value is missing; never NULL itself."""

    source: Series

    @cached_property
    def type(self) -> str:
        """Always bool."""
        return "bool"


@dataclass(frozen=True, eq=False)
class Member(Series):
    """Whether a value is in a set of constants, or in a collected series (SEM-03)."""

    source: Series
    among: Node

    def check(self) -> None:
        """Refuse another type of members."""
        if isinstance(self.among, Constants):
            kind = self.among.kind
        else:
            collected = isinstance(self.among, Aggregate) and self.among.op == "collect"
            require(collected, "is_in needs constants or a series.")
            kind = cast(Aggregate, self.among).type
        kinds = [self.source.type, kind]
        require(kinds[0] == kinds[1], f"is_in needs values of one type, {differing(kinds)}")

    @cached_property
    def type(self) -> str:
        """Always bool."""
        return "bool"

    @cached_property
    def domain(self) -> Frame | None:
        """That of the tested series: a collected one is in the patient domain (DOM-05)."""
        return self.source.domain


@dataclass(frozen=True, eq=False)
class Contains(Series):
    """Whether a string holds another text, literally (SEM-13)."""

    text: Series
    needle: Series

    def check(self) -> None:
        """Refuse what is not text."""
        only_types((self.text,), ("str", *MULTI_CODES), "contains")
        only_types((self.needle,), ("str",), "contains")
        _ = self.domain

    @cached_property
    def type(self) -> str:
        """Always bool."""
        return "bool"


@dataclass(frozen=True, eq=False)
class Arithmetic(Series):
    """neg abs add sub mul div floordiv pow (SEM-14, SEM-15)."""

    op: str
    parts: tuple[Series, ...]

    def check(self) -> None:
        """Refuse what is not a number, and int with float."""
        only_types(self.parts, NUMBERS, "Arithmetic")
        same_types(self.parts, "Arithmetic")
        expected = 1 if self.op in ("neg", "abs") else 2
        require(len(self.parts) == expected, f"{self.op}: wrong number of values.")
        _ = self.domain

    @cached_property
    def type(self) -> str:
        """Float for div and pow, int for floordiv, else that of the parts."""
        return {"div": "float", "pow": "float", "floordiv": "int"}.get(self.op, self.parts[0].type)


@dataclass(frozen=True, eq=False)
class Convert(Series):
    """to_int cuts towards zero; to_float (SEM-16)."""

    op: str
    source: Series

    def check(self) -> None:
        """Refuse what has no number in it."""
        allowed = ("bool", *NUMBERS) if self.op == "to_int" else NUMBERS
        only_types((self.source,), allowed, {"to_int": "as_int", "to_float": "as_float"}[self.op])

    @cached_property
    def type(self) -> str:
        """As the operation says."""
        return self.op.removeprefix("to_")


@dataclass(frozen=True, eq=False)
class Extreme(Series):
    """The least or greatest of several values; NULLs are ignored (SEM-06)."""

    op: str
    parts: tuple[Series, ...]

    def check(self) -> None:
        """Refuse different types and what has no order."""
        names = {"least": "minimum_of", "greatest": "maximum_of"}
        require(len(self.parts) > 1, f"{names[self.op]} needs two or more values.")
        only_types(self.parts, ORDERED, names[self.op])
        same_types(self.parts, names[self.op])
        _ = self.domain

    @cached_property
    def type(self) -> str:
        """That of the parts."""
        return self.parts[0].type
