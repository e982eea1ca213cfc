"""Dummy patients of the studies, and what a query answers from them."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.unit.data_builder.dummy_studies import planned

from sallyport_data_builder import local
from sallyport_data_builder.dummy.generator import Generator
from sallyport_data_builder.dummy.person import Facts
from sallyport_data_builder.lang import create_dataset
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.memory.measures import Result
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.model.tables import physical_name
from sallyport_data_builder.sql.results import measure_results
from sallyport_data_builder.sql.run import run_steps, scratch
from sallyport_data_builder.sql.steps import Planner

SIZE = 40
DATASETS = ["outcome", "vaccinated", "waiting", "infants", "matched"]
MEASURES = ["monthly", "regional"]
Tables = dict[tuple[str, str], list[dict[str, Any]]]
patients, events = core.patients, core.clinical_events


@cache
def made(name: str, size: int = SIZE) -> dict[int, Facts]:
    """Return the dummy patients of a study."""
    return Generator(planned(name, size)).patients()


def of(plan: Plan, people: dict[int, Facts]) -> Tables:
    """Return the rows of patients by table, as the reference engine takes them."""
    return {
        (node.schema, node.name): [
            {"patient_id": patient, **row}
            for patient, facts in people.items()
            for row in facts.get(physical_name(node), ())
        ]
        for node in plan.tables()
    }


def answer(plan: Plan, source: local.Source) -> list[tuple[Any, ...]]:
    """Return the rows of a dataset whose tables come from somewhere."""
    with local.loaded(plan, source, "unit") as database:
        steps = Planner(database.dialect, database.mapping, "unit").dataset(plan.dataset).steps
        names = [name for name, _series in plan.dataset.columns]
        return [tuple(row) for row in run_steps(database, steps, names)]


def planning(population: Any, size: int = 20, **columns: Any) -> Plan:
    """Return the plan of a dataset."""
    dataset = create_dataset()
    dataset.define_population(population)
    for name, series in columns.items():
        dataset.add_column(name, series)
    dataset.configure_dummy_data(population_size=size)
    return plan_of(dataset)


def rows_of(people: dict[int, Facts], table: str) -> list[dict[str, Any]]:
    return [row for facts in people.values() for row in facts.get(table, ())]


def measured(plan: Plan) -> list[Result]:
    """Return measures of dummy patients, through the planner."""
    with local.loaded(plan, Generator(plan).read, "unit") as database, scratch(database) as names:
        planner = Planner(database.dialect, database.mapping, "unit")
        return measure_results(database, planner, plan.measures, names)
