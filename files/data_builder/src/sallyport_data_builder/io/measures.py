"""How measures are written: all of them in one file, or a file for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sallyport_data_builder.io import outputs
from sallyport_data_builder.io.columns import specs
from sallyport_data_builder.io.tables import OutputColumn, OutputTable, column
from sallyport_data_builder.io.targets import Target
from sallyport_data_builder.model.roots import Measure, Measures

DATES = ("interval_start", "interval_end")
NUMBERS = ("numerator", "denominator")
FIRST_GROUP = 6


def measures_table(root: Measures) -> OutputTable:
    """Return the table of all measures: the groups of each side by side."""
    names = tuple(dict.fromkeys(measure.name for measure in root.measures))
    first = column("measure", "str", not_null=True, categories=names)
    return OutputTable("measures", (first, *_values(), *_groups(root, list(root.groups))))


def of_one(root: Measures, measure: Measure) -> OutputTable:
    """Return the table of one measure, with its own groups only."""
    names = [name for name, _series in measure.groups]
    return OutputTable(measure.name, (*_values(), *_groups(root, names)))


def _values() -> list[OutputColumn]:
    dates = [column(name, "date", not_null=True) for name in DATES]
    numbers = [column(name, "int", not_null=True) for name in NUMBERS]
    return [*dates, column("ratio", "float"), *numbers]


def _groups(root: Measures, names: Sequence[str]) -> list[OutputColumn]:
    known = specs(root.groups.values())
    found = [(name, root.groups[name]) for name in names]
    return [OutputColumn(name, series.type, known[series]) for name, series in found]


def write(output: str | None, root: Measures, rows: Iterable[Sequence[Any]]) -> int:
    """Write rows with all columns of `measures_table`; return how many there are."""
    if Target.of(output).folder is None:
        return outputs.write(output, measures_table(root), rows)
    by_measure: dict[str, list[Sequence[Any]]] = defaultdict(list)
    for row in rows:
        by_measure[row[0]].append(row)
    every = list(root.groups)
    tables = []
    for measure in root.measures:
        places = [FIRST_GROUP + every.index(name) for name, _series in measure.groups]
        kept = [*range(1, FIRST_GROUP), *places]
        own = [tuple(row[place] for place in kept) for row in by_measure[measure.name]]
        tables.append((of_one(root, measure), own))
    return sum(outputs.write_all(output, tables))
