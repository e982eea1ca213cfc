"""What is shown crosses to the parent as a strict document, and decides what dummy tables hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.data_builder.showing import (
    by_date,
    called,
    events,
    measures,
    patients,
    recent,
    small,
    with_number,
)

from sallyport_data_builder import debugging
from sallyport_data_builder.dummy.beside import plan_for
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.io.displays import DISPLAYS
from sallyport_data_builder.lang import (
    show,
)
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.debug import recording
from sallyport_data_builder.lang.tables import tpp
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model import plan as plans
from sallyport_data_builder.model import shown as document
from sallyport_data_builder.model.graph import permissions
from sallyport_data_builder.model.nodes import Column
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.model.shown import Call, Grid, Shown


def everything() -> Shown:
    """Return calls with a bit of everything."""
    with recording() as calls:
        show(with_number(), label="a")
        show(by_date.first_for_patient(), events, head=3)
        show(recent.date, patients.sex, tail=2)
        show("text")
    return Shown(tuple(calls), ("some",))


def test_iso_05_what_was_shown_is_read_as_it_was_written() -> None:
    text = document.dumps(everything())
    again = document.loads(text)
    assert again == everything()
    assert document.dumps(again) == text


def change(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets one key of the document."""
    return lambda found: found.__setitem__(key, value)


def call(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets one key of the first call."""
    return lambda found: found["shown"][0].__setitem__(key, value)


def grid(**values: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets keys of the first table; text stands for the first node of that class."""

    def apply(found: dict[str, Any]) -> None:
        kinds = [item["k"] for item in found["nodes"]]
        for key, value in values.items():
            place = kinds.index(value) if isinstance(value, str) else value
            found["shown"][0]["items"][0][key] = place

    return apply


def columns(*named: str) -> Callable[[dict[str, Any]], None]:
    """Return what sets the columns of the first table: columns of tables, by their names."""

    def apply(found: dict[str, Any]) -> None:
        names = [item.get("name") if item["k"] == "Column" else "" for item in found["nodes"]]
        pairs = [[name, names.index(name)] for name in named]
        found["shown"][0]["items"][0]["columns"] = pairs

    return apply


FORGERIES = {
    "unknown key": change("sql", "drop table x"),
    "a plan's format": change("format", "sallyport-plan"),
    "another version": change("version", 2),
    "version as bool": change("version", True),
    "no list": change("shown", {}),
    "a number as permission": change("permissions_claimed", [1]),
    "a file that nobody uses": change(
        "inputs", [{"path": "a.csv", "digest": "0" * 64, "columns": [["a", "int"]]}]
    ),
    "a file to read": change("inputs", ["../../etc/passwd"]),
    "unknown schema": change("schemas", {"nowhere": 1}),
    "unknown key of a call": call("sql", ""),
    "line of no number": call("line", "1"),
    "title of no text": call("title", 1),
    "file of no text": call("file", None),
    "head of nothing": call("head", 0),
    "tail as bool": call("tail", True),
    "items of no list": call("items", {"a": 1}),
    "item of a number": call("items", [1]),
    "unknown key of a table": grid(sql=1),
    "rows of a series": grid(rows="Column", population=None),
    "rows and a population": grid(rows="Table"),
    "population of no bool": grid(population="Column"),
    "population of a frame": grid(population="Table"),
    "column of a frame": grid(columns=[["a", 0]]),
    "column of no node": grid(columns=[["a", 10_000]]),
    "column of other rows": columns("sex", "date"),
    "column twice": columns("sex", "sex"),
    "nothing": grid(rows=None, population=None, columns=[]),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_plan_02_a_forged_document_is_refused(name: str) -> None:
    found = json.loads(document.dumps(everything()))
    columns("sex")(found)
    assert len(document.loads(json.dumps(found)).grids) == 4
    FORGERIES[name](found)
    with pytest.raises(DefinitionError, match="What is shown is not valid"):
        document.loads(json.dumps(found))


def test_a_plan_and_what_is_shown_are_never_taken_for_each_other() -> None:
    plan = plans.dumps(plan_of(small()))
    assert plans.loads(plan)
    with pytest.raises(DefinitionError):
        document.loads(plan)
    with pytest.raises(DefinitionError):
        plans.loads(document.dumps(everything()))
    with pytest.raises(DefinitionError, match="The columns to show are of other rows"):
        Grid(None, (("date", Column(events._node, "date")),))


def names(plan: Plan | None) -> set[str]:
    """Return the columns that dummy tables have for a plan."""
    found = [node for node in (plan.nodes if plan else []) if isinstance(node, Column)]
    return {node.name for node in found}


def test_dummy_patients_are_those_of_the_definition_if_that_is_enough() -> None:
    plan = plan_of(small())
    assert plan_for(plan, called(patients, patients.sex, events)) is plan
    more = plan_for(plan, called(events.numeric_value.sum_for_patient() > 1, recent.date))
    assert more is not None
    assert more.dataset.population is plan.dataset.population
    assert names(more) - names(plan) == {"date", "numeric_value"}


@pytest.mark.parametrize("name", ["deaths", "shown_1"])
def test_dummy_patients_of_measures_have_what_is_shown(name: str) -> None:
    """A name of the study's own is not an obstacle."""
    plan = plan_of(measures(name))
    assert plan_for(plan, called(patients.date_of_death)) is plan
    more = plan_for(plan, called(events, patients.sex))
    assert more is not None
    assert more.measures.measures[0] == plan.measures.measures[0]
    assert names(more) >= {"date", "snomedct_code", "numeric_value"}


def test_without_a_definition_everybody_in_a_table_may_be_a_dummy_patient() -> None:
    found = plan_for(None, called(events.where(events.date > "2020-01-01"), patients.sex))
    assert found is not None
    assert names(found) == {"date", "snomedct_code", "numeric_value", "sex"}
    assert isinstance(found.dataset.population, op.Logic)
    found = plan_for(None, called(small()))
    assert found is not None
    assert small()._root().population in [series for _name, series in found.dataset.columns]
    assert plan_for(None, called([1])) is None
    assert plan_for(plan_of(small()), called([1])) is None


def test_a_permission_is_needed_for_tables_that_are_shown_alone() -> None:
    assert permissions(called(tpp.patients).nodes) == set()
    assert permissions(called(tpp.appointments.status).nodes) == {
        ("tpp.appointments", "appointments")
    }


def test_a_call_without_rows_needs_no_table() -> None:
    shown = Shown((Call("a.py", 3, "x", ("1",)),))
    lines = debugging.lines(shown, None, None, DISPLAYS["ascii"])
    assert list(lines) == ["a.py, line 3: x", "1", ""]
