"""Measures on the reference engine: sums, groups, intervals, and what is hidden (13.1, 13.2)."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from sallyport_data_builder.lang import INTERVAL, Measures, create_measures, months
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.memory.measures import results, rounded, rows

patients, events = core.patients, core.clinical_events
JANUARY = (datetime.date(2023, 1, 1), datetime.date(2023, 1, 31))
FEBRUARY = (datetime.date(2023, 2, 1), datetime.date(2023, 2, 28))


def people(number: int) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return so many patients, each with an event on the first of January and of March."""
    born, days = datetime.date(1990, 1, 1), [datetime.date(2023, month, 1) for month in (1, 3)]
    return {
        ("core", "patients"): [
            {
                "patient_id": patient,
                "date_of_birth": born,
                "sex": "male" if patient % 3 else None,
                "date_of_death": None,
            }
            for patient in range(number)
        ],
        ("core", "clinical_events"): [
            {"patient_id": patient, "date": day, "snomedct_code": None, "numeric_value": None}
            for patient in range(number)
            for day in days
        ],
    }


def measures() -> Measures:
    """Return two measures of which one has a group."""
    made = create_measures()
    during = events.where(events.date.is_during(INTERVAL))
    made.define_defaults(
        denominator=patients.exists_for_patient(), intervals=months(2).starting_on("2023-01-01")
    )
    made.define_measure("seen", during.exists_for_patient(), group_by={"sex": patients.sex})
    made.define_measure("all", patients.age_on(INTERVAL.start_date))
    return made


def test_measures_sum_per_group_and_interval() -> None:
    found = results(people(5), plan_of(measures()).measures)
    assert [(row.measure, row.start, row.numerator, row.denominator) for row in found] == [
        ("seen", JANUARY[0], 2, 2),
        ("seen", JANUARY[0], 3, 3),
        ("seen", FEBRUARY[0], 0, 2),
        ("seen", FEBRUARY[0], 0, 3),
        ("all", JANUARY[0], 165, 5),
        ("all", FEBRUARY[0], 165, 5),
    ]
    assert [row.groups for row in found[:2]] == [{"sex": None}, {"sex": "male"}]


def test_disclosure_control_hides_small_numbers() -> None:
    made = measures()
    assert rows(people(5), plan_of(made).measures)[4] == ("all", *JANUARY, None, 165, 0, None)
    made.configure_disclosure_control(enabled=False)
    assert rows(people(5), plan_of(made).measures)[4] == ("all", *JANUARY, 33.0, 165, 5, None)


@pytest.mark.parametrize(
    ("number", "shown"), [(0, 0), (1, 0), (7, 0), (8, 10), (12, 10), (13, 15), (102, 100)]
)
def test_numbers_are_rounded_to_the_nearest_five(number: int, shown: int) -> None:
    assert rounded(number) == shown
