"""What a query means: populations, registrations, causes of death, downloads; on every engine."""

from __future__ import annotations

import pytest
from tests.unit.data_builder.cases.core import DEATH, EVENTS, PEOPLE
from tests.unit.data_builder.cases.form import day
from tests.unit.data_builder.conftest import Ask

from sallyport_data_builder.lang.tables import core

patients, events, registrations = core.patients, core.clinical_events, core.practice_registrations


REGISTRATIONS = [
    (1, day("2010-01-01"), day("2015-01-01"), 1),
    (1, day("2015-01-01"), None, 2),
    (1, day("2016-01-01"), None, 3),
    (2, day("2010-01-01"), day("2019-01-01"), 4),
]


@pytest.mark.parametrize(
    ("date", "practices"),
    [("2015-01-01", [2, 4]), ("2014-12-31", [1, 4]), ("2020-01-01", [3, None])],
)
def test_registration_on_a_date_is_the_latest(ask: Ask, date: str, practices: list[int]) -> None:
    tables = {"patients": PEOPLE[:2], "practice_registrations": REGISTRATIONS}
    on_date = registrations.for_patient_on(date)
    assert ask(on_date.practice_pseudo_id, tables) == practices
    exists = [practice is not None for practice in practices]
    assert ask(registrations.exists_for_patient_on(date), tables) == exists


def test_cause_of_death_is_looked_for_in_every_place(ask: Ask) -> None:
    deaths = [(1, day("2020-01-01"), "I219"), (2, day("2020-01-01"), "J189", None, "I219")]
    tables = {"patients": PEOPLE, "ons_deaths": deaths}
    found = ask(core.ons_deaths.cause_of_death_is_in(["I219"]).when_null_then(False), tables)
    assert found == [True, True, False]


def test_sem_21_population_is_true_and_in_order(ask: Ask) -> None:
    tables = {"patients": PEOPLE[::-1]}
    assert ask(patients.sex, tables, DEATH > "2000-01-01") == ["male", "unknown"]


def test_population_may_come_from_events_alone(ask: Ask) -> None:
    assert ask(
        events.count_for_patient(), {"clinical_events": EVENTS}, events.exists_for_patient()
    ) == [4, 2]


@pytest.mark.parametrize("size", [0, 1, 7])
def test_every_patient_is_downloaded_once(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("sallyport_data_builder.sql.dialect.BATCH", 3)
    people = [(number, day("2000-01-01"), "male", None) for number in range(size)]
    assert len(ask(patients.sex, {"patients": people})) == size
