"""The reference engine and dummy data at the size of published studies."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.data_builder.large_studies import DEFINITIONS

from sallyport_data_builder.dummy.patients import Patients
from sallyport_data_builder.dummy.study import Study
from sallyport_data_builder.lang import create_dataset
from sallyport_data_builder.lang.datasets import Definition, plan_of
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.memory.engine import Engine, Row, Tables
from sallyport_data_builder.model.nodes import Node
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.plan.presence import starting_point

pytestmark = pytest.mark.live

events, patients = core.clinical_events, core.patients
PERSON = {("core", "patients"): [{"patient_id": 1}]}


class Counting(Engine):
    """Counts how often a value is asked for."""

    computed = 0

    def value(self, node: Node, patient: int, row: Row | None) -> Any:
        """Count and answer."""
        self.computed += 1
        return super().value(node, patient, row)


def evaluated(series: Any, rows: list[dict[str, Any]]) -> tuple[Any, int]:
    """Return a series of the one patient, and how often a value was asked for."""
    dataset = create_dataset()
    dataset.define_population(patients.exists_for_patient())
    dataset.x = series
    tables: Tables = {**PERSON, ("core", "clinical_events"): [{"patient_id": 1, **r} for r in rows]}
    engine = Counting(tables, plan_of(dataset).root)
    return engine.results()[0]["x"], engine.computed


def days_of(number: int) -> list[dict[str, Any]]:
    """Return events on consecutive days."""
    start = datetime.date(2020, 1, 1)
    return [{"date": start + datetime.timedelta(days=day)} for day in range(number)]


@pytest.mark.parametrize("depth", [1, 4, 12, 40])
def test_picks_that_depend_on_earlier_picks_take_steps_by_depth_times_rows(depth: int) -> None:
    rows = 50
    previous = events.sort_by(events.date).first_for_patient().date
    for _ in range(depth):
        later = events.where(events.date > previous)
        previous = later.sort_by(later.date).first_for_patient().date
    value, computed = evaluated(previous, days_of(rows))
    assert value == datetime.date(2020, 1, 1) + datetime.timedelta(days=depth)
    assert computed < 6 * (depth + 1) * rows


def test_a_value_that_a_row_uses_many_times_is_computed_once_for_the_row() -> None:
    value: Any = events.numeric_value
    for _ in range(40):
        value = value + value - value
    answer, computed = evaluated(value.sum_for_patient(), [{"numeric_value": 1.5}] * 3)
    assert answer == 4.5
    assert computed < 40 * 3 * 6


def test_a_condition_of_conditions_is_solved_once_for_dummy_data() -> None:
    condition: Any = patients.exists_for_patient()
    age = patients.age_on("2022-06-01")
    for limit in range(40):
        condition = (condition & (age > limit)) | (condition & (age < 100 - limit))
    dataset = create_dataset()
    dataset.define_population(patients.exists_for_patient() & condition)
    plan = plan_of(dataset)
    assert Patients(Study(plan)).make(1, 0)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_study_of_published_size_gets_its_dummy_data_and_its_rows(name: str) -> None:
    plan = _plan(DEFINITIONS[name])
    assert len(plan.dataset.columns) > 130
    study = Study(plan)
    maker = Patients(study)
    facts = {patient: maker.make(patient, 0) for patient in range(1, 101)}
    tables: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for table in plan.tables():
        rows = tables.setdefault((table.schema, table.name), [])
        for patient, one in facts.items():
            blank = {"patient_id": patient, **dict.fromkeys(table.columns)}
            rows += [{**blank, **row} for row in one.get(table.name, ())]
    engine = Counting(tables, plan.root)
    results = engine.results()
    assert len(results) > 20
    everything = sum(map(len, tables.values())) * len(plan.nodes)
    assert engine.computed < everything


def _plan(definition: Callable[[], Definition]) -> Plan:
    return plan_of(definition())


def test_a_condition_of_conditions_is_looked_at_once_by_the_planner() -> None:
    condition: Any = patients.exists_for_patient()
    age = patients.age_on("2022-06-01")
    for limit in range(40):
        condition = (condition & (age > limit)) | (condition & (age < 100 - limit))
    assert starting_point(condition._node, [patients._node]) == [patients._node]
