"""Measures, patient by patient and interval by interval; small numbers are hidden (13.1, 13.2)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sallyport_data_builder.memory.engine import Engine, Tables
from sallyport_data_builder.memory.values import sort_key
from sallyport_data_builder.model.roots import Interval, Measure, Measures

SMALL = 7
STEP = 5


@dataclass(frozen=True)
class Result:
    """One row: a measure in an interval and a group; `groups` are those of the measure alone."""

    measure: str
    start: datetime.date
    end: datetime.date
    numerator: int
    denominator: int
    groups: dict[str, Any]

    @property
    def ratio(self) -> float | None:
        """Numerator over denominator; NULL for a denominator of 0."""
        return self.numerator / self.denominator if self.denominator else None

    def row(self, groups: list[str]) -> tuple[Any, ...]:
        """Return the row of the output: NULL for groups that the measure does not use."""
        values = (self.groups.get(name) for name in groups)
        numbers = (self.ratio, self.numerator, self.denominator)
        return (self.measure, self.start, self.end, *numbers, *values)


def rounded(number: int) -> int:
    """Hide a small number, and round others to the nearest 5."""
    return 0 if number <= SMALL else STEP * round(number / STEP)


def control(result: Result) -> Result:
    """Return a result as it may be shown; its ratio is that of the rounded numbers."""
    numerator, denominator = rounded(result.numerator), rounded(result.denominator)
    return replace(result, numerator=numerator, denominator=denominator)


def results(tables: Tables, root: Measures) -> list[Result]:
    """Return every row before disclosure control, by measure, interval and groups."""
    return [
        row
        for measure in root.measures
        for interval in measure.intervals
        for row in _interval(Engine(tables, root, interval), measure, interval)
    ]


def rows(tables: Tables, root: Measures) -> list[tuple[Any, ...]]:
    """Return the rows of the output, after disclosure control if it is on."""
    found = results(tables, root)
    shown = map(control, found) if root.disclosure else found
    return [result.row(list(root.groups)) for result in shown]


def _interval(engine: Engine, measure: Measure, interval: Interval) -> Iterator[Result]:
    sums: dict[tuple[Any, ...], list[int]] = {}
    for patient in engine.patients(measure.denominator):
        denominator = engine.value(measure.denominator, patient, None)
        if denominator is None or denominator <= 0:
            continue
        numerator = engine.value(measure.numerator, patient, None)
        key = tuple(engine.value(series, patient, None) for _name, series in measure.groups)
        total = sums.setdefault(key, [0, 0])
        total[0] += int(numerator or 0)
        total[1] += int(denominator)
    names = [name for name, _series in measure.groups]
    for key in sorted(sums, key=lambda values: [sort_key(value) for value in values]):
        numerator, denominator = sums[key]
        groups = dict(zip(names, key, strict=True))
        yield Result(measure.name, *interval, numerator, denominator, groups)
