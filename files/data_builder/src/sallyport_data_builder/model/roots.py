"""What a plan asks for: a dataset with its event tables, or measures."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.model.nodes import (
    Frame,
    Node,
    Parameter,
    Series,
    common_domain,
    require,
    topological,
)
from sallyport_data_builder.schemas.types import title

Interval = tuple[datetime.date, datetime.date]
MEASURE_COLUMNS = (
    "measure", "interval_start", "interval_end", "ratio", "numerator", "denominator",
)  # fmt: skip
EVENTS_OF_DATASET = "dataset_events"
TAKEN = {
    "patient_id": "it is there without being asked for",
    "population": "call define_population(...) to say who is in the dataset",
    "dummy_data_config": "call configure_dummy_data(...) to say how dummy data is made",
}


def file_of_events(name: str) -> str:
    """Return the name of the file that an event table is written to, without its extension.

    One that is called `dataset` must not take the file of the dataset itself.
    """
    return EVENTS_OF_DATASET if name == "dataset" else name


def check_name(name: str, what: str) -> str:
    """Return a name, or raise DefinitionError with the rule that it breaks."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and name[:1].isalpha()
    if not plain:
        raise DefinitionError(
            f"{what} cannot be called {name!r}: a name is a letter, then letters, digits and "
            "underscores."
        )
    return name


def check_column_name(name: str) -> str:
    """Return a name that a column may have, or raise DefinitionError with the rule."""
    if name in TAKEN:
        raise DefinitionError(f"A column cannot be called {name}: {TAKEN[name]}.")
    return check_name(name, "A column")


def one_value(series: Series, what: str) -> None:
    """Raise DefinitionError unless a series has one value per patient (DOM-05)."""
    require(common_domain([series]) is None, f"{what} must have one value per patient.")


def check_no_parameter(roots: Iterable[Node]) -> None:
    """Raise DefinitionError if the interval of measures is used outside them."""
    found = any(isinstance(node, Parameter) for node in topological(roots))
    require(not found, "INTERVAL is the interval of a measure; a dataset has none.")


@dataclass(frozen=True, eq=False)
class Rows(Node):
    """Named series of the same rows: an event-level table of the output."""

    columns: tuple[tuple[str, Series], ...]

    def check(self) -> None:
        """Refuse no column, a name twice, and series of no rows or of different rows."""
        names = [check_column_name(name) for name, _series in self.columns]
        require(len(set(names)) == len(names), "A column of an event table occurs twice.")
        message = "An event table needs columns with many values per patient."
        require(self.rows is not None, message)

    @cached_property
    def rows(self) -> Frame | None:
        """The rows that the columns have values for."""
        return common_domain(series for _name, series in self.columns)


@dataclass(frozen=True, eq=False)
class Dataset(Node):
    """The root: who is in it, a column per value, and event tables beside it."""

    population: Series
    columns: tuple[tuple[str, Series], ...]
    events: tuple[tuple[str, Rows], ...] = ()

    def check(self) -> None:
        """Refuse what is not one value per patient, and names that break the rule."""
        kind = self.population.type
        require(kind == "bool", f"A population must be true or false, this one is {title(kind)}.")
        one_value(self.population, "A population")
        for name, series in self.columns:
            one_value(series, f"The column {check_column_name(name)}")
        names = [check_name(name, "An event table") for name, _rows in self.events]
        columns = [name for name, _series in self.columns]
        require(len(set(columns)) == len(columns), "A column occurs twice.")
        require(len(set(names)) == len(names), "An event table occurs twice.")
        files = {file_of_events(name) for name in names}
        require(len(files) == len(names), f"Rename the event table {EVENTS_OF_DATASET}.")
        check_no_parameter(self.children)


class Measure(NamedTuple):
    """A numerator over a denominator, in groups, for each interval."""

    name: str
    numerator: Series
    denominator: Series
    groups: tuple[tuple[str, Series], ...]
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, eq=False)
class Measures(Node):
    """The root: measures, and whether small numbers are hidden (13.1, 13.2)."""

    measures: tuple[Measure, ...]
    disclosure: bool = True

    def check(self) -> None:
        """Refuse measures that break a rule of 13.1."""
        require(bool(self.measures), "There is no measure: call define_measure(...).")
        names = [check_name(measure.name, "A measure") for measure in self.measures]
        require(len(set(names)) == len(names), "A measure occurs twice; names must differ.")
        for measure in self.measures:
            _check_measure(measure)
        _ = self.groups

    @cached_property
    def groups(self) -> dict[str, Series]:
        """All groups by name, in order of definition; a name means one series."""
        found: dict[str, Series] = {}
        for name, series in (pair for measure in self.measures for pair in measure.groups):
            require(
                found.setdefault(name, series) is series,
                f"The group {name} means different things in two measures; use another name.",
            )
        return found


def _check_measure(measure: Measure) -> None:
    for what in ("numerator", "denominator"):
        series: Series = getattr(measure, what)
        place = f"The {what} of {measure.name}"
        allowed = series.type in ("bool", "int")
        require(allowed, f"{place} must be bool or int, this is {title(series.type)}.")
        one_value(series, place)
    names = [check_name(name, "A group") for name, _series in measure.groups]
    for name, series in measure.groups:
        reserved = name in (*MEASURE_COLUMNS, "patient_id")
        require(not reserved, f"A group cannot be called {name}: that name is taken.")
        one_value(series, f"The group {name}")
    require(len(set(names)) == len(names), f"A group of {measure.name} occurs twice.")
    require(bool(measure.intervals), f"The measure {measure.name} has no interval.")
    ordered = tuple(sorted(set(measure.intervals)))
    require(ordered == measure.intervals, "Intervals must be sorted, and each be there once.")
    for start, end in measure.intervals:
        require(start <= end, f"The interval from {start} to {end} ends before it starts.")
