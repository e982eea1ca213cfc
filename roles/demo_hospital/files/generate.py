#!/usr/bin/python3
"""Fill a PostgreSQL database with a hospital of synthetic patients.

Nothing here resembles a real person: every value comes from a seeded generator, so the same version
and seed give the same rows. The tables have the traps of real ones on purpose: open ends written as
9999-12-31, timestamps, padded codes, decimals, several certificates for one death.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple

VERSION = 2
OPEN_END = "9999-12-31"
FIRST_KEY = 1_000_001
START = datetime.date(2012, 1, 1)
END = datetime.date(2025, 12, 31)
DAYS = [(START + datetime.timedelta(days=day)).isoformat() for day in range((END - START).days + 1)]
ORGANISATIONS = 80

SCHEMA = """
drop schema if exists hosp cascade;
create schema hosp;
create table hosp.person
  (person_key bigint not null, dob date not null, gender char(1), dod date not null);
create table hosp.registration
  (person_key bigint not null, kind text not null, reg_from date not null, reg_to date not null,
   org int not null);
create table hosp.observation
  (person_key bigint not null, obs_at timestamp not null, concept char(18) not null, val numeric);
create table hosp.prescription
  (person_key bigint not null, issued date not null, dmd text not null);
create table hosp.death_certificate
  (certificate_id bigint not null, person_key bigint not null, issued_on date not null,
   died_on date not null, underlying text not null, cause_1 text, cause_2 text, cause_3 text);
