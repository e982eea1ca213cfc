"""Dummy data: each rule, on studies as people write them."""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from tests.engines.graphs import chance_of, graph_of, starts
from tests.engines.properties import limited
from tests.unit.data_builder.dummy_rig import (
    DATASETS,
    MEASURES,
    SIZE,
    answer,
    events,
    made,
    measured,
    of,
    patients,
    planning,
    rows_of,
)
from tests.unit.data_builder.dummy_studies import ASTHMA, INDEX, STUDIES, planned

from sallyport_data_builder import schemas
from sallyport_data_builder.confine.parent import compile_definition
from sallyport_data_builder.confine.requests import Request
from sallyport_data_builder.dummy import texts
from sallyport_data_builder.dummy.chance import Chance
from sallyport_data_builder.dummy.generator import Generator
from sallyport_data_builder.dummy.patients import AHEAD, MARGIN
from sallyport_data_builder.dummy.person import Facts
from sallyport_data_builder.dummy.study import Study
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang import create_dataset
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.model.nodes import Table
from sallyport_data_builder.model.plan import DummyData, Plan
from sallyport_data_builder.model.tables import physical_name
from sallyport_data_builder.schemas import ColumnSpec
from sallyport_data_builder.schemas.types import CODES

pytestmark = pytest.mark.live


def specs(name: str) -> Iterator[tuple[Table, str, ColumnSpec]]:
    """Yield the columns of a study's tables."""
    for node in planned(name, 1).tables():
        for column, spec in schemas.load(node.schema).tables[node.name].columns.items():
            yield node, column, spec


def digest(plan: Plan) -> str:
    return hashlib.sha256(repr(sorted(Generator(plan).patients().items())).encode()).hexdigest()


def test_dum_01_the_same_rows_whatever_the_hash_seed() -> None:
    code = "from tests.unit.data_builder.test_dummy import digest, planned\n"
    code += "print(digest(planned('outcome', 5)))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Pacific/Auckland"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == digest(planned("outcome", 5))
    assert told.stdout.strip() != digest(planned("infants", 5))


@pytest.mark.parametrize(
    ("limit", "today"),
    [(INDEX, "2022-06-01"), ("9999-12-31", "2024-01-01"), (None, "2024-01-01")],
)
def test_dum_01_today_is_the_latest_date_of_the_definition(limit: str | None, today: str) -> None:
    population = patients.exists_for_patient()
    if limit is not None:
        population = population & (patients.date_of_birth < limit)
    assert Study(planning(population)).today.isoformat() == today


@pytest.mark.parametrize("name", [*DATASETS, *MEASURES])
def test_dum_02_exactly_as_many_as_asked_for_and_more_gives_the_same_ones_and_others(
    name: str,
) -> None:
    few = Generator(planned(name, 7)).patients()
    many = made(name)
    assert (len(few), len(many)) == (7, SIZE)
    assert {patient: many[patient] for patient in few} == few


def test_dum_02_a_condition_that_nobody_meets_is_named() -> None:
    age = patients.age_on(INDEX)
    impossible = planning((age >= 18) & (age < 10))
    with pytest.raises(
        DefinitionError, match=r"No dummy patient .* Hard to satisfy is .*\.years < 10"
    ):
        answer(impossible, Generator(impossible).read)
    assert len(Generator(planning((age >= 18) & (age < 20))).patients()) == 20


def test_dum_02_no_more_than_the_study_itself_names(caplog: pytest.LogCaptureFixture) -> None:
    """The study brings 57 patients, and its population is among them."""
    assert sorted(made("matched", 57)) == list(range(3, 60))
    assert sorted(made("matched", 58)) == list(range(3, 60))
    assert "only 57 of 58 dummy patients: the population needs a row of table_from_rows(...)" in (
        caplog.text
    )


def test_dum_02_a_rare_condition_that_cannot_be_followed_back_is_met_all_the_same() -> None:
    rare = patients.date_of_birth.month == 2
    found = Generator(planning(rare & patients.sex.is_in(["intersex"]))).patients()
    assert {row["sex"] for row in rows_of(found, "patients")} == {"intersex"}
    assert len(found) == 20


