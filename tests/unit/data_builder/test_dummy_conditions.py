"""Rare conditions are followed back to the columns that they are made of (DUM-02, DUM-07)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.data_builder.dummy_rig import events, of, patients, planning

from sallyport_data_builder.dummy import inverse
from sallyport_data_builder.dummy.generator import Generator
from sallyport_data_builder.dummy.goals import ALWAYS
from sallyport_data_builder.dummy.person import Facts
from sallyport_data_builder.lang import case, maximum_of, minimum_of, when
from sallyport_data_builder.memory.engine import Engine

pytestmark = pytest.mark.live
SIZE, MOST = 10, 120
born, died = patients.date_of_birth, patients.date_of_death
last = events.sort_by(events.date).last_for_patient()
value = last.numeric_value
lived = died - born
age = patients.age_on("2021-03-31")
odd = events.where(events.numeric_value > 4321.0)
CONDITIONS: dict[str, Any] = {
    "a difference is": lived.years == 47,
    "a difference is above": lived.days > 22_000,
    "a difference is at most": lived.months <= 1,
    "a difference from a date is": age == 101,
    "a difference from a date is one of two": (age != 40) & (age >= 40) & (age <= 41),
    "the first of a year": born.to_first_of_year() == "1987-01-01",
    "the first of a month is below": (born.to_first_of_month() < "1929-03-15")
    & (born < "2021-03-31"),
    "the first of a month is above": last.date.to_first_of_month() > "2020-11-20",
    "a year": born.year == 1987,
    "a year is above": died.year > 2018,
    "a year is at most": born.year <= 1912,
    "a negative": -value >= 4321.0,
    "an absolute value": value.absolute() >= 4321.0,
    "a sum": value + 1000.5 == 5321.5,
    "a sum with the number first": 1000.5 + value == 5321.5,
    "a difference with the number first": 1000.5 - value == -4321.5,
    "a product": value * -2.0 == 8642.0,
    "a quotient": value / 4.0 == 1080.25,
    "a quotient rounded down": value // 10.0 == 432,
    "a quotient rounded down is above": value // 10.0 > 432,
    "a quotient rounded down is at most": value // 10.0 <= -432,
    "an int of a float": value.as_int() == 4321,
    "an int of a bool": (born == "1987-03-01").as_int() == 1,
    "a case": case(when(born == "1987-03-01").then("a"), otherwise="b") == "a",
    "the least is": minimum_of(value, 9999.0) == 4321.0,
    "the least is below": minimum_of(value, 9999.0) < -4321.0,
    "the least is above": (minimum_of(value, 9999.0) > 4321.0) & value.is_not_null(),
    "the greatest is": maximum_of(value, -9999.0) == 4321.0,
    "the greatest is another": (maximum_of(value, 4321.0) != 4321.0) & value.is_not_null(),
    "a count is": odd.count_for_patient() == 3,
    "a count is at least": odd.count_for_patient() >= 4,
    "a count is not": (odd.count_for_patient() != 0) & (odd.count_for_patient() < 2),
    "the highest value": events.numeric_value.maximum_for_patient() == 4321.0,
    "there is one": odd.exists_for_patient() == (born < "2100-01-01"),
}


class TooManyError(Exception):
    """More patients were made than a followed condition needs."""


def found(condition: Any) -> dict[int, Facts]:
    """Return patients who meet a condition; raise TooManyError after `MOST` were made."""
    generator = Generator(planning(condition, SIZE))
    make, made = generator.make, iter(range(MOST))

    def counted(patient: int, attempt: int) -> Facts:
        if next(made, None) is None:
            raise TooManyError
        return make(patient, attempt)

    generator.make = counted
    return generator.patients()


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_rare_condition_is_met_at_once(name: str) -> None:
    people = found(CONDITIONS[name])
    plan = planning(CONDITIONS[name])
    assert len(people) == SIZE
    assert Engine(of(plan, people), plan.dataset).included() == sorted(people)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_rare_condition_is_not_met_by_chance(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without being followed, the condition needs more."""
    monkeypatch.setattr(inverse, "solve", lambda *_relation: ALWAYS)
    with pytest.raises(TooManyError):
        found(CONDITIONS[name])
