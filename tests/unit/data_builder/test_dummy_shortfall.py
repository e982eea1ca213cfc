"""Dummy data of which there is less than asked for: it is written, with a warning."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from tests.unit.data_builder.dummy_rig import patients, planning

from sallyport_data_builder import cli
from sallyport_data_builder.dummy.generator import Generator
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang import create_dataset, table_from_file
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.model.plan import Plan, dumps, loads

pytestmark = pytest.mark.live


def matched(tmp_path: Path, rows: int, more: str = "") -> Plan:
    """Return a plan whose population is a file of so many patients."""
    lines = [f"{patient},{20 + patient % 60}" for patient in range(1, rows + 1)]
    (tmp_path / "matched.csv").write_text("\n".join(["patient_id,age", *lines, ""]))
    frame = table_from_file("matched.csv", columns={"age": int})
    conditions = {
        "": frame.exists_for_patient(),
        "column": frame.age > 0,
        "nobody": frame.exists_for_patient() & (frame.age > 200),
    }
    dataset = create_dataset()
    dataset.define_population(conditions[more] & patients.sex.is_in(["female", "male"]))
    dataset.age = frame.age
    dataset.configure_dummy_data(population_size=10 if rows < 100 else 500)
    return plan_of(dataset)


@pytest.mark.parametrize(("rows", "more"), [(3, ""), (3, "column"), (400, "")])
def test_a_population_of_a_file_gives_as_many_patients_as_the_file_has(
    rows: int,
    more: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    generator = Generator(matched(tmp_path, rows, more))
    assert sorted(generator.patients()) == list(range(1, rows + 1))
    wanted = 10 if rows < 100 else 500
    assert caplog.messages == [
        f"only {rows} of {wanted} dummy patients: the population needs a row of "
        'table_from_file("matched.csv"), which has so many patients'
    ]


def test_a_file_may_be_declared_twice_with_other_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dates.csv").write_text("patient_id,start,end\n1,2020-01-01,2020-03-01\n")
    first = table_from_file("dates.csv", columns={"start": datetime.date})
    again = table_from_file("dates.csv", columns={"end": datetime.date})
    events = core.clinical_events
    dataset = create_dataset()
    dataset.define_population(events.where(events.date > first.start).exists_for_patient())
    dataset.late = events.where(events.date > again.end).exists_for_patient()
    dataset.configure_dummy_data(population_size=1)
    assert list(Generator(plan_of(dataset)).patients()) == [1]


def test_a_file_whose_patients_are_all_outside_is_an_error_in_words_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DefinitionError) as caught:
        Generator(matched(tmp_path, 3, "nobody")).patients()
    assert 'Hard to satisfy is (table_from_file("matched.csv").age > 200)' in str(caught.value)
    assert "inline" not in str(caught.value)


def test_a_shortfall_writes_what_there_is_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    plan = planning(patients.date_of_birth.day == 1)
    times = iter([0.0])
    generator = Generator(plan, lambda: next(times, 1e9))
    make, generator.make = (
        generator.make,
        lambda patient, attempt: make(patient, attempt) if patient <= 5 else {},
    )
    assert sorted(generator.patients()) == [1, 2, 3, 4, 5]
    assert caplog.messages[0].startswith("only 5 of 20 dummy patients satisfy the population in")


def test_an_event_table_called_dataset_has_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [
        "from ehrql import claim_permissions, create_dataset",
        "from ehrql.tables.core import clinical_events, patients",
        "dataset = create_dataset()",
        "dataset.define_population(patients.exists_for_patient())",
        "dataset.sex = patients.sex",
        "dataset.add_event_table('dataset', date=clinical_events.date)",
        "claim_permissions('event_level_data')",
    ]
    Path("study.py").write_text("\n".join(lines))
    assert cli.main(["generate-dataset", "study.py", "--output", "out:csv"]) == 0
    headers = {path.name: path.read_text().splitlines()[0] for path in Path("out").iterdir()}
    assert headers == {"dataset.csv": "patient_id,sex", "dataset_events.csv": "patient_id,date"}


def test_no_patients_may_be_asked_for() -> None:
    dataset = create_dataset()
    dataset.define_population(patients.exists_for_patient())
    dataset.configure_dummy_data(population_size=0)
    assert Generator(loads(dumps(plan_of(dataset)))).patients() == {}
