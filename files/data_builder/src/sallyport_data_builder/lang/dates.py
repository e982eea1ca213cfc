"""Dates, durations and differences between dates."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sallyport_data_builder.errors import DefinitionError, UnknownNameError
from sallyport_data_builder.lang.constants import comma, plain, unsuitable
from sallyport_data_builder.lang.series import (
    BaseSeries,
    BoolSeries,
    OrderedSeries,
    described,
    is_constant_date,
    to_node,
    wrap,
)
from sallyport_data_builder.memory import values
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.schemas.types import parse_date

Interval = tuple[datetime.date, datetime.date]


def as_date(value: object) -> datetime.date:
    """Return a date that a study wrote down, as text or as a date."""
    constant = plain(value)
    if isinstance(constant, str):
        return parse_date(constant)
    if type(constant) is datetime.date:
        return constant
    raise unsuitable(value, "date")


@dataclass(frozen=True, eq=False)
class Duration:
    """A number of days, weeks, months or years."""

    value: Any
    unit: str

    def _same_unit(self, other: Duration) -> None:
        if other.unit != self.unit:
            units = f"{self.unit} and {other.unit}"
            raise DefinitionError(
                f"Durations of one unit can be added, these are {units}. Add them to a date one "
                "after the other."
            )

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, Duration):
            return NotImplemented
        return self.unit == other.unit and self.value == other.value

    def __hash__(self) -> int:
        return hash((self.unit, self.value))

    def __neg__(self) -> Duration:
        return Duration(-self.value, self.unit)

    def __add__(self, other: object) -> Any:
        if isinstance(other, Duration):
            self._same_unit(other)
            return Duration(self.value + other.value, self.unit)
        return self.after(other)

    def __sub__(self, other: object) -> Any:
        if isinstance(other, Duration):
            return self + -other
        raise DefinitionError("A date cannot be taken from a duration; write date - duration.")

    def __radd__(self, other: object) -> Any:
        return self.after(other)

    def __rsub__(self, other: object) -> Any:
        return (-self).after(other)

    def after(self, date: object) -> Any:
        """Return the date that lies this far after another."""
        weeks = self.unit == "weeks"
        unit, amount = ("days", self.value * 7) if weeks else (self.unit, self.value)
        if is_constant_date(date) and type(amount) is int:
            return _moved(as_date(date), unit, amount)
        return wrap(op.DateAdd(unit, to_node(date, "date"), to_node(amount, "int")))

    def _steps(self, date: object) -> Callable[[int], datetime.date]:
        if type(self.value) is not int or self.value < 1:
            raise DefinitionError(f"Intervals need a positive whole number, not {self.value!r}.")
        start = as_date(date)

        def moved(number: int) -> datetime.date:
            date: datetime.date = Duration(number, self.unit).after(start)
            return date

        return moved

    def starting_on(self, date: object) -> list[Interval]:
        """Return as many intervals of one unit as this is long, the first from a date on."""
        step = self._steps(date)
        return [(step(n), step(n + 1) - values.ONE_DAY) for n in range(self.value)]

    def ending_on(self, date: object) -> list[Interval]:
        """Return as many intervals of one unit as this is long, the last up to a date."""
        step = self._steps(date)
        return [(step(-n) + values.ONE_DAY, step(1 - n)) for n in range(self.value, 0, -1)]


def _moved(date: datetime.date, unit: str, amount: int) -> datetime.date:
    try:
        return values.DATE_ADD[unit](date, amount)
    except (OverflowError, ValueError):
        raise DefinitionError(
            f"{date} and {amount} {unit} give no date: years go from 1 to 9999."
        ) from None


def _duration(unit: str) -> Callable[[Any], Duration]:
    def make(value: Any) -> Duration:
        value = plain(value)
        whole = type(value) is int or (isinstance(value, BaseSeries) and value._node.type == "int")
        if not whole:
            raise DefinitionError(
                f"{unit} needs a whole number or an int series; {described(value)} was given."
                f"{comma(value)}"
            )
        return Duration(value, unit)

    make.__name__ = make.__qualname__ = unit
    make.__doc__ = f"Return a duration in {unit}."
    return make


days, weeks, months, years = map(_duration, ("days", "weeks", "months", "years"))


class DateDifference:
    """What lies between two dates; ask it for days, weeks, months or years."""

    def __repr__(self) -> str:
        return "a difference of dates"

    WANTED = "Ask it for a number: (end - start).days, .weeks, .months or .years."

    def __init__(self, start: Any, end: Any) -> None:
        self._start, self._end = to_node(start, "date"), to_node(end, "date")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnknownNameError(f"A difference of dates has no {name}. {self.WANTED}")

    def __bool__(self) -> bool:
        raise DefinitionError(f"A difference of dates is not a number. {self.WANTED}")

    def __lt__(self, _other: object) -> Any:
        raise DefinitionError(f"A difference of dates is not a number. {self.WANTED}")

    __le__ = __gt__ = __ge__ = __lt__

    def _in(self, unit: str) -> Any:
        return wrap(op.DateDiff(unit, self._start, self._end))

    @property
    def days(self) -> Any:
        """Days from the earlier to the later date."""
        return self._in("days")

    @property
    def weeks(self) -> Any:
        """Whole weeks, rounded down."""
        return self._in("days") // 7

    @property
    def months(self) -> Any:
        """Whole months."""
        return self._in("months")

    @property
    def years(self) -> Any:
        """Whole years."""
        return self._in("years")


class DateSeries(OrderedSeries):
    """Dates."""

    _kinds = ("date",)
    _advice = " A duration can be added or taken away, for example date + days(7)."

    def is_before(self, other: object) -> BoolSeries:
        """Return whether the date comes before another."""
        return self < other

    def is_on_or_before(self, other: object) -> BoolSeries:
        """Return whether the date is another or comes before it."""
        return self <= other

    def is_after(self, other: object) -> BoolSeries:
        """Return whether the date comes after another."""
        return self > other

    def is_on_or_after(self, other: object) -> BoolSeries:
        """Return whether the date is another or comes after it."""
        return self >= other

    def is_between_but_not_on(self, start: object, end: object) -> Any:
        """Return whether the date lies between two others, both left out."""
        return (self > start) & (self < end)

    def is_on_or_between(self, start: object, end: object) -> Any:
        """Return whether the date lies between two others, both included."""
        return (self >= start) & (self <= end)

    def is_during(self, interval: Interval) -> Any:
        """Return whether the date lies in an interval, both ends included."""
        return self.is_on_or_between(*interval)

    @property
    def year(self) -> Any:
        """The year."""
        return wrap(op.DatePart("year", self._node))

    @property
    def month(self) -> Any:
        """The month, 1 to 12."""
        return wrap(op.DatePart("month", self._node))

    @property
    def day(self) -> Any:
        """The day of the month."""
        return wrap(op.DatePart("day", self._node))

    def to_first_of_month(self) -> Any:
        """Return the first day of the month."""
        return wrap(op.DateFloor("month", self._node))

    def to_first_of_year(self) -> Any:
        """Return the first day of the year."""
        return wrap(op.DateFloor("year", self._node))

    def __add__(self, other: object) -> Any:
        return other.after(self) if isinstance(other, Duration) else self._refuse("+")

    def __sub__(self, other: object) -> Any:
        if isinstance(other, Duration):
            return (-other).after(self)
        return DateDifference(other, self)

    def __rsub__(self, other: object) -> Any:
        return DateDifference(self, other)

    def count_episodes_for_patient(self, maximum_gap: Duration) -> Any:
        """Count runs of dates that lie at most a gap apart."""
        gap = maximum_gap if isinstance(maximum_gap, Duration) else None
        if gap is None or gap.unit not in ("days", "weeks") or type(gap.value) is not int:
            raise DefinitionError(
                "maximum_gap must be days(...) or weeks(...) of a whole number, because months and "
                "years differ in length."
            )
        return self._aggregate("count_episodes", maximum_gap.value * _per_unit(maximum_gap.unit))


def _per_unit(unit: str) -> int:
    return 7 if unit == "weeks" else 1
