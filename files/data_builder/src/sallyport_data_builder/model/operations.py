"""Operations on series, constants, and aggregations to one value per patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.model.nodes import Frame, Node, Series, require
from sallyport_data_builder.model.nodes import Inline as Inline
from sallyport_data_builder.model.nodes import Parameter as Parameter
from sallyport_data_builder.model.roots import Dataset as Dataset
from sallyport_data_builder.model.roots import Measure as Measure
from sallyport_data_builder.model.roots import Measures as Measures
from sallyport_data_builder.model.roots import Rows as Rows
from sallyport_data_builder.model.types import (
    ALL_TYPES,
    CODES,
    MULTI_CODES,
    NUMBERS,
    ORDERED,
    SORTABLE,
    Value,
    check_value,
    title,
)


def _same_types(parts: tuple[Series, ...], what: str) -> None:
    kinds = [part.type for part in parts]
    if len(set(kinds)) > 1:
        raise DefinitionError(f"{what} needs values of one type, {differing(kinds)}")


def differing(kinds: list[str]) -> str:
    """Return how an error calls different types, and what brings them together."""
    named = " and ".join(dict.fromkeys(title(kind) for kind in kinds))
    codes = [title(kind) for kind in dict.fromkeys(kinds) if kind in CODES]
    advice = ""
    if set(kinds) == set(NUMBERS):
        advice = " Convert one with as_float() or as_int()."
    elif len(codes) > 1:
        advice = " There is no conversion between coding systems: use codes of the column's own."
    elif codes:
        advice = f" Compare the column with a {codes[0]}, written as text, or with a codelist."
    else:
        advice = f" Use {title(kinds[0])} for all of them."
    return f"these are {named}.{advice}"


def _types(parts: tuple[Series, ...], allowed: tuple[str, ...], what: str) -> None:
    for part in parts:
        if part.type not in allowed:
            works = f" It works on {' and '.join(map(title, allowed))}." if len(allowed) < 4 else ""
            raise DefinitionError(f"{what} does not work on {title(part.type)}.{works}")


@dataclass(frozen=True, eq=False)
class Literal(Series):
    """A constant; codes are text with the type of their system."""

    kind: str
    value: Value

    def check(self) -> None:
        """Refuse a value that is not of the type."""
        require(self.kind in ALL_TYPES, f"{self.kind} is no type.")
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
        _types(tuple(pair[0] for pair in self.pairs), ("bool",), "when")
        _same_types(self.results, "case")
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
        _same_types((self.left, self.right), "A comparison")
        equality = self.op in ("eq", "ne")
        allowed = (*SORTABLE, "bool") if equality else ORDERED
        _types((self.left,), allowed, "A comparison for equality" if equality else "Order")
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
        _types(self.parts, ("bool",), {"and": "&", "or": "|", "not": "~"}[self.op])
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
    """Whether a text holds another text, literally (SEM-13)."""

    text: Series
    needle: Series

    def check(self) -> None:
        """Refuse what is not text."""
        _types((self.text,), ("str", *MULTI_CODES), "contains")
        _types((self.needle,), ("str",), "contains")
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
        """Refuse what is no number, and int with float."""
        _types(self.parts, NUMBERS, "Arithmetic")
        _same_types(self.parts, "Arithmetic")
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
        _types((self.source,), allowed, {"to_int": "as_int", "to_float": "as_float"}[self.op])

    @cached_property
    def type(self) -> str:
        """As the operation says."""
        return self.op.removeprefix("to_")


@dataclass(frozen=True, eq=False)
class DateAdd(Series):
    """A date moved by days, months or years (SEM-17)."""

    op: str
    date: Series
    amount: Series

    def check(self) -> None:
        """Refuse other types."""
        _types((self.date,), ("date",), "Adding a duration")
        _types((self.amount,), ("int",), "A duration")
        _ = self.domain

    @cached_property
    def type(self) -> str:
        """Always date."""
        return "date"


@dataclass(frozen=True, eq=False)
class DateDiff(Series):
    """Whole days, months or years from start to end (SEM-18)."""

    op: str
    start: Series
    end: Series

    def check(self) -> None:
        """Refuse what is no date."""
        _types((self.start, self.end), ("date",), "A difference of dates")
        _ = self.domain

    @cached_property
    def type(self) -> str:
        """Always int."""
        return "int"


@dataclass(frozen=True, eq=False)
class DatePart(Series):
    """year, month or day of a date."""

    op: str
    date: Series

    def check(self) -> None:
        """Refuse what is no date."""
        _types((self.date,), ("date",), self.op)

    @cached_property
    def type(self) -> str:
        """Always int."""
        return "int"


@dataclass(frozen=True, eq=False)
class DateFloor(Series):
    """The first day of the month or year."""

    op: str
    date: Series

    def check(self) -> None:
        """Refuse what is no date."""
        _types((self.date,), ("date",), f"to_first_of_{self.op}")

    @cached_property
    def type(self) -> str:
        """Always date."""
        return "date"


@dataclass(frozen=True, eq=False)
class Extreme(Series):
    """The least or greatest of several values; NULLs are ignored (SEM-06)."""

    op: str
    parts: tuple[Series, ...]

    def check(self) -> None:
        """Refuse different types and what has no order."""
        names = {"least": "minimum_of", "greatest": "maximum_of"}
        require(len(self.parts) > 1, f"{names[self.op]} needs two or more values.")
        _types(self.parts, ORDERED, names[self.op])
        _same_types(self.parts, names[self.op])
        _ = self.domain

    @cached_property
    def type(self) -> str:
        """That of the parts."""
        return self.parts[0].type


FRAME_AGGREGATES = {"exists": "bool", "count": "int"}
SERIES_AGGREGATES: dict[str, tuple[str, ...]] = {
    "count_distinct": (*SORTABLE, "bool"),
    "count_episodes": ("date",),
    "min": ORDERED,
    "max": ORDERED,
    "sum": NUMBERS,
    "mean": NUMBERS,
    "collect": (*ORDERED, *CODES),
}
SPOKEN_AGGREGATES = {
    "collect": "is_in",
    "max": "maximum_for_patient",
    "min": "minimum_for_patient",
}
FIXED = {"count_distinct": "int", "count_episodes": "int", "mean": "float"}


@dataclass(frozen=True, eq=False)
class Aggregate(Series):
    """One value per patient, of a frame or of a many-row series (SEM-07 to SEM-09)."""

    op: str
    source: Node
    gap: int | None = None

    def check(self) -> None:
        """Refuse a source that the operation does not take (DOM-04)."""
        if self.op in FRAME_AGGREGATES:
            require(isinstance(self.source, Frame), f"{self.op} needs a frame.")
        else:
            require(isinstance(self.source, Series), f"{self.op} needs a series.")
            source = cast(Series, self.source)
            spoken = SPOKEN_AGGREGATES.get(self.op, f"{self.op}_for_patient")
            message = f"{spoken} needs a series with many values per patient; this one has one."
            require(source.domain is not None, message)
            _types((source,), SERIES_AGGREGATES[self.op], spoken)
        episodes = self.op == "count_episodes"
        require((type(self.gap) is int) if episodes else self.gap is None, f"{self.op}: gap.")

    @cached_property
    def type(self) -> str:
        """By operation, else that of the source."""
        if isinstance(self.source, Series):
            return FIXED.get(self.op, self.source.type)
        return FRAME_AGGREGATES[self.op]

    @cached_property
    def domain(self) -> Frame | None:
        """One value per patient."""
        return None

    @cached_property
    def rows(self) -> Frame | None:
        """The domain that is aggregated; None for a frame with one row per patient."""
        return cast("Frame | Series", self.source).domain
