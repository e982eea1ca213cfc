"""How long statements get: in proportion to the number of operands and to the nesting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.data_builder.growth import grown

from sallyport_data_builder.lang import create_dataset, maximum_of, minimum_of, months
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.sql.connectors import CONNECTORS

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("deep")]

LARGEST = {
    "dates": 22_000,
    "numbers": 22_000,
    "rows": 40_000,
    "sums": 40_000,
    "nested calls": 20_000,
    "nested in both operands": 60_000,
}
patients, events = core.patients, core.clinical_events


def _of_code(number: int) -> Any:
    return events.where(events.snomedct_code.is_in([f"{100_000_000 + number}0"]))


def dates(count: int) -> Any:
    """Return the first of the first dates of many codes."""
    return minimum_of(*(_of_code(n).date.minimum_for_patient() for n in range(count)))


def numbers(count: int) -> Any:
    """Return the greatest of many numbers."""
    return maximum_of(*(_of_code(n).numeric_value.maximum_for_patient() for n in range(count)))


def rows(count: int) -> Any:
    """Return a sum over rows of the greatest of many values of a row."""
    return maximum_of(*(events.numeric_value * n for n in range(count))).sum_for_patient()


def sums(count: int) -> Any:
    """Return the least of operands that are expressions of several operations."""
    return minimum_of(*(patients.date_of_birth + months(n) for n in range(count)))


def nested_calls(count: int) -> Any:
    """Return a call of a call of a call."""
    found: Any = patients.date_of_birth
    for number in range(count // 2):
        day = f"2020-01-{1 + number % 28:02}"
        found = minimum_of(maximum_of(found, patients.date_of_death), day)
    return found


def nested_in_both(count: int) -> Any:
    """Return a call whose operands are calls of operands that are calls."""
    level: list[Any] = [_of_code(n).date.minimum_for_patient() for n in range(count)]
    while len(level) > 1:
        pairs = [level[n : n + 2] for n in range(0, len(level), 2)]
        level = [minimum_of(*pair) if pair[1:] else pair[0] for pair in pairs]
    return level[0]


SHAPES: dict[str, Callable[[int], Any]] = {
    "dates": dates,
    "numbers": numbers,
    "rows": rows,
    "sums": sums,
    "nested calls": nested_calls,
    "nested in both operands": nested_in_both,
}


def column(series: Any) -> Any:
    """Return a dataset of one column."""
    dataset = create_dataset()
    dataset.define_population(patients.exists_for_patient())
    dataset.value = series
    return dataset


@pytest.mark.parametrize("scheme", CONNECTORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_statements_grow_in_proportion_to_their_operands(shape: str, scheme: str) -> None:
    half, whole = grown(lambda count: column(SHAPES[shape](count)), scheme)
    assert whole / half < 2.3
    assert half < whole < LARGEST[shape]
