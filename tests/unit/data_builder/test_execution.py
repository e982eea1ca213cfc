"""Running the steps of a plan: what is restricted, split, dropped, taken up again and shown."""

from __future__ import annotations

import datetime
import logging
import operator
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data_builder.cases.measuring import MEASURES
from tests.unit.data_builder.cases.measuring import TABLES as MEASURED
from tests.unit.data_builder.engines import Reference, by_reference, mapped, server, tables_of

from sallyport_data_builder.errors import DatabaseFailure, TooSlowError
from sallyport_data_builder.lang import (
    INTERVAL,
    case,
    create_dataset,
    create_measures,
    minimum_of,
    months,
    table_from_file,
    table_from_rows,
    when,
)
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.model.roots import Dataset
from sallyport_data_builder.plan.options import Options
from sallyport_data_builder.sql import progress
from sallyport_data_builder.sql.connectors import dialect_of
from sallyport_data_builder.sql.explain import rendered
from sallyport_data_builder.sql.measures import MeasurePlanner
from sallyport_data_builder.sql.stage import AnyStep, reads
from sallyport_data_builder.sql.steps import Planner

patients, events, medications = core.patients, core.clinical_events, core.medications
A = "195967001"


def day(text: str) -> datetime.date:
    """Read a date."""
    return datetime.date.fromisoformat(text)


TABLES: dict[Any, Any] = {
    "patients": [
        (number, day("1980-01-01"), "male" if number % 2 else "female", None)
        for number in range(1, 9)
    ],
    "clinical_events": [
        (number, day(f"2020-0{number}-01"), A, float(number))
        for number in range(1, 9)
        for _twice in range(2)
    ],
    "medications": [(number, day("2020-05-01"), None) for number in (1, 3)],
}
LATEST = events.sort_by(events.date).last_for_patient()


def dataset(population: Any = None, **columns: Any) -> Dataset:
    """Return a dataset of some columns."""
    made = create_dataset()
    everybody = patients.exists_for_patient()
    made.define_population(everybody if population is None else population)
    for name, series in columns.items():
        made.add_column(name, series)
    return plan_of(made).dataset


def steps_of(root: Dataset, name: str = "postgresql", **options: Any) -> Sequence[AnyStep]:
    """Return the steps of a dataset."""
    backend = mapped(tables_of([root]))
    return Planner(dialect_of(name), backend, "unit", (), Options(**options)).dataset(root).steps


def shown(root: Dataset, name: str = "postgresql", **options: Any) -> str:
    """Return the statements of a dataset."""
    return "\n".join(rendered(steps_of(root, name, **options), dialect_of(name), ""))


SEVERAL = {
    "latest": LATEST.numeric_value,
    "events": events.count_for_patient(),
    "drugs": medications.count_for_patient(),
    "sex": patients.sex,
}


@pytest.mark.parametrize("selective", [0.0, 1.1])
@pytest.mark.parametrize("url", ["sqlite://", "duckdb://"])
def test_pln_02_later_scans_are_restricted_to_a_small_population(
    url: str, selective: float, caplog: pytest.LogCaptureFixture
) -> None:
    root = dataset(patients.date_of_birth < "2000-01-01", **SEVERAL)
    with caplog.at_level(logging.DEBUG, "data_builder"):
        found = server(url).answer(root, TABLES, Options(selective=selective))
    assert found == by_reference(root, TABLES)
    scans = [line for line in caplog.messages if line.startswith("scan of")]
    restricted = [line for line in scans if "sp_unit_1)" in line]
    assert bool(restricted) == (selective > 1)


@pytest.mark.parametrize("most", [2, 3])
def test_pln_09_the_final_join_is_split(most: int) -> None:
    root = dataset(
        **SEVERAL,
        **{f"n{k}": events.where(events.numeric_value > k).count_for_patient() for k in range(4)},
    )
    options = Options(off=frozenset(["fusion", "carry"]), max_joins=most)
    assert server("sqlite://").answer(root, TABLES, options) == by_reference(root, TABLES)
    steps = steps_of(root, off=frozenset(["fusion", "carry"]), max_joins=most)
    assert [step.label for step in steps].count("part of the result") >= 7 // most
    assert steps[-1].rules == ("PLN-09",)
    assert "part of the result" not in [step.label for step in steps_of(root)]