@pytest.mark.parametrize("name", ["outcome", "vaccinated", "regional"])
def test_dum_03_missing_values_and_every_category(name: str) -> None:
    people = made(name, 200)
    closed = {("patients", "sex"), ("addresses", "rural_urban_classification")}
    for node, column, spec in specs(name):
        file = physical_name(node)
        values = [row[column] for row in rows_of(people, file) if column in row]
        if not values or (file, column) in closed:
            continue
        if not spec.not_null and not (name == "vaccinated" and column == "target_disease"):
            assert None in values, (file, column)
        assert set(spec.categories) <= set(values), (file, column)


def test_dum_03_the_output_tells_apart_what_the_definition_does() -> None:
    plan = planned("outcome", 200)
    rows = answer(plan, Generator(plan).read)
    columns = dict(
        zip(["id", *(n for n, _s in plan.dataset.columns)], zip(*rows, strict=True), strict=True)
    )
    assert set(columns["smoking"]) == {"current", "former", "never", "unknown"}
    assert set(columns["decade"]) == {40, 50, 60, 70, 80}
    assert set(columns["died_of_stroke"]) == {True, False, None}
    for name in ("stroke", "systolic"):
        assert len(set(columns[name])) > 10
        assert None in columns[name]


def test_dum_04_codes_come_from_the_codelists_and_dates_from_the_windows() -> None:
    people = made("monthly", 200)
    rows = rows_of(people, "clinical_events")
    codes = [row["snomedct_code"] for row in rows]
    assert set(ASTHMA) < set(codes)
    assert 2 * sum(code in ASTHMA for code in codes) > len(codes)
    dates = [row["date"] for row in rows if row["date"]]
    first, last = datetime.date(2022, 1, 1), datetime.date(2022, 12, 31)
    inside = sum(first <= day <= last for day in dates)
    assert len(dates) > inside > len(dates) / 3
    assert min(dates) < first
    assert max(dates) > last


@pytest.mark.parametrize("name", [*DATASETS, *MEASURES])
def test_dum_04_nothing_before_birth_or_long_after_death(name: str) -> None:
    people, today = made(name), Study(planned(name, 1)).today
    for facts in people.values():
        births = [row.get("date_of_birth") for row in facts.get("patients", ())]
        deaths = [row.get("date_of_death") for row in facts.get("patients", ())]
        deaths += [row.get("date") for row in facts.get("ons_deaths", ())]
        first = max((day for day in births if day), default=datetime.date.min)
        known = [day for day in deaths if day]
        margin = datetime.timedelta(MARGIN)
        last = min(known) + margin if known else today + datetime.timedelta(AHEAD + 800)
        for table, rows in facts.items():
            days_ = [v for row in rows for v in row.values() if isinstance(v, datetime.date)]
            own = table in ("patients", "ons_deaths", "sallyport_interval")
            assert own or all(first <= day <= last for day in days_), table


@pytest.mark.parametrize("name", [*DATASETS, *MEASURES])
def test_dum_05_constraints_of_the_schema_hold(name: str) -> None:
    people, tried = made(name), 0
    for node, column, spec in specs(name):
        file = physical_name(node)
        assert node.rows == "many" or all(
            len(facts.get(file, ())) <= 1 for facts in people.values()
        )
        for row in (row for row in rows_of(people, file) if column in row):
            assert fits(spec, row[column], row), (file, column, row[column])
            tried += 1
    assert tried > SIZE


def fits(spec: ColumnSpec, value: Any, row: dict[str, Any]) -> bool:
    """Return whether a value keeps to the constraints of its column."""
    if value is None:
        return not spec.not_null
    limits = spec.range
    return all(
        [
            not spec.categories or value in spec.categories,
            not spec.regex or re.fullmatch(spec.regex, value),
            not spec.first_of_month or value.day == 1,
            spec.type not in CODES or CODES[spec.type].pattern.fullmatch(value),
            not limits or limits["min"] <= value <= limits["max"],
            "step" not in limits or (value - limits["min"]) % limits["step"] == 0,
            all(row.get(name) is None or value >= row[name] for name in spec.after),
        ]
    )


@pytest.mark.parametrize("pattern", ["E020[0-9]{5}", r"[a-z]{2}\d+(x|yz)?", "(?:ab|c.)*-[^a]", "é"])
def test_dum_05_texts_of_regular_expressions(pattern: str) -> None:
    chance = Chance(5)
    found = {texts.matching(chance, pattern) for _ in range(50)}
    assert all(re.fullmatch(pattern, text) for text in found)


