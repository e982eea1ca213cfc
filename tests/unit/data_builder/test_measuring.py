"""Measures (13.1) and event tables: every case, on every engine."""

from __future__ import annotations

import pytest
from tests.unit.data_builder.cases.measuring import EVENTS, MEASURES, TABLES
from tests.unit.data_builder.engines import Reference, Server

from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.model.plan import dumps, loads


@pytest.mark.parametrize("name", MEASURES)
def test_measures(name: str, asked: Reference | Server) -> None:
    make, expected = MEASURES[name]
    plan = plan_of(make())
    found = [
        (row.measure, row.start, row.end, row.numerator, row.denominator, (*row.groups.values(),))
        for row in asked.measures(plan.measures, TABLES)
    ]
    assert found == list(expected)
    assert loads(dumps(plan)) == plan


@pytest.mark.parametrize("name", EVENTS)
def test_event_tables(name: str, asked: Reference | Server) -> None:
    make, expected = EVENTS[name]
    plan = plan_of(make())
    assert asked.events(plan.dataset, TABLES) == list(expected)
    assert loads(dumps(plan)) == plan
    needed = [
        ("event_level_data", f"the event table {table}") for table, _rows in plan.dataset.events
    ]
    assert [(permission, what) for what, permission in plan.permissions()] == needed
