"""Chains whose every step uses the step before twice, in each place where a definition has one.

Written out, sixty steps would be 2^60 expressions: what a step shares is computed once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest
from tests.unit.data_builder.cases.core import TABLES
from tests.unit.data_builder.engines import Reference, by_reference, server
from tests.unit.data_builder.growth import grown

from sallyport_data_builder.lang import (
    INTERVAL,
    case,
    create_dataset,
    create_measures,
    days,
    maximum_of,
    minimum_of,
    months,
    when,
)
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.sql.connectors import CONNECTORS

pytestmark = pytest.mark.usefixtures("deep")

LARGEST = 130_000
patients, events = core.patients, core.clinical_events
EVERYBODY = patients.exists_for_patient()
RECENT = events.where(events.date.is_during(INTERVAL))
Step = Callable[[Any, int, Any], Any]

# What a chain is of, and how it goes on from a value, the step's number and another value.
STEPS: dict[str, tuple[str, Step]] = {
    "not and or": ("bool", lambda x, n, k: ~(x & (k < n)) | x),
    "unequal and": ("bool", lambda x, n, k: (x != (k < n)) & x),
    "is NULL": ("bool", lambda x, n, k: x.is_null() | (x & (k < n))),
    "in a list": ("bool", lambda x, n, _k: x.as_int().is_in([1, 2 + n]) | x),
    "case": ("int", lambda x, n, _k: case(when(x > n).then(x - 1), when(x < n).then(x + 1))),
    "when then otherwise": ("int", lambda x, n, k: when(x.is_in([n])).then(x).otherwise(x + k)),
    "floor divide": ("int", lambda x, n, k: x // (n + 2) + x - k),
    "minimum of": ("int", lambda x, _n, k: minimum_of(x + 1, maximum_of(x, k))),
    "power": ("float", lambda x, n, _k: (x ** (n % 2 + 0.0)) - x),
    "days between": ("date", lambda x, _n, _k: x + days((x - "2020-01-01").days // x.year)),
    "first of the month": ("date", lambda x, _n, _k: maximum_of(x.to_first_of_month(), x)),
    "contains": ("str", lambda x, n, _k: case(when(x.contains(x)).then(x), otherwise=f"b{n}")),
}
BEGIN: dict[str, Callable[[Any], Any]] = {
    "bool": lambda rows: rows.exists_for_patient(),
    "int": lambda rows: rows.count_for_patient(),
    "float": lambda rows: rows.numeric_value.mean_for_patient(),
    "date": lambda rows: rows.date.maximum_for_patient(),
    "str": lambda _rows: patients.sex,
}
BEGIN_IN_ROW = {
    "bool": events.numeric_value > 1.0,
    "int": events.numeric_value.as_int(),
    "float": events.numeric_value,
    "date": events.date,
    "str": case(when(events.numeric_value > 1.0).then("a"), otherwise="ab"),
}


def chain(name: str, count: int, rows: Any = events) -> Any:
    """Return a chain of values of a patient."""
    kind, step = STEPS[name]
    beside = events.count_for_patient()
    return reduce(lambda x, n: step(x, n, beside), range(count), BEGIN[kind](rows))


def chain_in_row(name: str, count: int) -> Any:
    """Return a chain of values of a row."""
    kind, step = STEPS[name]
    beside = events.numeric_value.as_int()
    return reduce(lambda x, n: step(x, n, beside), range(count), BEGIN_IN_ROW[kind])


def truth(name: str, series: Any) -> Any:
    """Return a condition on the last value of a chain."""
    return series if STEPS[name][0] == "bool" else series.is_not_null()


def dataset(population: Any = EVERYBODY, **columns: Any) -> Any:
    """Return a dataset of some columns."""
    made = create_dataset()
    made.define_population(population)
    for name, series in columns.items():
        made.add_column(name, series)
    return made


def rows_where(name: str, count: int) -> Any:
    """Return the events that a chain of values of a row keeps."""
    return events.where(truth(name, chain_in_row(name, count)))


def measures(numerator: Any, denominator: Any = EVERYBODY, group: Any = patients.sex) -> Any:
    """Return one measure of three months."""
    made = create_measures()
    made.define_measure(
        "share",
        numerator=numerator,
        denominator=denominator,
        group_by={"group": group},
        intervals=months(3).starting_on("2020-01-01"),
    )
    return made


def events_of(name: str, count: int) -> Any:
    """Return a dataset with an event table of a chain."""
    made = dataset(sex=patients.sex)
    made.add_event_table("rows", date=events.date, value=chain_in_row(name, count))
    return made


def each_interval(name: str, count: int) -> Any:
    """Return a measure of a chain that depends on the interval."""
    changing = truth(name, chain(name, count, RECENT))
    return measures(changing, (changing | RECENT.exists_for_patient()) & EVERYBODY)


COLUMNS: dict[str, Callable[[str, int], Any]] = {
    "variable": chain,
    "filter of patients": lambda name, count: events.where(
        truth(name, chain(name, count))
    ).count_for_patient(),
    "filter of rows": lambda name, count: rows_where(name, count).date.maximum_for_patient(),
    "pick": lambda name, count: (
        rows_where(name, count).sort_by(events.date).first_for_patient().numeric_value
    ),
    "list of rows": lambda name, count: patients.date_of_birth.is_in(rows_where(name, count).date),
    "episodes": lambda name, count: rows_where(name, count).date.count_episodes_for_patient(
        days(3)
    ),
    "distinct": lambda name, count: case(
        when(truth(name, chain_in_row(name, count))).then(1), otherwise=2
    ).count_distinct_for_patient(),
}
POPULATIONS: dict[str, Callable[[str, int], Any]] = {
    "population": lambda name, count: dataset(
        EVERYBODY & truth(name, chain(name, count)), sex=patients.sex
    ),
    "event table": events_of,
}
MEASURES: dict[str, Callable[[str, int], Any]] = {
    "numerator": lambda name, count: measures(truth(name, chain(name, count))),
    "denominator": lambda name, count: measures(
        EVERYBODY, EVERYBODY & truth(name, chain(name, count))
    ),
    "group": lambda name, count: measures(EVERYBODY, EVERYBODY, truth(name, chain(name, count))),
    "each interval": each_interval,
}


def definition(place: str, name: str, count: int) -> Any:
    """Return a definition with a chain in one of its places."""
    if place in COLUMNS:
        return dataset(value=COLUMNS[place](name, count))
    return (POPULATIONS | MEASURES)[place](name, count)


# Every place has a third of the steps, every step a third of the places, the databases by turns.
PLACES = [*COLUMNS, *POPULATIONS, *MEASURES]
TURNS = [
    (name, place, list(CONNECTORS)[(row // 3 + column) % len(CONNECTORS)])
    for row, name in enumerate(STEPS)
    for column, place in enumerate(PLACES)
    if (row + column) % 3 == 0
]


@pytest.mark.live
@pytest.mark.parametrize(("name", "place", "scheme"), TURNS)
def test_a_step_that_is_used_twice_is_computed_once(name: str, place: str, scheme: str) -> None:
    half, whole = grown(lambda count: definition(place, name, count), scheme)
    assert half < whole < min(2.3 * half, LARGEST)


@pytest.mark.parametrize("name", STEPS)
def test_a_chain_has_the_values_of_the_reference_engine(name: str) -> None:
    sqlite = server("sqlite://")
    columns = {f"v{n}": make(name, 6) for n, make in enumerate(COLUMNS.values())}
    for made in (dataset(**columns), POPULATIONS["population"](name, 6)):
        root = plan_of(made).dataset
        expected = by_reference(root, TABLES)
        assert sqlite.answer(root, TABLES) == expected
    shown = plan_of(events_of(name, 6)).dataset
    assert [sorted(rows, key=repr) for rows in sqlite.events(shown, TABLES)] == [
        sorted(rows, key=repr) for rows in Reference().events(shown, TABLES)
    ]


@pytest.mark.parametrize("place", MEASURES)
@pytest.mark.parametrize("name", STEPS)
def test_a_chain_in_a_measure_has_the_numbers_of_the_reference_engine(
    name: str, place: str
) -> None:
    root = plan_of(MEASURES[place](name, 6)).measures
    expected = Reference().measures(root, TABLES)
    assert server("sqlite://").measures(root, TABLES) == expected
    assert any(result.denominator for result in expected) or place == "denominator"
