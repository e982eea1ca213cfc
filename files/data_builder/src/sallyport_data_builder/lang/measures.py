"""Measures: a numerator over a denominator, by group and interval."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang import absent
from sallyport_data_builder.lang.datasets import Definition, one_per_patient
from sallyport_data_builder.lang.dates import DateSeries, Duration, as_date
from sallyport_data_builder.memory.population import check_series
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Series
from sallyport_data_builder.model.plan import DummyData

FORM = 'Intervals are pairs of start and end, for example months(12).starting_on("2023-01-01").'


class IntervalOfMeasure:
    """Stands for the interval that a measure is computed for."""

    @property
    def start_date(self) -> DateSeries:
        """The first day of the interval."""
        return DateSeries(op.Parameter("interval_start"))

    @property
    def end_date(self) -> DateSeries:
        """The last day of the interval."""
        return DateSeries(op.Parameter("interval_end"))

    def __iter__(self) -> Iterator[DateSeries]:
        return iter((self.start_date, self.end_date))

    def __repr__(self) -> str:
        return "INTERVAL"


INTERVAL = IntervalOfMeasure()


class Measures(Definition):
    """Measures by name, and defaults for what a measure leaves out."""

    def __init__(self) -> None:
        self._dummy = DummyData()
        self._measures: list[op.Measure] = []
        self._defaults: dict[str, Any] = {}
        self._disclosure = True

    def define_measure(
        self,
        name: str,
        numerator: Any = None,
        denominator: Any = None,
        group_by: Mapping[str, Any] | None = None,
        intervals: Any = None,
    ) -> None:
        """Define a measure; what is left out comes from the defaults."""
        given = {
            "numerator": numerator,
            "denominator": denominator,
            "group_by": group_by,
            "intervals": intervals,
        }
        chosen = {
            key: self._defaults.get(key) if value is None else value for key, value in given.items()
        }
        lacking = [key for key, value in chosen.items() if value is None and key != "group_by"]
        if lacking:
            raise DefinitionError(
                f"The measure {name} has no {lacking[0]}: give it here, or before in "
                "define_defaults(...)."
            )
        measure = op.Measure(
            name,
            _number(chosen["numerator"], f"The numerator of {name}"),
            _number(chosen["denominator"], f"The denominator of {name}"),
            _groups(chosen["group_by"] or {}),
            _intervals(chosen["intervals"]),
        )
        op.Measures((*self._measures, measure))  # checks what concerns several measures
        for interval in measure.intervals:
            check_series(measure.denominator, f"The denominator of {name}", interval)
        self._measures.append(measure)

    def define_defaults(
        self,
        numerator: Any = None,
        denominator: Any = None,
        group_by: Mapping[str, Any] | None = None,
        intervals: Any = None,
    ) -> None:
        """Say, once, what measures have that do not say it themselves."""
        if self._defaults:
            raise DefinitionError("define_defaults was called before; give all defaults in one.")
        if self._measures:
            raise DefinitionError("define_defaults must come before the first define_measure.")
        self._defaults = {
            "numerator": numerator,
            "denominator": denominator,
            "group_by": group_by,
            "intervals": intervals,
        }

    def configure_disclosure_control(self, *, enabled: bool = True) -> None:
        """Turn the hiding of small numbers off, or on again."""
        if type(enabled) is not bool:
            raise DefinitionError(f"enabled must be True or False, not {enabled!r}.")
        self._disclosure = enabled

    def _root(self) -> op.Measures:
        return op.Measures(tuple(self._measures), self._disclosure)


def create_measures() -> Measures:
    """Return measures without a measure."""
    return Measures()


def _number(value: Any, what: str) -> Series:
    node = one_per_patient(value, what)
    if node.type == "float":
        raise DefinitionError(f"{what} is a float; measures count in whole numbers: use as_int().")
    return node


def _groups(value: Any) -> tuple[tuple[str, Series], ...]:
    if not isinstance(value, Mapping):
        raise DefinitionError(
            f"group_by is a dictionary of names and series, {type(value).__name__} was given."
        )
    return tuple((name, one_per_patient(s, f"The group {name}")) for name, s in value.items())


def _intervals(value: Any) -> tuple[tuple[datetime.date, datetime.date], ...]:
    """Return intervals without repetition, in order."""
    if isinstance(value, Duration):
        raise DefinitionError(f"A duration alone is not a list of intervals. {FORM}")
    if not isinstance(value, list | tuple):
        raise DefinitionError(f"{type(value).__name__} was given for intervals. {FORM}")
    for item in value:
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise DefinitionError(f"{item!r} is not an interval. {FORM}")
    return tuple(sorted({(as_date(start), as_date(end)) for start, end in value}))


__path__: list[str] = []  # a module beneath this one is refused with a sentence, see absent


def __getattr__(name: str) -> Any:
    return absent.refuse_import(name, "measures", ["INTERVAL", "Measures", "create_measures"])
