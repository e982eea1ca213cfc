"""Mistakes of a study's author, each answered with what was expected and what to do."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang import (
    case,
    codelist_from_csv,
    create_dataset,
    days,
    get_parameter,
    months,
    weeks,
    when,
    years,
)
from sallyport_data_builder.lang.codes import ICD10Code, SNOMEDCTCode
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import EventFrame, Series, core, table

patients, events, medications = core.patients, core.clinical_events, core.medications
filtered = events.where(events.numeric_value > 1)


def assign(name: str, value: Any) -> None:
    """Assign a column twice if the name starts with `twice`."""
    dataset = create_dataset()
    dataset.add_column(name, value)
    if name.startswith("twice"):
        dataset.add_column(name, value)


MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "and": (lambda: (patients.sex == "male") and patients.sex, "use & for and"),
    "chained comparison": (lambda: 1 < events.numeric_value < 3, r"\(x > 1\) & \(x < 3\)"),
    "no parentheses": (lambda: patients.sex == "male" | (patients.sex == "female"), "parentheses"),
    "int with float": (lambda: events.numeric_value == events.count_for_patient(), r"as_float\(\)"),
    "code with text": (lambda: events.snomedct_code == patients.sex, "SNOMED CT code and str"),
    "two coding systems": (
        lambda: events.snomedct_code == ICD10Code("I219"),
        "SNOMED CT code and ICD-10 code",
    ),
    "two tables": (
        lambda: events.date > medications.date,
        "rows of clinical_events and of medications",
    ),
    "two filters": (lambda: events.date > filtered.date, "different filters of clinical_events"),
    "foreign condition": (
        lambda: events.where(filtered.numeric_value > 2),
        "rows of the frame itself",
    ),
    "foreign sort key": (lambda: events.sort_by(medications.date), "rows of the frame itself"),
    "assigned twice": (lambda: assign("twice", patients.sex), "assigned before"),
    "bad name": (lambda: assign("1st", patients.sex), "a letter, then letters"),
    "reserved name": (lambda: assign("patient_id", patients.sex), "that name is taken"),
    "event series": (lambda: assign("a", events.date), "count_distinct_for_patient"),
    "whole frame": (lambda: assign("a", patients), "choose one of its columns"),
    "constant column": (lambda: assign("a", 1), "must be a series, int was given"),
    "no sort": (lambda: events.first_for_patient(), r"add sort_by\(\.\.\.\) first"),
    "when without then": (lambda: case(when(patients.sex == "male")), "lacks its then"),
    "bad date": (
        lambda: events.date > "2020-1-1",
        "'2020-1-1' is not a date of the form YYYY-MM-DD",
    ),
    "impossible date": (lambda: events.date > "2021-02-29", "not a date"),
    "bad code": (lambda: events.snomedct_code == "I219", "'I219' is not a SNOMED CT code"),
    "text in is_in": (lambda: patients.sex.is_in("male"), "is_in needs a list"),
    "types in is_in": (lambda: events.numeric_value.is_in(["a"]), "float and str"),
    "condition is no bool": (lambda: events.where(events.date), "true-or-false series"),
    "sum of dates": (
        lambda: events.numeric_value + events.date,
        "Arithmetic does not work on date",
    ),
    "two units": (lambda: days(1) + months(1), "days and months"),
    "half a month": (lambda: months(0.5), "whole number"),
    "episodes by month": (
        lambda: events.date.count_episodes_for_patient(months(1)),
        r"days\(\.\.\.\)",
    ),
    "aggregate of one value": (lambda: patients.date_of_birth.minimum_for_patient(), "many values"),
    "no population": (lambda: plan_of(create_dataset()), r"call define_population"),
    "population of nobody": (
        lambda: create_dataset().define_population(~patients.exists_for_patient()),
        "in no table",
    ),
    "population of a NULL": (
        lambda: create_dataset().define_population(patients.date_of_death.is_null()),
        "in no table",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_explained(name: str) -> None:
    mistake, message = MISTAKES[name]
    with pytest.raises(DefinitionError, match=message):
        mistake()


def test_the_same_without_the_mistake() -> None:
    number = events.count_for_patient()
    assert ((number > 1) & (number < 3)) is not None
    assert (
        events.where(events.numeric_value > 2).sort_by(events.date).first_for_patient() is not None
    )
    assert events.where(events.date.is_not_null()).where(events.numeric_value > 2) is not None
    create_dataset().define_population(patients.exists_for_patient())


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (lambda: patients.sexx, "sex"),
        (lambda: events.date.yaer, "year"),
        (lambda: events.were, "where"),
    ],
)
def test_unknown_attribute_names_the_nearest(wrong: Callable[[], Any], right: str) -> None:
    with pytest.raises(AttributeError, match=f"Did you mean {right}"):
        wrong()


def test_codelist_remembers_file_and_row(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("code,group\n195967001,a\n wrong ,b\n,c\n")
    assert codelist_from_csv(path, column="code") == ["195967001", "wrong"]
    categories = codelist_from_csv(path, column="code", category_column="group")
    assert categories == {"195967001": "a", "wrong": "b"}
    with pytest.raises(DefinitionError, match=r"list\.csv, row 3"):
        events.snomedct_code.is_in(codelist_from_csv(path, column="code"))
    with pytest.raises(DefinitionError, match="its columns are code, group"):
        codelist_from_csv(path, column="codes")
    with pytest.raises(DefinitionError, match="Use forward slashes"):
        codelist_from_csv("lists\\list.csv", column="code")


def test_empty_codelist_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.csv"
    path.write_text("code\n")
    assert codelist_from_csv(path, column="code") == []
    assert "none.csv has no codes" in capsys.readouterr().err


def test_constants_compute_at_once() -> None:
    assert "2023-01-31" + months(1) == datetime.date(2023, 3, 1)
    assert "2023-03-10" - weeks(1) == datetime.date(2023, 3, 3)
    assert weeks(1) != days(7)
    assert weeks(1) == weeks(1)


def test_sem_20_intervals_count_from_the_start() -> None:
    first, second = months(2).starting_on("2023-01-31")
    assert first == (datetime.date(2023, 1, 31), datetime.date(2023, 2, 28))
    assert second == (datetime.date(2023, 3, 1), datetime.date(2023, 3, 30))
    assert years(2).ending_on("2022-12-31") == [
        (datetime.date(2021, 1, 1), datetime.date(2021, 12, 31)),
        (datetime.date(2022, 1, 1), datetime.date(2022, 12, 31)),
    ]


def test_a_study_declares_a_table_of_its_own() -> None:
    class Visits(EventFrame):
        date = Series(datetime.date)
        code = Series(SNOMEDCTCode)

    visits = table(Visits)
    assert visits.where(visits.code == "195967001").date.maximum_for_patient()._node.type == "date"


def test_parameters_come_after_two_dashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["study.py", "--size", "3", "--name=x"])
    assert get_parameter("size", type=int) == 3
    assert get_parameter("name") == "x"
    assert get_parameter("other", default="y") == "y"
    with pytest.raises(DefinitionError, match="-- --missing VALUE"):
        get_parameter("missing")


def test_what_is_not_here_says_so() -> None:
    import sallyport_data_builder.lang as language

    with pytest.raises(DefinitionError, match="Parameters is not in this version"):
        _ = language.Parameters
    with pytest.raises(AttributeError, match="Did you mean create_dataset"):
        _ = language.create_dataste


def test_ehrql_serves_the_same_objects() -> None:
    import importlib

    import sallyport_data_builder.lang as language

    assert importlib.import_module("ehrql") is language
    assert importlib.import_module("ehrql.tables.core") is core
    assert importlib.import_module("ehrql.codes").SNOMEDCTCode is SNOMEDCTCode


def test_the_alias_refuses_to_stand_beside_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import importlib.metadata
    import sys

    importlib.import_module("ehrql")
    monkeypatch.delitem(sys.modules, "ehrql")
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _name: object())
    with pytest.raises(ImportError, match="pip uninstall opensafely-ehrql"):
        importlib.import_module("ehrql")
