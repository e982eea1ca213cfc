"""The passes of the planner, without a database: what is stored, of which rows, in which order."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from sallyport_data_builder.errors import ArgumentsError
from sallyport_data_builder.lang import (
    INTERVAL,
    case,
    create_dataset,
    create_measures,
    maximum_of,
    minimum_of,
    months,
    when,
)
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.model.nodes import Column, Frame, Series, base_table
from sallyport_data_builder.plan import shared
from sallyport_data_builder.plan.branches import Both, Either, any_of, in_common
from sallyport_data_builder.plan.codelists import in_tables
from sallyport_data_builder.plan.fusion import needs
from sallyport_data_builder.plan.options import SWITCHES, Options, from_environment, switched_off
from sallyport_data_builder.plan.presence import never_null, starting_point
from sallyport_data_builder.plan.relations import Needs, population_tables
from sallyport_data_builder.plan.spans import span_of
from sallyport_data_builder.plan.together import batches, together

patients, events, registrations = core.patients, core.clinical_events, core.practice_registrations
medications = core.medications
A, B = "195967001", "38341003"
asthma = events.where(events.snomedct_code == A)
recent = asthma.where(events.date > "2020-01-01")
latest = asthma.sort_by(events.date).last_for_patient()


def node(series: Any) -> Series:
    """Return the node of a series."""
    found: Series = series._node
    return found


def name_of(frame: Frame) -> str:
    """Return the name of a table."""
    return base_table(frame).name


def needed(*series: Any, early: Any = None, **options: Any) -> Needs:
    """Return what some series need."""
    first = [] if early is None else [node(early)]
    return needs([node(each) for each in series], first, Options(**options), fused_picks=True)


def shape(found: Needs) -> list[tuple[str, str, int]]:
    """Return kind, table and number of outputs of each relation."""
    return [(r.kind, r.table.name, len(r.outputs)) for r in found.relations]


AND_ALIVE = patients.exists_for_patient() & patients.date_of_birth.is_not_null()


@pytest.mark.parametrize(
    ("population", "expected"),
    [
        (patients.exists_for_patient(), ["patients"]),
        (events.exists_for_patient() & (patients.sex == "male"), ["patients"]),
        (events.exists_for_patient() & AND_ALIVE, ["patients"]),
        (events.exists_for_patient(), ["clinical_events"]),
        (asthma.count_for_patient() > 0, ["clinical_events"]),
        (
            events.exists_for_patient() | patients.exists_for_patient(),
            ["clinical_events", "patients"],
        ),
        (patients.date_of_death.is_null(), ["patients"]),
        (
            patients.date_of_death.is_null() | events.exists_for_patient(),
            ["patients", "clinical_events"],
        ),
        (~(patients.sex == "male"), ["patients"]),
    ],
)
def test_pln_01_patients_are_looked_for_where_they_must_be(
    population: Any, expected: list[str]
) -> None:
    found = starting_point(node(population), population_tables(node(population)))
    assert sorted(name_of(table) for table in found) == sorted(expected)


def test_pln_03_one_scan_of_all_that_reads_a_table() -> None:
    wanted = (asthma.count_for_patient(), recent.exists_for_patient(), latest.numeric_value)
    assert shape(needed(*wanted)) == [("scan", "clinical_events", 3)]
    apart = needed(*wanted, off=frozenset(["fusion"]))
    assert sorted(shape(apart)) == [
        ("pick", "clinical_events", 1),
        ("scan", "clinical_events", 1),
        ("scan", "clinical_events", 1),
    ]


def test_pln_03_a_scan_that_waits_for_another_is_not_fused_with_it() -> None:
    later = events.where(events.date > latest.date).count_for_patient()
    found = needed(later, asthma.count_for_patient())
    assert shape(found) == [("scan", "clinical_events", 2), ("scan", "clinical_events", 1)]
    first, second = found.relations
    assert found.uses[second] == (first,)


def test_pln_03_no_ring_of_scans() -> None:
    """Two tables whose outputs wait for one another in turn."""
    first_event = events.date.minimum_for_patient()
    first_drug = medications.date.minimum_for_patient()
    wanted = (
        medications.where(medications.date > first_event).count_for_patient(),
        events.where(events.date > first_drug).count_for_patient(),
    )
    found = needed(*wanted)
    made: set[Any] = set()
    for relation in found.relations:
        assert set(found.uses[relation]) <= made
        made.add(relation)
    assert len(found.relations) == 3


def test_pln_03_what_the_population_needs_comes_first_and_alone() -> None:
    found = needed(recent.count_for_patient(), early=asthma.exists_for_patient())
    assert [relation.early for relation in found.relations] == [True, False]


def test_pln_03_where_is_what_branches_share_and_any_of_the_rest() -> None:
    found = needed(
        recent.count_for_patient(), asthma.where(events.numeric_value > 1).count_for_patient()
    )
    (relation,) = found.relations
    filters = [output.filters for output in relation.branches]
    assert in_common(filters) == 1
    formula = any_of(filters)
    assert isinstance(formula, Both)
    assert formula.predicate is node(events.snomedct_code == A)
    assert isinstance(formula.rest, Either)
    assert any_of([*filters, filters[0][:1]]) is formula.predicate
    assert any_of([*filters, ()]) is None


def test_pln_04_a_pick_of_its_key_is_an_end_of_the_values() -> None:
    (relation,) = needed(latest.date).relations
    assert (relation.kind, relation.outputs[0].shortcut) == ("scan", True)
    (relation,) = needed(latest.date, latest.numeric_value).relations
    assert (relation.kind, [o.shortcut for o in relation.outputs]) == ("pick", [False, False])
    (relation,) = needed(latest.date, off=frozenset(["shortcuts"])).relations
    assert relation.kind == "pick"


def test_pln_04_columns_of_one_pick_are_one_pass() -> None:
    first = asthma.sort_by(events.date).first_for_patient()
    found = needed(latest.numeric_value, latest.snomedct_code, first.numeric_value)
    assert shape(found) == [("scan", "clinical_events", 3)]


def test_pln_04_columns_that_a_filter_keeps_from_being_null() -> None:
    def kept(condition: Any) -> set[str]:
        return set(never_null(node(condition)))

    assert kept((events.date > "2020-01-01") & events.numeric_value.is_not_null()) == {
        "date",
        "numeric_value",
    }
    assert kept((events.date > "2020-01-01") | (events.date < "2010-01-01")) == {"date"}
    assert kept((events.date > "2020-01-01") | events.numeric_value.is_not_null()) == set()
    assert kept(events.snomedct_code.is_in([A])) == {"snomedct_code"}
    assert kept(events.date.is_null()) == set()


def test_pln_05_long_codelists_go_to_tables() -> None:
    roots = [node(events.where(events.snomedct_code.is_in([A, B])).exists_for_patient())]
    assert in_tables(roots, Options(max_literals=2)) == []
    (found,) = in_tables(roots, Options(max_literals=1))
    assert found.values == (A, B)
    assert in_tables(roots, Options(off=frozenset(["literals"]))) == [found]


def test_pln_08_shared_parts_are_computed_once() -> None:
    age = patients.age_on("2023-01-01")
    band = case(when(age < 40).then("young"), otherwise="old")
    assert shared.levels([node(age), node(band)]) == [[node(age)]]
    assert shared.levels([node(age)]) == []
    assert shared.levels([node(patients.sex), node(patients.sex == "male")]) == []


def test_pln_08_nesting_does_not_multiply() -> None:
    value = asthma.count_for_patient()
    for number in range(40):
        value = case(when(value > number).then(value - 1), otherwise=minimum_of(value, number))
    found = shared.levels([node(value)])
    assert sum(len(level) for level in found) < 60
    assert found


def test_pln_08_what_moves_is_the_largest_part_that_can() -> None:
    age = patients.age_on("2023-01-01")
    wanted = node(maximum_of(age, asthma.count_for_patient()))
    found = shared.movable([wanted, node(patients.sex)], lambda leaf: isinstance(leaf, Column))
    assert found == [node(age), node(patients.sex)]


def test_pln_11_switches_by_name() -> None:
    assert switched_off(" no-fusion, no-carry ") == {"fusion", "carry"}
    assert switched_off("") == frozenset()
    with pytest.raises(ArgumentsError, match=r"no-fusin is not a switch\. Did you mean no-fusion"):
        switched_off("no-fusin")
    assert all(not Options(off=frozenset([name])).on(name) for name in SWITCHES)
    with pytest.raises(KeyError):
        Options().on("fusin")


def test_pln_11_every_switch_is_documented() -> None:
    page = Path(__file__).parents[3] / "docs/reference/data_builder.md"
    text = page.read_text(encoding="utf-8")
    assert [name for name in SWITCHES if f"`no-{name}`" not in text] == []


def test_bounds_of_the_environment_only_lower() -> None:
    given = {"EHRQL_MAX_JOIN_COUNT": "16", "EHRQL_MAX_MULTIVALUE_PARAM_LENGTH": "99999"}
    found = from_environment(given, 100, 1600, 5000)
    assert (found.max_joins, found.max_columns, found.max_literals) == (16, 1600, 5000)
    with pytest.raises(ArgumentsError, match="EHRQL_MAX_JOIN_COUNT must be a positive"):
        from_environment({"EHRQL_MAX_JOIN_COUNT": "0"}, 100, 1600, 5000)


def test_the_same_definition_gives_the_same_needs() -> None:
    wanted = (latest.numeric_value, recent.count_for_patient(), registrations.exists_for_patient())
    assert needed(*wanted) == needed(*wanted)
    dataset = create_dataset()
    dataset.define_population(patients.exists_for_patient())
    assert plan_of(dataset).dataset.columns == ()


during = events.where(events.date.is_during(INTERVAL))


def test_msr_01_one_denominator_and_one_set_of_intervals_share_a_query() -> None:
    measures = create_measures()
    both = {"denominator": patients.exists_for_patient(), "group_by": {"sex": patients.sex}}
    year = months(12).starting_on("2022-01-01")
    measures.define_measure("a", during.exists_for_patient(), intervals=year, **both)
    measures.define_measure("b", during.count_for_patient(), intervals=year, **both)
    measures.define_measure("c", during.count_for_patient(), intervals=year[:6], **both)
    found = together(plan_of(measures).measures)
    assert [[m.name for m in each.measures] for each in found] == [["a", "b"], ["c"]]
    assert found[0].sets == ((node(patients.sex),),)
    assert len(found[0].calendar()) == 365


@pytest.mark.parametrize(
    ("patients_", "expected"),
    [(10, [(1, 12)]), (250, [(1, 4), (5, 8), (9, 12)]), (5_000, [(n, n) for n in range(1, 13)])],
)
def test_msr_03_batches_follow_the_number_of_patients(
    patients_: int, expected: list[tuple[int, int]]
) -> None:
    assert batches(12, patients_, 1_000) == expected


@pytest.mark.parametrize(
    ("frame", "column"),
    [
        (during, "date"),
        (during.where(events.snomedct_code == A), "date"),
        (events.where(events.date >= INTERVAL.start_date), None),
        (
            events.where((events.date >= INTERVAL.start_date) | (events.date <= INTERVAL.end_date)),
            None,
        ),
    ],
)
def test_msr_04_events_during_the_interval_are_found_by_day(frame: Any, column: str | None) -> None:
    (relation,) = needed(frame.count_for_patient()).relations
    assert relation.dynamic
    found = span_of(relation.outputs)
    assert (found.name if found else None) == column
    assert needed(frame.count_for_patient(), off=frozenset(["calendar"])).relations[0].span is None


def test_a_long_span_has_no_calendar() -> None:
    measures = create_measures()
    decades = [(datetime.date(1900 + n, 1, 1), datetime.date(2000 + n, 1, 1)) for n in range(6)]
    measures.define_measure(
        "a", during.exists_for_patient(), patients.exists_for_patient(), intervals=decades
    )
    (found,) = together(plan_of(measures).measures)
    assert found.calendar() == []