@pytest.mark.parametrize(("most", "queries"), [(2, 8), (5, 2), (9, 1)])
def test_pln_09_measures_are_divided_among_queries(most: int, queries: int) -> None:
    make, _rows = MEASURES["a pick for each of seventy measures"]
    seventy = plan_of(make()).measures
    root = replace(seventy, measures=seventy.measures[:8])
    options = Options(max_joins=most)
    database = server("sqlite://")
    assert database.measures(root, MEASURED, options) == Reference().measures(root, MEASURED)
    planner = Planner(dialect_of("sqlite"), mapped(tables_of([root])), "unit", (), options)
    sums = [step for step in MeasurePlanner(planner).explained(root).steps if step.label == "sums"]
    assert len(sums) == queries
    assert all(("PLN-09" in step.rules) == (queries > 1) for step in sums)


def test_pln_09_more_columns_than_a_table_has_is_too_complex() -> None:
    columns = {f"n{number}": patients.sex for number in range(8)}
    with pytest.raises(DatabaseFailure, match="8 columns") as caught:
        steps_of(dataset(**columns), max_columns=8)
    assert caught.value.code == 6
    assert steps_of(dataset(**columns), max_columns=9)


@pytest.mark.parametrize("off", [frozenset[str](), frozenset(["fusion", "carry"])])
def test_pln_10_a_table_goes_after_its_last_reader(off: frozenset[str]) -> None:
    late = events.where(events.date > LATEST.date).count_for_patient()
    steps = steps_of(dataset(**SEVERAL, late=late), off=off)
    there: set[str] = set()
    for step in steps:
        assert {name for name in reads(step) if name.startswith("sp_")} <= there
        there = (there | {step.name}) - set(step.drops)
    assert there == {steps[-1].name}
    kept = steps_of(dataset(**SEVERAL), off=off | {"early-drop"})
    assert not any(step.drops for step in kept)


def test_pln_12_explain_names_rules_and_statements() -> None:
    text = shown(dataset(**SEVERAL))
    assert "-- population (PLN-01)" in text
    assert "-- scan of clinical_events (PLN-03, PLN-04)" in text
    assert text.count("CREATE TEMPORARY TABLE") == 4
    assert "PLN-03" not in shown(dataset(**SEVERAL), off=frozenset(["fusion"]))
    assert shown(dataset(**SEVERAL)) == text


def test_pln_05_a_long_codelist_is_a_table() -> None:
    root = dataset(n=events.where(events.snomedct_code.is_in([A, "38341003"])).count_for_patient())
    assert "IN (SELECT" in shown(root, max_literals=1)
    assert "IN (SELECT" not in shown(root, max_literals=2, off=frozenset(["restrict"]))
    for url in ("sqlite://", "duckdb://"):
        found = server(url).answer(root, TABLES, Options(max_literals=1))
        assert found == by_reference(root, TABLES)


def nested(depth: int) -> Any:
    """Return an expression that uses the one before three times."""
    value = LATEST.numeric_value
    for number in range(depth):
        value = case(when(value > number).then(value - 1.0), otherwise=minimum_of(value, 2.0))
    return value


@pytest.mark.live
def test_pln_08_nested_expressions_stay_small() -> None:
    for url in ("sqlite://", "duckdb://"):
        root = dataset(value=nested(6))
        assert server(url).answer(root, TABLES) == by_reference(root, TABLES)
    deep = dataset(value=nested(25))
    assert len(shown(deep)) < 30_000
    assert len(shown(dataset(value=nested(8)), off=frozenset(["shared"]))) > 30_000
    answers = [server(url).answer(deep, TABLES) for url in ("sqlite://", "duckdb://")]
    assert answers[0] == answers[1]


def test_bk_01_exclusions_hold_for_measures_too() -> None:
    made = create_measures()
    made.define_measure(
        "m",
        events.where(events.date.is_during(INTERVAL)).exists_for_patient(),
        patients.exists_for_patient(),
        intervals=months(1).starting_on("2020-01-01"),
    )
    root = plan_of(made).measures
    backend = mapped(tables_of([root]))
    dialect = dialect_of("postgresql")
    steps = MeasurePlanner(Planner(dialect, backend, "unit")).explained(root).steps
    assert "opted" not in "\n".join(rendered(steps, dialect, ""))
    from sallyport_data_builder.backends.parts import Exclusion

    opted = Exclusion("opted_out", "select patient_id from opted_out", only=False)
    strict = replace(backend, exclusions=(opted,))
    steps = MeasurePlanner(Planner(dialect, strict, "unit")).explained(root).steps
    text = "\n".join(rendered(steps, dialect, ""))
    assert "NOT (EXISTS" in text
    assert "opted_out" in text


