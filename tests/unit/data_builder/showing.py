"""Calls of `show(...)` on small tables, and the lines that they are printed as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sallyport_data_builder import debugging
from sallyport_data_builder.io.displays import DISPLAYS
from sallyport_data_builder.lang import INTERVAL, create_dataset, create_measures, show, years
from sallyport_data_builder.lang.datasets import Dataset
from sallyport_data_builder.lang.debug import recording
from sallyport_data_builder.lang.measures import Measures
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.model.shown import Shown

patients, events, medications = core.patients, core.clinical_events, core.medications
by_date = events.sort_by(events.date)
recent = events.where(events.date > "2020-01-01")
TABLES = {
    "patients": [
        "patient_id,date_of_birth,sex,date_of_death",
        "1,1980-01-01,female,",
        "2,1990-05-01,male,2020-02-29",
    ],
    "clinical_events": [
        "patient_id,date,snomedct_code,numeric_value",
        "2,2020-03-01,195967001,9",
        "2,2019-01-01,38341003,",
        "2,2020-03-01,38341003,1.5",
        "3,,195967001,7",
    ],
    "medications": ["patient_id,date", "1,2021-01-01"],
}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Give a folder with three tables; one of them lacks a column."""
    for name, lines in TABLES.items():
        (tmp_path / f"{name}.csv").write_text("\n".join([*lines, ""]))
    return str(tmp_path)


def called(*values: Any, **options: Any) -> Shown:
    """Return one call as it is recorded."""
    with recording() as calls:
        show(*values, **options)
    return Shown(tuple(calls))


def printed(shown: Shown, folder: str, plan: Plan | None = None, form: str = "ascii") -> list[str]:
    """Return the lines below the title, without trailing empty ones."""
    lines = list(debugging.lines(shown, plan, folder, DISPLAYS[form]))[1:]
    return lines[:-1] if lines[-1] == "" else lines


def small() -> Dataset:
    """Return a dataset of those who have an event."""
    dataset = create_dataset()
    dataset.define_population(events.exists_for_patient())
    dataset.sex = patients.sex
    return dataset


def with_number() -> Dataset:
    """Return the same dataset with the largest number of each."""
    dataset = small()
    dataset.number = events.numeric_value.maximum_for_patient()
    return dataset


def measures(name: str = "deaths") -> Measures:
    """Return the deaths of a year, by sex."""
    made = create_measures()
    made.define_measure(
        name,
        numerator=patients.date_of_death.is_during(INTERVAL),
        denominator=patients.exists_for_patient(),
        group_by={"sex": patients.sex},
        intervals=years(1).starting_on("2020-01-01"),
    )
    return made
