"""What a case of behaviour is: small tables, one expression, the value of each patient."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.data_builder.engines import Ask, Tables

from sallyport_data_builder.lang import create_dataset
from sallyport_data_builder.lang.codes import ICD10Code, ICD10MultiCodeString, SNOMEDCTCode
from sallyport_data_builder.lang.tables import EventFrame, PatientFrame, Series, table

BATCH = 16


class Person(PatientFrame):
    """One row for each patient, with columns of every kind."""

    i = Series(int)
    j = Series(int)
    f = Series(float)
    g = Series(float)
    b = Series(bool)
    c = Series(bool)
    s = Series(str)
    t = Series(str)
    d = Series(datetime.date)
    e = Series(datetime.date)
    code = Series(SNOMEDCTCode)


class Event(EventFrame):
    """Any number of rows for each patient, with columns of every kind."""

    d = Series(datetime.date)
    i = Series(int)
    f = Series(float)
    b = Series(bool)
    s = Series(str)
    code = Series(SNOMEDCTCode)
    icd = Series(ICD10Code)
    many = Series(ICD10MultiCodeString)


class Other(EventFrame):
    """A second table of events."""

    d = Series(datetime.date)
    i = Series(int)
    s = Series(str)


person: Any = table(Person)
event: Any = table(Event)
other: Any = table(Other)


def day(text: str | None) -> datetime.date | None:
    """Read a date."""
    return None if text is None else datetime.date.fromisoformat(text)


def days_of(*texts: str | None) -> list[datetime.date | None]:
    """Read dates."""
    return [day(text) for text in texts]


def people(columns: str, *rows: Sequence[Any]) -> Tables:
    """Return the table `Person` for patients 1, 2, …, who have values in some columns."""
    return {"Person": [(1 + place, *spread(columns, row)) for place, row in enumerate(rows)]}


def spread(columns: str, row: Sequence[Any], of: Any = person) -> list[Any]:
    """Return a row's values in the order of a table's columns; the others are NULL."""
    given = dict(zip(columns.split(), row, strict=True))
    return [given.get(name) for name in of._node.columns]


def rows_of(columns: str, rows: Sequence[Sequence[Any]], of: Any = event) -> list[Sequence[Any]]:
    """Return rows that start with their patient, with values in some columns of a table."""
    return [(row[0], *spread(columns, row[1:], of)) for row in rows]


@dataclass(frozen=True, eq=False)
class Case:
    """An expression and what it is worth for each patient of the population, in order.

    Cases of the same tables are asked for in one dataset, unless one is `alone` because its
    answer depends on what else is asked (SEM-11), or because its population is another.
    """

    name: str
    series: Any
    expected: Sequence[Any]
    tables: Tables
    population: Any
    alone: bool = False


def cases(
    tables: Tables,
    listed: Mapping[str, tuple[Any, Sequence[Any]]],
    population: Any = None,
    *,
    alone: bool = False,
) -> list[Case]:
    """Return the cases of some tables; by default everybody in `Person` is asked about."""
    everybody = person.exists_for_patient() if population is None else population
    return [
        Case(name, series, expected, tables, everybody, alone)
        for name, (series, expected) in listed.items()
    ]


class Answers:
    """Asks an engine about a batch of cases at once, and remembers."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._batches: dict[str, list[Case]] = {}
        groups: dict[tuple[int, int], list[Case]] = {}
        for case in cases:
            key = (id(case.tables), id(case.population))
            batch = [] if case.alone else groups.setdefault(key, [])
            if len(batch) == BATCH:
                batch = groups[key] = []
            batch.append(case)
            self._batches[case.name] = batch
        self._known: dict[tuple[str, str], Sequence[Any]] = {}

    def about(self, case: Case, engine: Ask, name: str, folder: Path) -> Sequence[Any]:
        """Return the values of a case on an engine of a name."""
        if (name, case.name) not in self._known:
            batch = self._batches[case.name]
            for asked, values in zip(batch, ask(batch, engine, folder), strict=True):
                self._known[name, asked.name] = values
        return self._known[name, case.name]


def ask(batch: Sequence[Case], engine: Ask, folder: Path) -> list[list[Any]]:
    """Return the values of each case of a batch, by one dataset."""
    dataset = create_dataset()
    dataset.define_population(batch[0].population)
    for place, case in enumerate(batch):
        dataset.add_column(f"c{place}", case.series)
    rows = engine(dataset, batch[0].tables, folder)
    return [[row[1 + place] for row in rows] for place in range(len(batch))]