@pytest.mark.parametrize("url", ["sqlite://", "duckdb://"])
def test_a_thousand_conditions_side_by_side(url: str) -> None:
    """Studies look for each code of a list in a string, and a scan joins what variables look for.

    SQLite reads no more than 1,000 levels of an expression.
    """
    equal = [events.numeric_value == number / 2 for number in range(1, 1_201)]
    one, none = reduce(operator.or_, equal), reduce(operator.and_, map(operator.inv, equal))
    several = [reduce(operator.or_, equal[n : n + 100]) for n in range(0, 1_200, 100)]
    for found in ([one], [none], several):
        counts = [events.where(each).count_for_patient() for each in found]
        root = dataset(**{f"v{n}": count for n, count in enumerate(counts)})
        assert server(url).answer(root, TABLES) == by_reference(root, TABLES)


@pytest.mark.parametrize("url", ["sqlite://", "duckdb://"])
def test_inline_tables_are_loaded(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("extra.csv").write_text("patient_id,score\n1,0.5\n3,\n", encoding="utf-8")
    written = table_from_rows([(1, "x"), (2, None)], columns={"word": str})
    from_file = table_from_file("extra.csv", columns={"score": float})
    root = dataset(word=written.word, score=from_file.score, known=from_file.exists_for_patient())
    found = server(url).answer(root, TABLES)
    assert found[:3] == [(1, "x", 0.5, True), (2, None, None, False), (3, None, None, True)]


def test_plan_04_another_file_than_was_compiled_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("extra.csv").write_text("patient_id,score\n1,0.5\n", encoding="utf-8")
    root = dataset(score=table_from_file("extra.csv", columns={"score": float}).score)
    assert server("sqlite://").answer(root, TABLES)[0] == (1, 0.5)
    Path("extra.csv").write_text("patient_id,score\n1,0.6\n", encoding="utf-8")
    with pytest.raises(Exception, match=r"extra\.csv is not the file"):
        server("sqlite://").answer(root, TABLES)


def test_pln_06_and_07_scratch_tables_are_unlogged_and_counted() -> None:
    root = dataset(**SEVERAL)
    backend = replace(mapped(tables_of([root])), scratch_schema="scratch")

    def text(name: str) -> str:
        dialect = dialect_of(name)
        steps = Planner(dialect, backend, "unit", (), Options()).dataset(root).steps
        return "\n".join(rendered(steps, dialect, "scratch"))

    assert text("postgresql").count("CREATE UNLOGGED TABLE scratch.sp_unit_") == 4
    assert text("postgresql").count("ANALYZE scratch.sp_unit_") == 4
    assert "ANALYZE" not in text("duckdb")
    assert "UNLOGGED" not in shown(root)


def test_the_mapping_says_how_long_measures_may_take() -> None:
    root = plan_of(MEASURES["count during the interval"][0]()).measures
    assert mapped(tables_of([root])).measures_hours == 72
    with pytest.raises(TooSlowError, match="the limit is 0"):
        server("sqlite://").measures(root, MEASURED, Options(max_grid=1), hours=0)
    assert server("sqlite://").measures(root, MEASURED, Options(max_grid=1), hours=1)


def test_measures_that_take_too_long_end_with_14(caplog: pytest.LogCaptureFixture) -> None:
    slow = progress.Progress(24, hours=0.0)
    with caplog.at_level(logging.INFO, "data_builder"):
        slow.finished(1)
        with pytest.raises(TooSlowError) as caught:
            slow.finished(11)
    assert caught.value.code == 14
    assert "measures: 1 of 24 intervals" in caplog.messages[0]
    in_time = progress.Progress(24, hours=72)
    for _each in range(24):
        in_time.finished(1)
    last = progress.Progress(1, hours=0.0)
    last.finished(1)
