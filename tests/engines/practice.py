"""A general practice's system on MariaDB, of synthetic people: text ids and habits of its own.

Designed after docs/integrators/guide.md was written and without a look at it, so that mapping it by
the guide alone shows what the guide leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

ACCOUNT = "practice_jobs"
SCHEMA = (
    "create database gp character set latin1 collate latin1_swedish_ci",
    "create database scratch character set utf8mb4",
    """create table gp.patient (nhs char(10) not null, is_current tinyint not null,
       birth date not null, sex tinyint, death datetime, key (nhs)) engine=innodb""",
    """create table gp.practice (code varchar(6) primary key, number int not null)""",
    """create table gp.patient_history (nhs char(10) not null, practice varchar(6) not null,
       date_in date not null, date_out date, kind enum('GMS', 'TMP', 'PRV') not null, key (nhs))""",
    """create table gp.journal (entry bigint primary key, nhs char(10) not null,
       entered timestamp not null default '2000-01-01 00:00:01', code varchar(24) not null,
       result varchar(20), deleted tinyint not null default 0, key (nhs), key (code))""",
    """create table gp.issue (patient_nhs char(10) not null, dmd bigint, issued datetime not null,
       key (patient_nhs), key (dmd))""",
    """create table gp.death (nhs char(10) not null, revision int not null, died date not null,
       cause_1a varchar(6), cause_1b varchar(6), cause_2 varchar(6), underlying varchar(6),
       primary key (nhs, revision))""",
    """create table gp.dissent (nhs char(10) not null, since date not null, until date)""",
    f"create user {ACCOUNT}@localhost",
    f"grant select on gp.* to {ACCOUNT}@localhost",
    f"grant select, insert, create, drop, index on scratch.* to {ACCOUNT}@localhost",
)
PEOPLE = 90
CODES = ("195967001", "271649006", "44054006 ", "77176002")
CAUSES = ("I21.9", "J44.9", "C34", None)


def statements() -> Iterator[str]:
    """Give every statement, in order."""
    yield from SCHEMA
    random = Random(11)
    yield _insert("practice", [(f"A8{number:04}", number) for number in range(1, 6)])
    everybody = [f"9{number * 7919 % 10**9:09}" for number in range(1, PEOPLE + 1)]
    yield _insert("patient", list(_patients(random, everybody)))
    yield _insert("patient_history", list(_histories(random, everybody)))
    yield _insert("journal", list(_journal(random, everybody)))
    yield _insert("issue", list(_issues(random, everybody)))
    yield _insert("death", list(_deaths(everybody)))
    dissent = [(nhs, "2020-01-01", None) for nhs in everybody[::20]]
    yield _insert("dissent", [*dissent, (everybody[1], "2019-01-01", "2021-01-01")])


def _patients(random: Random, everybody: list[str]) -> Iterator[tuple[object, ...]]:
    for number, nhs in enumerate(everybody):
        birth = f"{1935 + number % 70}-{1 + number % 12:02}-{1 + number % 28:02}"
        death = "2022-03-04 05:06:07" if number % 10 == 0 else None
        sex = random.choice((1, 2, 1, 2, 9, 0, None))
        if number % 15 == 0:
            yield nhs, 0, birth, sex, None
        yield nhs, 1, birth, sex, death


def _histories(random: Random, everybody: list[str]) -> Iterator[tuple[object, ...]]:
    for number, nhs in enumerate(everybody):
        end = random.choice((None, "9999-12-31", "2021-12-31"))
        yield nhs, f"A8{1 + number % 5:04}", "2005-02-01", end, "GMS"
        if number % 6 == 0:
            yield nhs, "A80001", "2015-07-01", "2015-07-20", "TMP"


def _journal(random: Random, everybody: list[str]) -> Iterator[tuple[object, ...]]:
    for entry in range(1, 701):
        code = random.choice(CODES)
        result = random.choice(("131", "122.5", "<5", "", None)) if code == "271649006" else None
        day = f"{2010 + entry % 14}-{1 + entry % 12:02}-{1 + entry % 28:02} 23:{entry % 60:02}:10"
        yield entry, everybody[entry % PEOPLE], day, code, result, int(entry % 40 == 0)


def _issues(random: Random, everybody: list[str]) -> Iterator[tuple[object, ...]]:
    for number in range(300):
        dmd = random.choice((39113611000001102, 319773006, None))
        day = f"{2012 + number % 12}-{1 + number % 12:02}-{1 + number % 28:02} 10:00:00"
        yield everybody[number * 3 % PEOPLE], dmd, day


def _deaths(everybody: list[str]) -> Iterator[tuple[object, ...]]:
    for number, nhs in enumerate(everybody[::10]):
        cause = CAUSES[number % 4]
        yield nhs, 1, "2022-03-04", cause, None, "E11.9", cause
        if number % 2:
            yield nhs, 2, "2022-03-04", cause, "I10", None, "I21.9"


def _insert(table: str, rows: list[tuple[object, ...]]) -> str:
    """Return one statement that fills a table."""
    values = ", ".join(f"({', '.join(map(_literal, row))})" for row in rows)
    return " ".join(("insert into", f"gp.{table}", "values", values))


def _literal(value: object) -> str:
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) else f"'{value}'"
