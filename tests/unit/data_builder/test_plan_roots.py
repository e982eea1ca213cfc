"""Plans of measures, of event tables, and of tables that a study brings itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data_builder.test_plan import mutate

from sallyport_data_builder.dummy.chance import repeatable
from sallyport_data_builder.errors import DataFileError, DefinitionError
from sallyport_data_builder.lang import (
    INTERVAL,
    Measures,
    claim_permissions,
    create_dataset,
    create_measures,
    months,
    table_from_file,
    table_from_rows,
)
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import EventFrame, PatientFrame, Series, core, table
from sallyport_data_builder.memory.population import load_plan
from sallyport_data_builder.model.plan import Plan, dumps, loads

patients, events = core.patients, core.clinical_events


def two_measures() -> Measures:
    """Return measures with a default, groups and an interval."""
    measures = create_measures()
    during = events.where(events.date.is_during(INTERVAL))
    measures.define_defaults(
        denominator=patients.date_of_birth < INTERVAL.start_date,
        intervals=months(2).starting_on("2023-01-01"),
    )
    measures.define_measure("seen", during.exists_for_patient(), group_by={"sex": patients.sex})
    measures.define_measure("visits", during.count_for_patient())
    return measures


def brought(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Return a plan with both kinds of tables of the study's own."""
    monkeypatch.chdir(folder)
    (folder / "given.csv").write_text("patient_id,score\n1,2\n")
    rows = table_from_rows([(2, "2020-01-01"), (1, None)], columns={"seen": "date"})
    given = table_from_file("given.csv", columns={"score": int})
    dataset = create_dataset()
    dataset.define_population(rows.exists_for_patient())
    dataset.seen, dataset.score = rows.seen, given.score
    dataset.configure_dummy_data(
        population_size=5, timeout=9, additional_population_constraint=given.score > 1
    )
    return plan_of(dataset)


def test_prp_03_a_plan_of_measures_read_is_the_same() -> None:
    plan = plan_of(two_measures())
    again = loads(dumps(plan))
    assert again.kind == "measures"
    assert again.measures is plan.measures
    assert dumps(again) == dumps(plan)
    with pytest.raises(DefinitionError, match="not of a dataset"):
        _ = again.dataset


def test_plan_04_inputs_are_named_with_digest_and_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = brought(tmp_path, monkeypatch)
    again = loads(dumps(plan))
    assert again == plan
    assert dumps(again) == dumps(plan)
    [given] = json.loads(dumps(plan))["inputs"]
    assert given["path"] == "given.csv"
    assert len(given["digest"]) == 64
    assert given["columns"] == [["score", "int"]]
    assert (again.dummy.population_size, again.dummy.timeout) == (5, 9)


Change = Callable[[dict[str, Any]], None]


def measure(key: str, value: Any) -> Change:
    """Return what sets one key of the first measure."""
    return lambda document: document["measures"][0].__setitem__(key, value)


def rename_parameter(document: dict[str, Any]) -> None:
    """Give the first parameter a name that there is not."""
    next(item for item in document["nodes"] if item["k"] == "Parameter")["name"] = "today"


MEASURES: dict[str, Change] = {
    "disclosure as text": lambda document: document.update(disclosure_control="no"),
    "no measure": lambda document: document.update(measures=[]),
    "a column": lambda document: document.update(columns=[]),
    "a measure twice": lambda document: document["measures"].append(document["measures"][0]),
    "unknown key": measure("sql", "1"),
    "bad name": measure("name", "a b"),
    "no interval": measure("intervals", []),
    "interval backwards": measure("intervals", [["2023-02-01", "2023-01-01"]]),
    "intervals unsorted": measure(
        "intervals", [["2023-02-01", "2023-02-02"], ["2023-01-01", "2023-01-02"]]
    ),
    "interval of three": measure("intervals", [["2023-02-01", "2023-02-02", "2023-02-03"]]),
    "denominator of dates": measure("denominator", 1),
    "reserved group": measure("groups", [["ratio", 1]]),
    "unknown parameter": rename_parameter,
}


@pytest.mark.parametrize("name", MEASURES)
def test_plan_02_forged_measures_are_refused(name: str) -> None:
    document = json.loads(dumps(plan_of(two_measures())))
    forged = copy.deepcopy(document)
    MEASURES[name](forged)
    with pytest.raises(DefinitionError):
        loads(json.dumps(forged))
    assert loads(json.dumps(document)).kind == "measures"


def given(key: str, value: Any) -> Change:
    """Return what sets one key of the data file."""
    return lambda document: document["inputs"][0].__setitem__(key, value)


def inline(key: str, value: Any) -> Change:
    """Return what sets one key of the table that is written out."""

    def apply(document: dict[str, Any]) -> None:
        node = next(item for item in document["nodes"] if item["k"] == "Inline" and "rows" in item)
        node[key] = value

    return apply


