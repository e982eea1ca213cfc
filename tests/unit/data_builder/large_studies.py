"""Three definitions of the size and shape of published ones: about 140 variables each.

They pick rows near earlier picks, use long codelists, and build conditions of conditions.
"""

from __future__ import annotations

from typing import Any

from sallyport_data_builder.lang import (
    Dataset,
    case,
    create_dataset,
    days,
    minimum_of,
    months,
    when,
    years,
)
from sallyport_data_builder.lang.tables import core, tpp

INDEX = "2022-06-01"
LISTS = [[str(1_000_000 + 1_000 * number + code) for code in range(400)] for number in range(45)]
DRUGS = [[str(39_000_000 + 1_000 * number + code) for code in range(200)] for number in range(20)]


def cohort() -> Dataset:
    """Covariates at an index date, for many conditions and medicines."""
    events, drugs = core.clinical_events, core.medications
    before = events.where(events.date.is_on_or_before(INDEX))
    dataset = _adults()
    for number, codes in enumerate(LISTS):
        mine = before.where(before.snomedct_code.is_in(codes))
        dataset.add_column(f"has_{number}", mine.exists_for_patient())
        dataset.add_column(f"last_{number}", mine.sort_by(mine.date).last_for_patient().date)
    for number, codes in enumerate(DRUGS):
        mine = drugs.where(drugs.dmd_code.is_in(codes) & drugs.date.is_on_or_after("2020-01-01"))
        dataset.add_column(f"issues_{number}", mine.count_for_patient())
        dataset.add_column(f"drug_{number}", mine.sort_by(mine.date).first_for_patient().date)
    return dataset


def follow_up() -> Dataset:
    """Outcomes after each patient's own start, and what happened around them."""
    events = core.clinical_events
    first = events.where(events.snomedct_code.is_in(LISTS[0])).sort_by(events.date)
    start = first.first_for_patient().date
    dataset = _adults()
    dataset.start = start
    ends = []
    for number, codes in enumerate(LISTS):
        mine = events.where(events.snomedct_code.is_in(codes))
        after = mine.where(mine.date.is_on_or_between(start, start + years(1)))
        outcome = after.sort_by(after.date).first_for_patient().date
        near = mine.where(mine.date.is_on_or_between(outcome - days(30), outcome + days(30)))
        dataset.add_column(f"outcome_{number}", outcome)
        dataset.add_column(f"near_{number}", near.count_for_patient())
        dataset.add_column(f"months_{number}", (outcome - start).months)
        ends.append(outcome)
    dataset.end = minimum_of(*ends[:30], core.ons_deaths.date, "2023-05-31")
    return dataset


def chains() -> Dataset:
    """Events in turn, each after the one before, and categories that build on each other."""
    events, stays = core.clinical_events, tpp.apcs
    dataset = _adults()
    for number, codes in enumerate(LISTS[:12]):
        mine = events.where(events.snomedct_code.is_in([*codes, *LISTS[number + 1]]))
        found: Any = mine.sort_by(mine.date).first_for_patient().date
        for turn in range(6):
            later = mine.where(mine.date > found + days(14))
            found = later.sort_by(later.date).first_for_patient().date
            dataset.add_column(f"turn_{number}_{turn}", found)
        spell = stays.where(stays.admission_date > found).sort_by(stays.admission_date)
        dataset.add_column(f"stay_{number}", spell.first_for_patient().primary_diagnosis)
    severity: Any = case(when(core.patients.sex == "male").then(1), otherwise=0)
    for number, codes in enumerate(LISTS):
        has = events.where(events.snomedct_code.is_in(codes)).exists_for_patient()
        severity = case(when(has & (severity > 1)).then(severity), when(has).then(2), otherwise=1)
        dataset.add_column(f"severity_{number}", severity)
    return dataset


def _adults() -> Dataset:
    dataset = create_dataset()
    registered = core.practice_registrations.for_patient_on(INDEX)
    age = core.patients.age_on(INDEX)
    dataset.define_population(
        registered.exists_for_patient()
        & (age >= 18)
        & (age < 100)
        & core.patients.sex.is_in(["female", "male"])
        & core.practice_registrations.spanning("2022-05-01", INDEX).exists_for_patient()
    )
    dataset.configure_dummy_data(population_size=100)
    dataset.sex = core.patients.sex
    dataset.age = age
    dataset.left = registered.end_date + months(1)
    return dataset


DEFINITIONS = {"cohort": cohort, "follow_up": follow_up, "chains": chains}
