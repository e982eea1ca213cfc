"""A small OMOP CDM 5.4 of synthetic people: the tables and columns that the mapping reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

SCHEMA = """
create schema cdm;
create schema scratch;
create table cdm.person (person_id integer primary key, gender_concept_id integer not null,
  year_of_birth integer not null, month_of_birth integer, day_of_birth integer,
  care_site_id integer);
create table cdm.observation_period (observation_period_id integer primary key,
  person_id integer not null, observation_period_start_date date not null,
  observation_period_end_date date not null);
create table cdm.death (person_id integer not null, death_date date not null,
  cause_source_concept_id integer);
create table cdm.cdm_source (cdm_source_name varchar(255), source_release_date date not null);
create table cdm.concept (concept_id integer primary key, concept_name varchar(255) not null,
  vocabulary_id varchar(20) not null, concept_code varchar(50) not null);
create table cdm.condition_occurrence (condition_occurrence_id integer primary key,
  person_id integer not null, condition_concept_id integer not null,
  condition_start_date date not null, condition_source_concept_id integer);
create table cdm.procedure_occurrence (procedure_occurrence_id integer primary key,
  person_id integer not null, procedure_concept_id integer not null, procedure_date date not null,
  procedure_source_concept_id integer);
create table cdm.observation (observation_id integer primary key, person_id integer not null,
  observation_concept_id integer not null, observation_date date not null,
  value_as_number numeric, observation_source_concept_id integer);
create table cdm.measurement (measurement_id integer primary key, person_id integer not null,
  measurement_concept_id integer not null, measurement_date date not null,
  value_as_number numeric, measurement_source_concept_id integer);
create table cdm.drug_exposure (drug_exposure_id integer primary key, person_id integer not null,
  drug_concept_id integer not null, drug_exposure_start_date date not null,
  drug_source_concept_id integer);
"""
RIGHTS = """
grant usage on schema cdm to sallyport_jobs;
grant select on all tables in schema cdm to sallyport_jobs;
grant usage, create on schema scratch to sallyport_jobs;
analyze;
"""
ASTHMA, DIABETES, PRESSURE, SMOKER, BIOPSY = 317009, 201826, 3004249, 4298794, 4311405
LOINC, READ, SALBUTAMOL, OTHER_DRUG, HEART_ATTACK = 3000963, 45000001, 21000001, 1154343, 35000001
CONCEPTS = (
    (ASTHMA, "asthma", "SNOMED", "195967001"),
    (DIABETES, "diabetes type 2", "SNOMED", "44054006"),
    (PRESSURE, "systolic blood pressure", "SNOMED", "271649006"),
    (SMOKER, "smoker", "SNOMED", "77176002"),
    (BIOPSY, "biopsy", "SNOMED", "86273004"),
    (LOINC, "haemoglobin", "LOINC", "718-7"),
    (READ, "asthma, of another vocabulary", "Read", "H33.."),
    (SALBUTAMOL, "salbutamol", "dm+d", "39113611000001102"),
    (OTHER_DRUG, "albuterol", "RxNorm", "435"),
    (HEART_ATTACK, "heart attack", "ICD10", "I21.9"),
)
PEOPLE = 120


def script() -> Iterator[str]:
    """Give the whole database as a script for psql."""
    random = Random(3)
    yield SCHEMA
    yield from _insert("concept", CONCEPTS)
    yield from _insert("cdm_source", [("a test", "2024-06-01")])
    for table, rows in _people(random).items():
        yield from _insert(table, rows)
    yield from _insert("condition_occurrence", _conditions(random))
    yield from _insert("procedure_occurrence", [(1, 5, BIOPSY, "2021-03-04", None)])
    yield from _insert("observation", [(1, 6, SMOKER, "2020-03-04", None, None)])
    yield from _insert("measurement", _measurements(random))
    yield from _insert("drug_exposure", _drugs(random))
    yield RIGHTS


def _people(random: Random) -> dict[str, list[tuple[object, ...]]]:
    """Some were born in an unknown month, some are still observed, some died twice on paper."""
    person: list[tuple[object, ...]] = []
    period: list[tuple[object, ...]] = []
    death: list[tuple[object, ...]] = []
    for number in range(1, PEOPLE + 1):
        gender = random.choice((8507, 8532, 8551))
        month = random.choice((None, 1, 6, 12))
        person.append((number, gender, 1930 + number % 70, month, None, random.choice((None, 7))))
        end = "2024-06-01" if number % 3 else "2022-12-31"
        period.append((number, number, "2010-01-01", end))
        if number % 9 == 0:
            death += [(number, "2023-01-02", HEART_ATTACK), (number, "2023-02-02", None)]
    return {"person": person, "observation_period": period, "death": death}


def _conditions(random: Random) -> Iterator[tuple[object, ...]]:
    for number in range(1, 400):
        concept = random.choice((ASTHMA, DIABETES))
        source = READ if number % 5 == 0 else concept
        day = f"{2011 + number % 12}-0{1 + number % 9}-15"
        yield number, 1 + number % PEOPLE, concept, day, source


def _measurements(random: Random) -> Iterator[tuple[object, ...]]:
    for number in range(1, 500):
        concept = LOINC if number % 4 == 0 else PRESSURE
        day = f"{2012 + number % 11}-0{1 + number % 9}-10"
        value = round(random.gauss(130, 15), 1)
        yield number, 1 + number % PEOPLE, concept, day, value, concept


def _drugs(random: Random) -> Iterator[tuple[object, ...]]:
    for number in range(1, 300):
        source = random.choice((SALBUTAMOL, OTHER_DRUG))
        day = f"{2013 + number % 10}-0{1 + number % 9}-20"
        yield number, 1 + number % PEOPLE, OTHER_DRUG, day, source


def _insert(table: str, rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    """Give the rows of a table as psql reads them."""
    yield f"copy cdm.{table} from stdin;\n"
    for row in rows:
        yield "\t".join("\\N" if value is None else str(value) for value in row) + "\n"
    yield "\\.\n"
