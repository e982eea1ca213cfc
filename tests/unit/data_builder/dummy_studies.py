"""Studies as people write them, over tables of several schemas, for dummy data."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace

from sallyport_data_builder.lang import (
    INTERVAL,
    case,
    create_dataset,
    create_measures,
    days,
    minimum_of,
    months,
    when,
    years,
)
from sallyport_data_builder.lang.datasets import Definition, plan_of
from sallyport_data_builder.lang.tables import core, emis, table_from_rows, tpp
from sallyport_data_builder.model.plan import Plan

INDEX = "2022-06-01"
END = "2023-05-31"
ASTHMA = ["195967001", "304527002", "312453004"]
STROKE = ["230690007", "432504007"]
SMOKING = {"77176002": "current", "8517006": "former", "266919005": "never"}
INHALERS = ["39113611000001102", "39113311000001107"]


def outcome() -> Definition:
    """Adults without a stroke before the index date are followed until one, or until they die."""
    events, age = core.clinical_events, core.patients.age_on(INDEX)
    registered = core.practice_registrations.for_patient_on(INDEX)
    before = events.where(events.date.is_before(INDEX))
    stroke = events.where(events.snomedct_code.is_in(STROKE))
    strokes = stroke.where(stroke.date.is_on_or_between(INDEX, END)).sort_by(events.date)
    smoking = before.where(before.snomedct_code.is_in(list(SMOKING))).sort_by(before.date)
    deaths = core.ons_deaths
    dataset = create_dataset()
    dataset.define_population(
        registered.exists_for_patient()
        & (age >= 40)
        & (age < 90)
        & core.patients.is_alive_on(INDEX)
        & ~stroke.where(stroke.date.is_before(INDEX)).exists_for_patient()
    )
    dataset.sex = core.patients.sex
    dataset.decade = age // 10 * 10
    dataset.smoking = smoking.last_for_patient().snomedct_code.to_category(SMOKING, "unknown")
    dataset.stroke = strokes.first_for_patient().date
    dataset.died_of_stroke = deaths.cause_of_death_is_in(["I63", "I64"])
    dataset.end = minimum_of(dataset.stroke, deaths.date, registered.end_date, END)
    dataset.followed = (dataset.end - INDEX).days
    dataset.systolic = before.where(
        (before.snomedct_code == "271649006") & (before.numeric_value > 60)
    ).numeric_value.mean_for_patient()
    return dataset


def vaccinated() -> Definition:
    """Two doses apart, where people live, and stays in hospital by diagnosis."""
    address, doses = tpp.addresses.for_patient_on(INDEX), tpp.vaccinations
    covid = doses.where(doses.target_disease == "SARS-2 CORONAVIRUS").sort_by(doses.date)
    first = covid.first_for_patient()
    second = covid.where(doses.date >= first.date + days(21)).first_for_patient()
    stays = tpp.apcs.where(tpp.apcs.admission_date.is_during((INDEX, END)))
    practice = tpp.practice_registrations.for_patient_on(INDEX)
    dataset = create_dataset()
    dataset.define_population(
        practice.exists_for_patient()
        & (tpp.patients.age_on(INDEX) >= 16)
        & address.rural_urban_classification.is_not_null()
        & first.date.is_on_or_between("2020-12-08", INDEX)
    )
    dataset.first, dataset.second = first.date, second.date
    dataset.gap = (second.date - first.date).weeks
    dataset.product = first.product_name
    dataset.imd = address.imd_quintile
    dataset.area, dataset.rural = address.msoa_code, address.rural_urban_classification
    dataset.home = address.address_type == 0
    dataset.region = practice.practice_nuts1_region_name
    dataset.heart = stays.where(stays.all_diagnoses.contains("I21")).exists_for_patient()
    dataset.method = stays.sort_by(stays.admission_date).last_for_patient().admission_method
    dataset.longest = (stays.discharge_date - stays.admission_date).days.maximum_for_patient()
    return dataset


def waiting() -> Definition:
    """Waiting times, emergency care and ethnicity."""
    waits = tpp.wl_clockstops
    ended = waits.where(waits.referral_to_treatment_period_end_date.is_during((INDEX, END)))
    last = ended.sort_by(ended.week_ending_date).last_for_patient()
    care = tpp.emergency_care_attendances
    dataset = create_dataset()
    dataset.define_population(
        (last.referral_to_treatment_period_start_date < last.referral_to_treatment_period_end_date)
        & last.priority_type_code.is_in(["routine", "urgent"])
        & tpp.patients.exists_for_patient()
    )
    dataset.weeks = (
        last.referral_to_treatment_period_end_date - last.referral_to_treatment_period_start_date
    ).weeks
    dataset.specialty, dataset.kind = last.activity_treatment_function_code, last.waiting_list_type
    dataset.waits = ended.count_for_patient()
    dataset.care = care.where(
        care.diagnosis_01.is_in(STROKE) | care.diagnosis_02.is_in(STROKE)
    ).count_for_patient()
    dataset.ethnicity = tpp.ethnicity_from_sus.code
    dataset.add_event_table("visits", on=care.arrival_date, why=care.diagnosis_01)
    return dataset


def infants() -> Definition:
    """Children who were vaccinated in their first two years."""
    born, shots = emis.patients.date_of_birth, emis.vaccinations
    early = shots.where(shots.date.is_on_or_between(born, born + years(2)))
    dataset = create_dataset()
    dataset.define_population(
        (born.year >= 2015)
        & (early.count_for_patient() >= 2)
        & emis.practice_registrations.spanning(INDEX, END).exists_for_patient()
    )
    dataset.born, dataset.sex = born, emis.patients.sex
    dataset.first = early.date.minimum_for_patient()
    dataset.months = (dataset.first - born).months
    dataset.episodes = early.date.count_episodes_for_patient(days(30))
    dataset.kinds = early.procedure_code.count_distinct_for_patient()
    return dataset


def matched() -> Definition:
    """Cases that the study brings itself."""
    day = datetime.date.fromisoformat
    rows = [(n, day(INDEX) + datetime.timedelta(n), n % 3) for n in range(3, 60)]
    columns = {"indexed": datetime.date, "stratum": int}
    cases = table_from_rows(rows, columns=columns)
    drugs = core.medications
    dataset = create_dataset()
    dataset.define_population(
        cases.exists_for_patient() & core.patients.age_on(cases.indexed).is_not_null()
    )
    dataset.stratum = cases.stratum
    dataset.after = drugs.where(
        drugs.dmd_code.is_in(INHALERS) & (drugs.date > cases.indexed)
    ).exists_for_patient()
    return dataset


def monthly() -> Definition:
    """Prescribing and diagnoses by month, sex and age band."""
    age = core.patients.age_on(INTERVAL.start_date)
    events, drugs = core.clinical_events, core.medications
    band = case(when(age < 30).then("a"), when(age < 60).then("b"), otherwise="c")
    measures = create_measures()
    measures.configure_disclosure_control(enabled=False)
    measures.define_defaults(
        denominator=core.practice_registrations.exists_for_patient_on(INTERVAL.start_date)
        & core.patients.is_alive_on(INTERVAL.start_date)
        & (age >= 18),
        intervals=months(12).starting_on("2022-01-01"),
    )
    diagnosed = events.where(events.date.is_during(INTERVAL)).where(
        events.snomedct_code.is_in(ASTHMA)
    )
    issued = drugs.where(drugs.date.is_during(INTERVAL) & drugs.dmd_code.is_in(INHALERS))
    measures.define_measure(
        "diagnosed", diagnosed.exists_for_patient(), group_by={"sex": core.patients.sex}
    )
    measures.define_measure("issued", issued.count_for_patient(), group_by={"band": band})
    return measures


def regional() -> Definition:
    """Admissions by quarter, region and deprivation; a count is the denominator of one."""
    practice = tpp.practice_registrations.for_patient_on(INTERVAL.start_date)
    stays = tpp.apcs.where(tpp.apcs.admission_date.is_during(INTERVAL))
    imd = tpp.addresses.for_patient_on(INTERVAL.start_date).imd_quintile
    measures = create_measures()
    measures.configure_disclosure_control(enabled=False)
    measures.define_defaults(intervals=[*months(4).starting_on("2021-01-01")])
    measures.define_measure(
        "admitted",
        numerator=stays.exists_for_patient(),
        denominator=practice.exists_for_patient(),
        group_by={"region": practice.practice_nuts1_region_name},
    )
    measures.define_measure(
        "emergencies",
        numerator=stays.where(stays.admission_method.is_in(["21", "22"])).count_for_patient(),
        denominator=stays.count_for_patient(),
        group_by={"imd": imd},
    )
    return measures


STUDIES: dict[str, Callable[[], Definition]] = {
    study.__name__: study
    for study in (outcome, vaccinated, waiting, infants, matched, monthly, regional)
}


def planned(name: str, size: int) -> Plan:
    """Return the plan of a study, with so many dummy patients."""
    plan = plan_of(STUDIES[name]())
    return replace(plan, dummy=replace(plan.dummy, population_size=size, timeout=300))
