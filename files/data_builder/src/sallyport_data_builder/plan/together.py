"""Which measures share a query (MSR-01), and what of it no interval changes (MSR-02)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from sallyport_data_builder.model.nodes import Node, Parameter, Series, topological
from sallyport_data_builder.model.roots import Interval, Measure, Measures
from sallyport_data_builder.plan.spans import conjuncts

# A calendar has a row per day of each interval; longer ones would cost more than they save.
LONGEST = 200_000


@dataclass(frozen=True)
class Together:
    """Measures with one denominator and the same intervals: all of them, or those of a part."""

    measures: tuple[Measure, ...]
    part: bool = False

    @property
    def denominator(self) -> Series:
        """Who is in the population of an interval."""
        return self.measures[0].denominator

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """When."""
        return self.measures[0].intervals

    @cached_property
    def groups(self) -> tuple[Series, ...]:
        """Everything that one of the measures groups by."""
        found = (series for measure in self.measures for _name, series in measure.groups)
        return tuple(dict.fromkeys(found))

    @cached_property
    def numerators(self) -> tuple[Series, ...]:
        """Everything that is summed."""
        return tuple(dict.fromkeys(measure.numerator for measure in self.measures))

    @cached_property
    def roots(self) -> tuple[Series, ...]:
        """All that is computed for each patient and interval."""
        return (self.denominator, *self.numerators, *self.groups)

    @cached_property
    def sets(self) -> tuple[tuple[Series, ...], ...]:
        """The different groupings."""
        found = (tuple(series for _name, series in m.groups) for m in self.measures)
        return tuple(dict.fromkeys(found))

    def steady(self) -> list[Series]:
        """Return the conditions of the denominator that no interval changes."""
        if self.denominator.type != "bool":
            return []
        return [part for part in conjuncts(self.denominator) if not depends(part)]

    def changing(self) -> list[Series]:
        """Return the other conditions of the denominator; a number is not a condition."""
        if self.denominator.type != "bool":
            return []
        return [part for part in conjuncts(self.denominator) if depends(part)]

    def halves(self) -> tuple[Together, Together]:
        """Return two queries of half the measures each."""
        middle = len(self.measures) // 2
        first, last = self.measures[:middle], self.measures[middle:]
        return Together(first, part=True), Together(last, part=True)

    @property
    def brief(self) -> bool:
        """Return whether a calendar of the intervals is worth its cost (MSR-04)."""
        return sum((end - start).days + 1 for start, end in self.intervals) <= LONGEST

    def calendar(self) -> list[tuple[date, int, date, date]]:
        """Return each day of each interval, nothing if there are too many (MSR-04)."""
        if not self.brief:
            return []
        return [
            (start + timedelta(day), n, start, end)
            for n, (start, end) in enumerate(self.intervals, start=1)
            for day in range((end - start).days + 1)
        ]


def depends(node: Node) -> bool:
    """Return whether a value depends on the interval."""
    return any(isinstance(each, Parameter) for each in topological([node]))


def together(root: Measures) -> list[Together]:
    """Put measures together that share their denominator and intervals."""
    found: dict[tuple[Series, tuple[Interval, ...]], list[Measure]] = {}
    for measure in root.measures:
        found.setdefault((measure.denominator, measure.intervals), []).append(measure)
    return [Together(tuple(measures)) for measures in found.values()]


def batches(count: int, patients: int, most: int) -> list[tuple[int, int]]:
    """Return the first and last interval of each batch (MSR-03)."""
    size = max(1, most // max(1, patients))
    starts: Iterable[int] = range(1, count + 1, size)
    return [(first, min(count, first + size - 1)) for first in starts]
