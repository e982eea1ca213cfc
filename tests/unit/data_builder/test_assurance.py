"""Assurance in the form of published studies: names of tables, what may be left out, events."""

from __future__ import annotations

import datetime
import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest

from sallyport_data_builder.assurance import failures
from sallyport_data_builder.errors import DataFileError, DefinitionError, Failure
from sallyport_data_builder.lang import create_dataset, table_from_file
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import raw, tpp
from sallyport_data_builder.model.nodes import Inline
from sallyport_data_builder.sql.inline import rows_of

BORN = {"patients": {"date_of_birth": "1950-01-01"}}
GIVEN = [
    {"date": "2024-01-30", "medication_status": 4},
    {"date": "2024-02-01", "medication_status": 1},
]
EVENTS = {"given": [{"date": "2024-02-01", "status": 1}, {"date": "2024-01-30", "status": 4}]}


def told(**expectation: Any) -> list[str]:
    """Return what is wrong with the patient, who was given medications twice."""
    medications = raw.tpp.medications
    dataset = create_dataset()
    dataset.define_population(tpp.patients.date_of_birth < "2000-01-01")
    dataset.first = medications.date.minimum_for_patient()
    dataset.add_event_table("given", date=medications.date, status=medications.medication_status)
    rows = {**BORN, "medications_raw": GIVEN, **expectation}
    return list(failures(plan_of(dataset).dataset, {1: rows}))


def test_a_table_of_raw_data_is_named_as_its_file() -> None:
    assert told(expected_columns={"first": datetime.date(2024, 1, 30)}) == []
    assert told(medications_raw=[], expected_columns={"first": "2024-01-30"}) == [
        "patient 1, first: None, and datetime.date(2024, 1, 30) was expected"
    ]


def test_a_table_that_the_dataset_does_not_use_may_be_named() -> None:
    assert told(appointments=[{"status": "Arrived"}], ons_deaths_raw={}) == []
    with pytest.raises(DefinitionError, match="'appointment' is not a table of the dataset"):
        told(appointment=[])


def test_a_patient_is_expected_in_the_population_if_nothing_is_said() -> None:
    assert told(patients={"date_of_birth": "2010-01-01"}) == [
        "patient 1 is not in the population, and the opposite was expected"
    ]


def test_rows_of_event_tables_are_expected_in_any_order() -> None:
    assert told(expected_events=EVENTS) == []
    assert told(expected_events={"given": [EVENTS["given"][0], {"status": 4}]}) == [
        "patient 1, given: no row {'date': None, 'status': 4}, which was expected",
        "patient 1, given: a row {'date': datetime.date(2024, 1, 30), 'status': 4}, "
        "which was not expected",
    ]


def of_file(name: str, text: str | bytes) -> list[str]:
    """Return what is wrong with two patients of whom a file has the stage and the day."""
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    dataset = create_dataset()
    dataset.define_population(tpp.patients.exists_for_patient())
    cleaned = table_from_file(name, columns={"stage": str, "day": datetime.date})
    dataset.stage, dataset.day = cleaned.stage, cleaned.day
    patient = {**BORN, "expected_columns": {"stage": "3a", "day": "2020-01-01"}}
    return list(failures(plan_of(dataset).dataset, {1: patient, 2: patient}))


def test_rows_of_a_data_file_are_those_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = "1,2020-01-01,3a\n", "2,2020-01-01,3a\n"
    assert of_file("cleaned.csv", f"patient_id,day,stage\n{one}{two}") == []
    assert of_file("cleaned.csv", f"patient_id,day,stage\n{one}2,,3a\n") == [
        "patient 2, day: None, and datetime.date(2020, 1, 1) was expected"
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.arrow", "", "reads data files that end in .csv or .csv.gz only"),
        ("a.csv", "patient_id,days,stage\n", "a.csv has no column day. Did you mean days"),
        ("a.csv", "patient_id,day,stage\n1,2020,3a\n", "row 1, column day: a date of the form"),
        ("a.csv", "patient_id,day,stage\n1,,a\n1,,b\n", "a patient has two rows"),
    ],
)
def test_a_data_file_of_another_form_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Failure, match=message):
        of_file(name, text)


HEAD = b"patient_id,day,stage\n"
BROKEN = {
    "Latin-1": ("a.csv", HEAD + b"1,,\xe9\n"),
    "quote": ("a.csv", HEAD + b'1,,"a"b\n'),
    "not packed": ("a.csv.gz", HEAD),
    "cut short": ("a.csv.gz", gzip.compress(HEAD)[:-4]),
    "too few values": ("a.csv", HEAD + b"1,\n"),
    "too many values": ("a.csv", HEAD + b"1,,a,b\n"),
    "column twice": ("a.csv", b"patient_id,day,stage,stage\n1,,a,b\n"),
    "no column": ("a.csv", b"patient_id,day\n"),
    "no patient": ("a.csv", HEAD + b",,a\n"),
    "patient twice": ("a.csv", HEAD + b"1,,a\n1,,b\n"),
    "empty": ("a.csv", b""),
    "value": ("a.csv", HEAD + b"1,2020,a\n"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_data_file_is_read_as_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file, content = BROKEN[name]
    digest = hashlib.sha256(content).hexdigest()
    node = Inline((("stage", "str"), ("day", "date")), (), file, digest)
    with pytest.raises(DataFileError) as tested:
        of_file(file, content)
    with pytest.raises(DataFileError) as run:
        list(rows_of(node))
    assert str(tested.value) == str(run.value)
    assert str(tested.value).startswith(file)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], "expected_events must be a dictionary"),
        ({"gave": []}, "the dataset has no event table gave. Did you mean given"),
        ({"given": {}}, "expected_events has a list of dictionaries per table"),
        ({"given": [{"state": 1}]}, "the event table has no column state. Did you mean status"),
        ({"given": [{1: 1}]}, "the event table has no column 1. There is: date, status"),
        ({1: []}, "the dataset has no event table 1. There is: given"),
    ],
)
@pytest.mark.parametrize("born", ["1950-01-01", "2010-01-01"])
def test_events_of_the_wrong_form_are_refused(events: Any, message: str, born: str) -> None:
    """Whether or not the patient is in the population."""
    patient = {"patients": {"date_of_birth": born}, "expected_in_population": born < "2000"}
    assert told(**patient, expected_events=EVENTS) == []
    with pytest.raises(DefinitionError, match=f"Patient 1: {message}"):
        told(expected_events=events, **patient)


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        ({"patients": {1: 2}}, "patients has no 1. There is: date_of_birth"),
        ({"expected_columns": {1: 2}}, "the dataset has no column 1. There is: first"),
    ],
)
def test_a_name_may_be_no_string(expectation: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=f"Patient 1: {message}"):
        told(**expectation)
