"""The statements of two definitions on every database, as files: a change is a reviewed diff.

`GOLDEN=write` rewrites them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from tests.unit.data_builder.engines import mapping

from sallyport_data_builder.lang import (
    INTERVAL,
    case,
    create_dataset,
    create_measures,
    days,
    minimum_of,
    months,
    when,
)
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.settings import Settings
from sallyport_data_builder.sql.connectors import CONNECTORS, dialect_of
from sallyport_data_builder.sql.explain import statements

FOLDER = Path(__file__).parent / "golden"
CODES = ["195967001", "38341003"]
patients, registrations = core.patients, core.practice_registrations
events, deaths = core.clinical_events, core.ons_deaths
SETTINGS = Settings.from_env({"DATA_BUILDER_JOB_ID": "golden"})


def of_dataset() -> Any:
    """Return a dataset with a column for each thing that databases say in words of their own."""
    coded = events.where(events.snomedct_code.is_in(CODES))
    first = coded.sort_by(events.date).first_for_patient()
    value, dates = events.numeric_value, events.date
    dataset = create_dataset()
    dataset.define_population(
        registrations.exists_for_patient_on("2023-01-01") & (patients.age_on("2023-01-01") >= 18)
    )
    dataset.sex = case(when(patients.sex == "female").then("F"), otherwise="other")
    dataset.first = first.date
    dataset.first_value = first.numeric_value
    dataset.soon = first.date + months(6)
    dataset.count = coded.count_for_patient()
    dataset.recent = coded.where(dates > first.date + days(30)).exists_for_patient()
    dataset.mean = coded.numeric_value.mean_for_patient()
    dataset.different = events.snomedct_code.count_distinct_for_patient()
    dataset.episodes = dates.count_episodes_for_patient(days(14))
    dataset.half = first.numeric_value.as_int() // 2
    dataset.square = value.maximum_for_patient() ** 2
    dataset.earliest = minimum_of(first.date, patients.date_of_death, deaths.date)
    dataset.known = deaths.underlying_cause_of_death.is_in(["I219", "J189"])
    dataset.month = first.date.to_first_of_month()
    dataset.tested = first.date.is_in(coded.date)
    return dataset


def of_measures() -> Any:
    """Return measures with groups, for three months."""
    measures = create_measures()
    seen = events.where(events.date.is_during(INTERVAL))
    registered = registrations.exists_for_patient_on(INTERVAL.start_date)
    measures.define_defaults(
        denominator=registered & patients.is_alive_on(INTERVAL.start_date),
        intervals=months(3).starting_on("2023-01-01"),
    )
    measures.define_measure(
        "seen", numerator=seen.exists_for_patient(), group_by={"sex": patients.sex}
    )
    age = patients.age_on(INTERVAL.start_date)
    measures.define_measure("contacts", numerator=seen.count_for_patient(), group_by={"age": age})
    return measures


DEFINITIONS = {"dataset": of_dataset, "measures": of_measures}


@pytest.mark.parametrize("scheme", CONNECTORS)
@pytest.mark.parametrize("kind", DEFINITIONS)
def test_statements_are_those_that_were_reviewed(kind: str, scheme: str) -> None:
    plan = plan_of(DEFINITIONS[kind]())
    backend = mapping('scratch_schema = "scratch"')
    text = statements(plan, backend, scheme, SETTINGS) + "\n"
    path = FOLDER / f"{kind}.{scheme}.sql"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    parsed = [each for each in sqlglot.parse(text, dialect=dialect_of(scheme).grammar) if each]
    assert len(parsed) == len(re.findall(r";$", text, re.MULTILINE)) > 2