create table hosp.opt_out (person_key bigint not null);
"""
FINISH = """
alter table hosp.person add primary key (person_key);
alter table hosp.death_certificate add primary key (certificate_id);
alter table hosp.opt_out add primary key (person_key);
create index on hosp.registration (person_key);
create index on hosp.observation (person_key);
create index on hosp.observation (rtrim(concept));
create index on hosp.prescription (person_key);
create index on hosp.prescription (dmd);
create schema if not exists scratch;
revoke all on database :"database" from public;
revoke all on schema public from public;
grant connect on database :"database" to :"role";
grant usage on schema hosp to :"role";
grant select on all tables in schema hosp to :"role";
grant usage, create on schema scratch to :"role";
create table hosp.generator as select :'mark'::text as mark;
analyze;
"""


class Measure(NamedTuple):
    """A clinical code: how often it is recorded, and the values that come with it."""

    code: str
    weight: int
    middle: float = 0.0
    spread: float = 0.0


class Person(NamedTuple):
    """What the other tables need to know of a person."""

    key: int
    born: int
    dead: int | None
    activity: float


MEASURES = (
    Measure("271649006", 18, 132.0, 17.0),  # systolic blood pressure
    Measure("271650006", 18, 78.0, 10.0),  # diastolic blood pressure
    Measure("60621009", 12, 27.4, 5.2),  # body mass index
    Measure("27113001", 10, 79.0, 16.0),  # body weight
    Measure("999791000000106", 6, 42.0, 11.0),  # HbA1c, mmol/mol
    Measure("1000731000000107", 6, 81.0, 19.0),  # serum creatinine
    Measure("77176002", 6),  # smoker
    Measure("8517006", 6),  # ex-smoker
    Measure("195967001", 5),  # asthma
    Measure("38341003", 5),  # hypertension
    Measure("44054006", 4),  # diabetes type 2
    Measure("13645005", 2),  # chronic obstructive lung disease
    Measure("84114007", 1),  # heart failure
    Measure("414545008", 1),  # ischaemic heart disease
)
MEDICINES = (
    ("39113611000001102", 8),  # salbutamol inhaler
    ("39113311000001107", 6),  # beclometasone inhaler
    ("319773006", 6),  # amlodipine 5 mg
    ("318857007", 6),  # ramipril 5 mg
    ("320031007", 9),  # atorvastatin 20 mg
    ("325278007", 7),  # metformin 500 mg
    ("42291311000001104", 4),  # paracetamol 500 mg
)
CAUSES = (
    "I219", "I251", "I639", "J189", "J449", "C349", "C509", "C189", "E119", "F019", "G309", "N189",
)  # fmt: skip


def people(random: Random, count: int) -> Iterator[tuple[Person, str]]:
    """Give each person and the row that stands for them."""
    for key in range(FIRST_KEY, FIRST_KEY + count):
        age = min(int(random.triangular(0, 104, 44) * 365.25), 38_000)
        born = datetime.date(2022, 1, 1) - datetime.timedelta(days=age)
        frail = (age / 38_000) ** 3
        dead = random.randrange(len(DAYS) // 2, len(DAYS)) if random.random() < frail else None
        person = Person(key, max((born - START).days, 0), dead, random.expovariate(1.0) + 0.15)
        gender = random.choices("FMIU", (505, 488, 2, 5))[0]
        yield person, f"{key}\t{born}\t{gender}\t{OPEN_END if dead is None else DAYS[dead]}\n"


def span(person: Person) -> tuple[int, int]:
    """Return the days between which something can be recorded about a person."""
    last = len(DAYS) - 1 if person.dead is None else person.dead
    return min(person.born, last), last


def registrations(random: Random, everybody: Iterable[Person]) -> Iterator[str]:
    """Give the rows of `registration`: up to three practices in turn, some temporary ones."""
    for person in everybody:
        first, last = span(person)
        count = random.choice((0, 0, 0, 1, 1, 2))
        moves = sorted(random.randint(first, last) for _ in range(count))
        starts, ends = [first, *moves], [*moves, person.dead]
        for start, end in zip(starts, ends, strict=True):
            until = OPEN_END if end is None else DAYS[end]
            organisation = random.randint(1, ORGANISATIONS)
            yield f"{person.key}\tregular\t{DAYS[start]}\t{until}\t{organisation}\n"
        if random.random() < 0.05:
            day = DAYS[random.randint(first, last)]
            yield f"{person.key}\ttemporary\t{day}\t{day}\t{random.randint(1, ORGANISATIONS)}\n"


def tail(count: int) -> list[Measure]:
    """Return rarely used codes, as every real table has."""
    return [Measure(str(900_000_000 + 37 * number), 1) for number in range(count)]


def observations(random: Random, everybody: Iterable[Person]) -> Iterator[str]:
    """Give the rows of `observation`: most for few people, most of few codes."""
    measures = [measure for measure in (*MEASURES, *tail(40)) for _ in range(measure.weight)]
    for person in everybody:
        first, last = span(person)
        for _ in range(int(person.activity * 21) + 1):
            measure = measures[int(random.random() * len(measures))]
            day = DAYS[first + int(random.random() * (last - first + 1))]
            minute = 480 + int(random.random() * 600)
            value = "\\N"
            if measure.spread:
                value = f"{max(random.gauss(measure.middle, measure.spread), 1.0):.1f}"
            at = f"{day} {minute // 60:02d}:{minute % 60:02d}:00"
            yield f"{person.key}\t{at}\t{measure.code}\t{value}\n"


def prescriptions(random: Random, everybody: Iterable[Person]) -> Iterator[str]:
    """Give the rows of `prescription`: people who take something take it again."""
    medicines = [code for code, weight in MEDICINES for _ in range(weight)]
    for person in everybody:
        first, last = span(person)
        for _ in range(int(person.activity * 1.2)):
            code = random.choice(medicines)
            day = random.randint(first, last)
            for issue in range(random.randint(1, 8)):
                if day + 28 * issue <= last:
                    yield f"{person.key}\t{DAYS[day + 28 * issue]}\t{code}\n"


def certificates(random: Random, everybody: Iterable[Person]) -> Iterator[str]:
    """Give the rows of `death_certificate`: some deaths were certified again."""
    number = 1
    for person in everybody:
        if person.dead is None:
            continue
        for issue in range(random.choices((1, 2, 3), (90, 8, 2))[0]):
            issued = min(person.dead + 3 + 20 * issue, len(DAYS) - 1)
            causes = random.sample(CAUSES, 4)
            listed = [cause if random.random() < 0.7 else "\\N" for cause in causes[1:]]
            row = [number, person.key, DAYS[issued], DAYS[person.dead], causes[0], *listed]
            yield "\t".join(map(str, row)) + "\n"
            number += 1


def opted_out(random: Random, everybody: Iterable[Person]) -> Iterator[str]:
    """Give the rows of `opt_out`."""
    for person in everybody:
        if random.random() < 0.02:
            yield f"{person.key}\n"


def seeded(seed: int, table: str) -> Random:
    """Return the generator of one table; each has its own, so that none disturbs another."""
    return Random(f"{seed} {table}")  # noqa: S311 - synthetic rows, no secret


def script(seed: int, count: int) -> Iterator[str]:
    """Give the whole load as one script for psql, to be run in one transaction."""
    made = list(people(seeded(seed, "person"), count))
    everybody = [person for person, _ in made]
    yield SCHEMA
    yield from copy("person", (row for _, row in made))
    for table, rows in {
        "registration": registrations, "observation": observations, "prescription": prescriptions,
        "death_certificate": certificates, "opt_out": opted_out,
    }.items():  # fmt: skip
        yield from copy(table, rows(seeded(seed, table), everybody))
    yield FINISH


def copy(table: str, rows: Iterable[str]) -> Iterator[str]:
    """Give the rows of a table as psql reads them."""
    yield f"copy hosp.{table} from stdin;\n"
    yield from rows
    yield "\\.\n"


def psql(database: str, lines: Iterable[str]) -> str:
    """Have psql run a script in one transaction; exit with its words when it fails."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
        spool.writelines(["\\set ON_ERROR_STOP on\n", *lines])
        spool.seek(0)
        done = subprocess.run(
            ["/usr/bin/psql", "--no-psqlrc", "-qAt", "--single-transaction"],
            stdin=spool, capture_output=True, text=True, check=False,
            env=os.environ | {"PGDATABASE": database},
        )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr.strip())
    return done.stdout.strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the hospital unless this version of it is there; never touch anybody else's schema."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--database", default="hospital")
    parser.add_argument("--role", default="sallyport_jobs", help="who may read it")
    parser.add_argument("--patients", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    mark = f"version {VERSION}, {given.patients} patients, seed {given.seed}, for {given.role}"
    there = psql(given.database, ["select to_regclass('hosp.generator'), to_regnamespace('hosp');"])
    if there not in ("|", "hosp.generator|hosp"):
        sys.stderr.write(
            f"{given.database} has a schema hosp that is not ours; it stays as it is\n"
        )
        return 1
    if there != "|" and psql(given.database, ["select mark from hosp.generator;"]) == mark:
        sys.stdout.write("unchanged\n")
        return 0
    names = [f"\\set {name} {value}\n" for name, value in vars(given).items()]
    psql(given.database, [*names, f"\\set mark '{mark}'\n", *script(given.seed, given.patients)])
    sys.stdout.write("loaded\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
