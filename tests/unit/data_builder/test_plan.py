"""plan.json: one way to write it, and nothing else is read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from sallyport_data_builder.dummy.chance import repeatable
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang import create_dataset, weeks
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.model.nodes import topological
from sallyport_data_builder.model.operations import Literal
from sallyport_data_builder.model.plan import Plan, dumps, loads

PROGRAM = """
from tests.unit.data_builder.test_plan import study
from sallyport_data_builder.model.plan import dumps
print(dumps(study()), end="")
"""


def study() -> Plan:
    """Return a plan with a bit of everything."""
    events, patients = core.clinical_events, core.patients
    asthma = events.where(events.snomedct_code.is_in(["195967001", "38341003"]))
    dataset = create_dataset()
    dataset.configure_dummy_data(population_size=20)
    dataset.define_population(patients.exists_for_patient() & (patients.age_on("2020-01-01") > 17))
    dataset.first = asthma.sort_by(asthma.date).first_for_patient().date
    dataset.runs = asthma.date.count_episodes_for_patient(weeks(4))
    dataset.sex = patients.sex.map_values({"male": "m"}, default="other")
    return plan_of(dataset)


def test_plan_01_the_same_definition_gives_the_same_bytes() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {dumps(study())}


def test_prp_03_a_plan_read_is_the_same_graph() -> None:
    plan = study()
    again = loads(dumps(plan))
    assert again.dataset is plan.dataset
    assert dumps(again) == dumps(plan)


def test_dom_07_equal_nodes_are_one_and_types_differ() -> None:
    assert Literal("int", 1) is Literal("int", 1)
    assert Literal("int", 1) is not Literal("float", 1.0)
    nodes = topological([study().dataset])
    assert len(nodes) == len(set(nodes))


def change(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets one key of the document."""
    return lambda document: document.__setitem__(key, value)


def node(kind: str, key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets one key of the first node of a class."""

    def apply(document: dict[str, Any]) -> None:
        found = next(item for item in document["nodes"] if item["k"] == kind)
        found[key] = value

    return apply


FORGERIES = {
    "unknown key": change("sql", "drop table x"),
    "another version": change("version", 2),
    "version as text": change("version", "1"),
    "another kind": change("kind", "measures"),
    "kind of no word": change("kind", ["dataset"]),
    "events of none": change("events", []),
    "unknown class": node("Compare", "k", "Evil"),
    "unknown operation": node("Compare", "op", "like"),
    "unknown field": node("Compare", "sql", "1"),
    "forward reference": node("Compare", "left", 10_000),
    "negative reference": node("Compare", "left", -1),
    "bool as reference": node("Compare", "left", True),
    "table of another schema": node("Table", "name", "secrets"),
    "unknown schema": node("Table", "schema", "nowhere"),
    "other rows": node("Table", "rows", "both"),
    "unknown column": node("Column", "name", "password"),
    "wrong type of constant": node("Literal", "value", True),
    "constants out of order": node("Constants", "values", ["9999991", "123456"]),
    "code of no form": node("Constants", "values", ["'; drop table x"]),
    "reserved column": change("columns", [["patient_id", 0]]),
    "column is a frame": change("columns", [["a", 0]]),
    "too many dummy patients": change("dummy", {"population_size": 10**9}),
    "a file to read": change("inputs", ["../../etc/passwd"]),
    "another version of a schema": change("schemas", {"core": 99}),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_plan_02_a_forgery_is_refused(name: str) -> None:
    document = json.loads(dumps(study()))
    assert loads(json.dumps(document)).dataset is study().dataset
    FORGERIES[name](document)
    with pytest.raises(DefinitionError):
        loads(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": NaN}', '{"a": 1, "a": 1}', "[" * 100_000])
def test_plan_02_text_that_is_no_plan(text: str) -> None:
    with pytest.raises(DefinitionError):
        loads(text)


def mutate(value: Any, chance: Random) -> Any:
    """Change one place of a document at random."""
    junk: list[Any] = [None, True, -1, 0, 3, 1.5, "", "x", [], {}, [[]], 2**70, "2020-01-01"]
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(sorted(value))
        return {**value, key: mutate(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        return [*value[:place], mutate(value[place], chance), *value[place + 1 :]]
    return chance.choice(junk)


def test_plan_02_mutations_are_read_or_refused_and_nothing_else() -> None:
    chance = repeatable(b"20261124")
    document = json.loads(dumps(study()))
    outcomes = {"read": 0, "refused": 0}
    for _ in range(400):
        try:
            loads(json.dumps(mutate(document, chance)))
            outcomes["read"] += 1
        except DefinitionError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 200
    assert outcomes["read"] > 0


def test_a_population_may_be_deep_and_share_its_parts() -> None:
    score = core.clinical_events.count_for_patient()
    for _ in range(200):
        score = score + score
    dataset = create_dataset()
    dataset.define_population(core.patients.exists_for_patient() & (score > 3))
    assert loads(dumps(plan_of(dataset))) == plan_of(dataset)


def test_too_deep_a_plan_is_refused() -> None:
    deep = core.clinical_events.numeric_value.sum_for_patient()
    for _ in range(600):
        deep = deep + 1.0
    dataset = create_dataset()
    dataset.define_population(core.patients.exists_for_patient())
    dataset.deep = deep
    with pytest.raises(DefinitionError, match="deeper than 500"):
        loads(dumps(plan_of(dataset)))