@pytest.mark.parametrize("name", MEASURES)
def test_dum_06_groups_and_intervals_are_populated_and_later_ones_not_emptier(name: str) -> None:
    plan = planned(name, 240)
    found = measured(plan)
    for measure in plan.measures.measures:
        rows = [row for row in found if row.measure == measure.name]
        sizes = {start: 0 for start, _end in measure.intervals}
        numerators = dict.fromkeys(sizes, 0)
        for row in rows:
            sizes[row.start] += row.denominator
            numerators[row.start] += row.numerator
        assert all(sizes.values())
        assert all(numerators.values())
        half = len(sizes) // 2
        earlier, later = list(sizes.values())[:half], list(sizes.values())[half:]
        assert sum(later) >= 0.95 * sum(earlier) * len(later) / half
        groups = {tuple(row.groups.values()) for row in rows}
        per_interval = [len([r for r in rows if r.start == start]) for start in sizes]
        assert len(groups) >= 3
        assert min(per_interval) >= min(len(groups), 3)


def test_dum_07_the_further_constraint_is_honoured() -> None:
    plan = planning(patients.exists_for_patient(), sex=patients.sex)
    extra = (patients.sex == "intersex") & patients.is_alive_on(INDEX)
    plan = replace(plan, dummy=DummyData(30, constraint=extra._node))
    rows = rows_of(Generator(plan).patients(), "patients")
    assert {row["sex"] for row in rows} == {"intersex"}
    free = Generator(replace(plan, dummy=DummyData(30))).patients()
    assert len({row["sex"] for row in rows_of(free, "patients")}) > 1


def test_dum_07_the_timeout_is_a_limit_and_not_a_target() -> None:
    rare = patients.date_of_birth.day * events.count_for_patient() == 17
    clock = iter(range(0, 10_000, 100))
    generator = Generator(planning(rare, 500), lambda: next(clock))
    with pytest.raises(DefinitionError, match="in 60 seconds"):
        generator.patients()
    patient = iter(range(0, 10_000))
    assert len(Generator(planning(patients.exists_for_patient()), lambda: next(patient)).patients())
    assert next(patient) < 4


def test_dum_07_legacy_warns(capfd: pytest.CaptureFixture[str]) -> None:
    create_dataset().configure_dummy_data(legacy=False)
    assert not capfd.readouterr().err
    create_dataset().configure_dummy_data(legacy=True)
    assert "legacy=True is ignored" in capfd.readouterr().err


def tried(plan: Plan) -> tuple[dict[int, Facts], str]:
    """Return dummy patients, or why there are none."""
    try:
        return Generator(plan).patients(), ""
    except DefinitionError as error:
        return {}, str(error)


@limited(12)
@given(start=starts)
def test_prp_07_dummy_rows_satisfy_the_population(start: tuple[int, int]) -> None:
    """Or there is an error that names a condition: a random one may be impossible."""
    plan = Plan(graph_of(chance_of(start)).dataset, dummy=DummyData(6))
    people, told = tried(plan)
    assert Engine(of(plan, people), plan.dataset).included() == sorted(people)
    assert len(people) == 6 or "Hard to satisfy is" in told


def test_fifty_columns_hardly_need_a_second_try() -> None:
    """The benchmark definition at a small size: what takes time is how often patients are made."""
    root = Path(__file__).parents[3]
    definition = root / "tests/bench/data_builder/dummy_definition.py"
    plan = compile_definition(definition, [], Request.DATASET, "never")
    assert (len(plan.dataset.columns), plan.population_size) == (50, 10_000)
    generator = Generator(replace(plan, dummy=DummyData(100)))
    makes = Counting(generator)
    assert len(generator.patients()) == 100
    assert makes.count < 130


class Counting:
    """Counts how often a patient is made."""

    def __init__(self, generator: Generator) -> None:
        self.count = 0
        self._make = generator.make
        generator.make = self

    def __call__(self, patient: int, attempt: int) -> Facts:
        self.count += 1
        return self._make(patient, attempt)


def test_ages_are_spread() -> None:
    """DUM-04: an age of the definition is a limit, not where everybody is."""
    births = [row["date_of_birth"].year for row in rows_of(made("monthly", 200), "patients")]
    assert len({year // 10 for year in births}) >= 6


def test_every_study_is_tried() -> None:
    assert sorted(STUDIES) == sorted([*DATASETS, *MEASURES])