INPUTS: dict[str, Change] = {
    "a file above": given("path", "../secret.csv"),
    "an absolute path": given("path", "/etc/passwd"),
    "a path in two ways": given("path", "a//given.csv"),
    "no digest": given("digest", "abc"),
    "another type": given("columns", [["score", "number"]]),
    "a column twice": given("columns", [["score", "int"], ["score", "int"]]),
    "an input that nothing uses": lambda document: document["inputs"].append(
        {"path": "b.csv", "digest": "0" * 64, "columns": []}
    ),
    "rows out of order": inline("rows", [[2, None], [1, None]]),
    "a patient twice": inline("rows", [[1, None], [1, None]]),
    "too many values": inline("rows", [[1, None, 3]]),
    "a patient of text": inline("rows", [["1", None]]),
    "a wrong value": inline("rows", [[1, 5]]),
    "no timeout": lambda document: document["dummy"].update(timeout=0),
    "a constraint of numbers": lambda document: document["dummy"].update(constraint=2),
}


@pytest.mark.parametrize("name", INPUTS)
def test_plan_02_forged_inputs_are_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(dumps(brought(tmp_path, monkeypatch)))
    assert loads(json.dumps(document)).inputs()[0].source == "given.csv"
    INPUTS[name](document)
    with pytest.raises(DefinitionError):
        loads(json.dumps(document))


@pytest.mark.parametrize("kind", ["measures", "inputs"])
def test_plan_02_mutations_are_read_or_refused_and_nothing_else(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(two_measures()) if kind == "measures" else brought(tmp_path, monkeypatch)
    document, chance = json.loads(dumps(plan)), repeatable(b"20261125")
    outcomes = {"read": 0, "refused": 0}
    for _ in range(400):
        try:
            loads(json.dumps(mutate(document, chance)))
            outcomes["read"] += 1
        except DefinitionError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 200
    assert outcomes["read"] > 0


def test_plan_03_a_table_of_the_study_has_its_columns_written_out() -> None:
    class Visits(EventFrame):
        date = Series("date")

    dataset = create_dataset()
    dataset.define_population(table(Visits).exists_for_patient())
    document = json.loads(dumps(plan_of(dataset)))
    [own] = [node for node in document["nodes"] if node["k"] == "Table"]
    assert own["spec"] == [["date", "date"]]
    assert loads(json.dumps(document)) == plan_of(dataset)
    for forged in ({"schema": "core"}, {"rows": "some"}, {"spec": [["date", "time"]]}):
        changed = copy.deepcopy(document)
        next(node for node in changed["nodes"] if node["k"] == "Table").update(forged)
        with pytest.raises(DefinitionError):
            loads(json.dumps(changed))
    del own["spec"]
    with pytest.raises(DefinitionError, match="a table: its fields are"):
        loads(json.dumps(document))


def test_plan_05_what_a_plan_claims_is_in_it_and_decides_nothing() -> None:
    claim_permissions("event_level_data", "another")
    dataset = create_dataset()
    dataset.define_population(patients.exists_for_patient())
    dataset.add_event_table("visits", date=events.date)
    plan = loads(dumps(plan_of(dataset)))
    assert plan.permissions_claimed == ("another", "event_level_data")
    assert plan.permissions() == [("the event table visits", "event_level_data")]


def test_dom_06_is_checked_in_a_plan_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(dumps(brought(tmp_path, monkeypatch)))
    assert load_plan(json.dumps(document)).kind == "dataset"
    document["nodes"].append({"k": "Literal", "type": "bool", "value": True})
    document["population"] = len(document["nodes"]) - 1
    with pytest.raises(DefinitionError, match="in no table"):
        load_plan(json.dumps(document))
    nodes, last = document["nodes"], len(document["nodes"]) - 1
    nodes.append({"k": "Literal", "type": "date", "value": "9999-12-31"})
    nodes.append({"k": "Literal", "type": "int", "value": 10**9})
    nodes.append({"k": "DateAdd", "op": "days", "date": last + 1, "amount": last + 2})
    nodes.append({"k": "IsNull", "source": last + 3})
    document["population"] = last + 4
    with pytest.raises(DefinitionError, match="too large"):
        load_plan(json.dumps(document))


def test_fmt_10_both_forms_of_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "given.csv").write_text("patient_id,score\n1,2\n")

    @table_from_file("given.csv")
    class Given(PatientFrame):
        score = Series(int)

    again = table_from_file(tmp_path / "given.csv", columns={"score": int})
    frame: Any = Given
    assert frame.score._node is again.score._node
    with pytest.raises(DefinitionError, match="lies in the study's folder"):
        table_from_file("../given.csv", columns={"score": int})
    (tmp_path / "link.csv").symlink_to(tmp_path / "given.csv")
    with pytest.raises(DataFileError, match=r"link\.csv is a link"):
        table_from_file("link.csv", columns={"score": int})
    (tmp_path / "out.csv").symlink_to("/etc/passwd")
    with pytest.raises(DefinitionError, match="lies in the study's folder"):
        table_from_file("out.csv", columns={"score": int})
    with pytest.raises(DataFileError, match=r"There is no data file other\.csv"):
        table_from_file("other.csv", columns={"score": int})
    with pytest.raises(DefinitionError, match=r"none of the extensions \.csv"):
        table_from_file("given.txt", columns={"score": int})


def test_sem_22_a_patient_twice_is_an_error() -> None:
    table_from_rows([(1, 5), (2, 5)], columns={"score": int})
    with pytest.raises(DefinitionError, match="The patient 1 has two rows"):
        table_from_rows([(1, 5), (1, 6)], columns={"score": int})
