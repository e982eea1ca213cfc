"""Frames as studies see them, and the declaration of tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast, overload

from sallyport_data_builder.errors import DefinitionError, UnknownNameError, nearest, refuse_private
from sallyport_data_builder.lang.constants import comma
from sallyport_data_builder.lang.series import BaseSeries, BoolSeries, described, wrap
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Column, Frame, Order, Pick, Table, Where
from sallyport_data_builder.schemas import types

PYTHON_TYPES: dict[Any, str] = {python: name for name, python in types.SCALARS.items()}
T = TypeVar("T", bound="BaseFrame")


class Series:
    """Declares a column of a table: `date = Series(datetime.date)`."""

    def __init__(
        self, type_: Any, description: str = "", constraints: Any = (), **_notes: Any
    ) -> None:
        kind = PYTHON_TYPES.get(type_, getattr(type_, "system", type_))
        if kind not in types.ALL_TYPES:
            names = ", ".join(python.__name__ for python in PYTHON_TYPES)
            raise DefinitionError(
                f"{getattr(type_, '__name__', type_)} is not a type of a column. Use {names}, or a "
                "class of ehrql.codes."
            )
        self.kind, self.constraints, self.description = str(kind), constraints, description
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, frame: Any, owner: type | None = None) -> Any:
        """Return the column of a frame."""
        return self if frame is None else frame._column(self._name)


class _Said:
    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.arguments, self.named = arguments, named


class Constraint:
    """What the values of a study's own column keep; said to people, it changes no query."""

    class Categorical(_Said):
        """One of a list of values."""

    class NotNull(_Said):
        """Never missing."""

    class Unique(_Said):
        """Different in every row."""

    class FirstOfMonth(_Said):
        """The first day of a month."""

    class Regex(_Said):
        """Text of a form."""

    class ClosedRange(_Said):
        """A number between two others, both included."""

    class GeneralRange(_Said):
        """A number between two others."""

    class DateAfter(_Said):
        """Not before other dates of the row."""


class BaseFrame:
    """Rows of patients."""

    _rows = ""

    def __init__(self, node: Frame) -> None:
        self._node = node

    def __repr__(self) -> str:
        return f"<frame with columns {', '.join(self._node.columns)}>"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._node.columns]

    def __getattr__(self, name: str) -> Any:
        refuse_private(name)
        if name in self._node.columns:
            return self._column(name)
        if self._rows == "one" and hasattr(EventFrame, name):
            raise UnknownNameError(
                f"{name} works on many rows per patient, and this frame has one. For a condition "
                "use case(when(...).then(...))."
            )
        methods = [word for word in dir(type(self)) if not word.startswith("_")]
        hint = nearest(name, [*self._node.columns, *methods])
        raise UnknownNameError(f"There is no column or method {name}.{hint}")

    def _column(self, name: str) -> Any:
        return wrap(Column(self._node, name))

    def exists_for_patient(self) -> BoolSeries:
        """Return whether a patient has a row."""
        return cast(BoolSeries, wrap(op.Aggregate("exists", self._node)))

    def count_for_patient(self) -> Any:
        """Count a patient's rows."""
        return wrap(op.Aggregate("count", self._node))


class PatientFrame(BaseFrame):
    """At most one row for each patient."""

    _rows = "one"


class EventFrame(BaseFrame):
    """Any number of rows for each patient."""

    _rows = "many"

    def _with(self: T, node: Frame) -> T:
        same = object.__new__(type(self))
        same._node = node
        return same

    def where(self: T, predicate: Any) -> T:
        """Keep the rows for which a condition is true."""
        frame = cast(EventFrame, self)
        return cast(T, frame._with(Where(self._node, _condition(predicate)._node)))

    def except_where(self: T, predicate: Any) -> T:
        """Drop the rows for which a condition is true; NULL is kept."""
        condition = _condition(predicate)
        kept = ~condition | condition.is_null()
        frame = cast(EventFrame, self)
        return cast(T, frame._with(Where(self._node, kept._node)))

    def sort_by(self: T, *keys: Any) -> T:
        """Sort by one or more columns, missing values first."""
        node = self._node
        for key in reversed(keys or (None,)):
            if not isinstance(key, BaseSeries):
                given = type(key).__name__ if keys else "nothing"
                raise DefinitionError(
                    f"sort_by needs columns, for example sort_by(events.date); {given} was given."
                    f"{comma(key)}"
                )
            node = Order(node, key._node)
        frame = cast(EventFrame, self)
        return cast(T, frame._with(node))

    def first_for_patient(self) -> PatientFrame:
        """Return the first row of each patient; the frame must be sorted."""
        return self._pick("first")

    def last_for_patient(self) -> PatientFrame:
        """Return the last row of each patient; the frame must be sorted."""
        return self._pick("last")

    def _pick(self, operation: str) -> PatientFrame:
        own: Any = type(self)
        picked: PatientFrame = _one_row(own)(Pick(self._node, operation))
        return picked


@cache
def _one_row(cls: Any) -> Any:
    """Return the class of a pick: it keeps the columns and properties of its table."""
    kept: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        kept |= {
            key: item for key, item in vars(base).items() if isinstance(item, Series | property)
        }
    return type(cls.__name__, (PatientFrame,), {**kept, "__doc__": cls.__doc__})


def _condition(predicate: Any) -> BoolSeries:
    if isinstance(predicate, bool):
        return BoolSeries(op.Literal("bool", predicate))
    if not isinstance(predicate, BoolSeries):
        raise DefinitionError(
            f"A condition must be a true-or-false series, {described(predicate)} was given."
            f"{comma(predicate)}"
        )
    return predicate


def columns_of(cls: type[BaseFrame]) -> tuple[tuple[str, str], ...]:
    """Return the columns that a class declares as `Series` attributes."""
    declared: dict[str, Series] = {}
    for base in reversed(cls.__mro__):
        declared |= {key: item for key, item in vars(base).items() if isinstance(item, Series)}
    return tuple((key, item.kind) for key, item in declared.items())


def build(cls: type[T], schema: str, name: str) -> T:
    """Return a frame of a class whose columns are `Series` attributes."""
    if not isinstance(cls, type) or not issubclass(cls, PatientFrame | EventFrame):
        raise DefinitionError(f"{name} must be a class of PatientFrame or EventFrame.")
    return cls(Table(schema, name, cls._rows, columns_of(cls)))


@overload
def table(cls: type[T]) -> T: ...
@overload
def table(cls: None = None) -> Callable[[type[T]], T]: ...
def table(cls: type[T] | None = None) -> T | Callable[[type[T]], T]:
    """Declare a table of the study's own; the backend must map it under `extra_tables`."""
    if cls is None:
        return lambda given: build(given, "", given.__name__)
    return build(cls, "", getattr(cls, "__name__", str(cls)))
