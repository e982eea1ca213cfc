"""One broken database or mapping per check: that check fails and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.engines.sites import ACCOUNT, HOSPITAL, Report, Site, check, copied

from sallyport_data_builder.checks.postgresql import PostgreSQLCatalogue

Run = Callable[..., Report]
BASELINE = ("CHK-05", "ons_deaths", "")


@pytest.fixture(scope="module")
def healthy(postgresql: str, template: str) -> Iterator[tuple[str, str]]:
    """A copy for the tests that change nothing in it."""
    with copied(postgresql, template, "healthy") as urls:
        yield urls


@pytest.fixture
def hospital(
    request: pytest.FixtureRequest,
    postgresql: str,
    template: str,
    healthy: tuple[str, str],
    tmp_path: Path,
) -> Iterator[Site]:
    """A hospital with its mapping; a database of its own where the fault is in the database."""
    chosen = getattr(request.node, "callspec", None)
    with ExitStack() as stack:
        urls = healthy
        if chosen and FAULTS[chosen.params["name"]].sql:
            urls = stack.enter_context(copied(postgresql, template, "broken"))
        site = Site(*urls, tmp_path, "hospital")
        site.map(HOSPITAL.read_text(encoding="utf-8"))
        yield site


@pytest.fixture
def run(hospital: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that checks the hospital."""
    return lambda *words: check(hospital, monkeypatch, capsys, *words)


def test_the_healthy_hospital_passes(run: Run) -> None:
    report = run("--full")
    assert report.code == 0
    assert report.found("fail") == []
    assert report.found("warn") == [BASELINE]
    every = {f"CHK-{number:02}" for number in range(1, 21)} - {"CHK-12", "CHK-19"}
    assert {number for number, _table, _column in report.found("ok", "warn")} == every
    assert report.text.splitlines()[-1].startswith("hospital: passed (full): ")


@dataclass(frozen=True)
class Fault:
    """What is broken, and what check-backend must say of it."""

    id: str
    place: tuple[str, str]
    said: str
    sql: tuple[str, ...] = ()
    mapping: tuple[tuple[str, str], ...] = ()
    level: str = "--full"
    status: str = "fail"
    secrets: tuple[str, ...] = field(default=())


NOBODY = ("", "")
SOURCE = 'source = "hosp.person"'
NUMERIC = 'numeric_value = { sql = "cast(val as double precision)" }'
CODE = 'snomedct_code = { sql = "rtrim(concept)" }'
OPT_OUT = "select person_key from hosp.opt_out"
BIRTH = "date_of_birth = { sql = \"cast(date_trunc('month', dob) as date)\" }"
DATE = 'date = { sql = "cast(obs_at as date)" }'
PRESCRIBED = 'source = "hosp.prescription"'
FAULTS = {
    "unknown key": Fault(
        "CHK-01",
        ("patients", ""),
        "Did you mean source",
        mapping=((SOURCE, 'sorce = "a"\n' + SOURCE),),
    ),
    "unmapped column": Fault(
        "CHK-02",
        ("medications", ""),
        "neither mapped nor unavailable",
        mapping=(('dmd_code = "dmd"', ""),),
    ),
    "two expressions": Fault(
        "CHK-03",
        NOBODY,
        "tables.practice_registrations.where: write one expression",
        mapping=(("kind = 'regular'", "kind = 'regular') or (true"),),
    ),
    "open categories": Fault(
        "CHK-04", ("patients", "sex"), "add otherwise", mapping=((', otherwise = "unknown"', ""),)
    ),
    "required column": Fault(
        "CHK-05",
        ("practice_registrations", "practice_pseudo_id"),
        "must not be null",
        mapping=(
            ('practice_pseudo_id = "org"', ""),
            ('where = "kind', 'unavailable = ["practice_pseudo_id"]\nwhere = "kind'),
        ),
        status="warn",
    ),
    "missing column": Fault(
        "CHK-07",
        ("medications", "dmd_code"),
        "dmd is not there: correct it",
        sql=("alter table hosp.prescription rename dmd to code",),
    ),
    "unreadable table": Fault(
        "CHK-07",
        ("medications", ""),
        "grant select",
        sql=("revoke select on hosp.prescription from sallyport_jobs",),
    ),
    "decimal value": Fault(
        "CHK-08",
        ("clinical_events", "numeric_value"),
        "is numeric; make it double precision",
        mapping=((NUMERIC, 'numeric_value = "val"'),),
    ),
    "timestamp": Fault(
        "CHK-08",
        ("clinical_events", "date"),
        "make it date",
        mapping=((DATE, 'date = "obs_at"'),),
        level="--table=clinical_events",
    ),
    "text id": Fault(
        "CHK-09",
        ("medications", "patient_id"),
        "person_key is text and patient_id.type is int",
        sql=("alter table hosp.prescription alter person_key type text",),
        level="",
    ),
    "no scratch": Fault(
        "CHK-10",
        NOBODY,
        "create in the schema scratch was refused: grant it",
        sql=(f"revoke create on schema scratch from {ACCOUNT}",),
    ),
    "padded code": Fault(
        "CHK-11",
        ("clinical_events", "snomedct_code"),
        "ignores spaces at the end",
        mapping=((CODE, 'snomedct_code = "concept"'),),
        level="",
    ),
    "caseless code": Fault(
        "CHK-11",
        ("medications", "dmd_code"),
        "ignores case",
        level="",
        sql=(
            "create collation hosp.caseless"
            " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
            "alter table hosp.prescription alter dmd type text collate hosp.caseless",
        ),
    ),
    "no index": Fault(
        "CHK-12",
        ("medications", "dmd_code"),
        "no index of it starts with dmd: create one",
        sql=("drop index hosp.prescription_dmd_idx",),
        mapping=((PRESCRIBED, f"{PRESCRIBED}\nrows_estimate = 5_000_000"),),
        status="warn",
    ),
    "exclusion of text": Fault(
        "CHK-13",
        NOBODY,
        "opted_out returns text and patient ids are int: cast it",
        mapping=((OPT_OUT, "select cast(person_key as text) as person_key from hosp.opt_out"),),
    ),
    "exclusion of another name": Fault(
        "CHK-13",
        NOBODY,
        "must return one column, person_key",
        mapping=((OPT_OUT, "select person_key as id from hosp.opt_out"),),
    ),
    "exclusion without a table": Fault(
        "CHK-13", NOBODY, "cannot be read: correct its sql", sql=("drop table hosp.opt_out",)
    ),
    "exclusion of nobody": Fault(
        "CHK-13",
        NOBODY,
        "returns nobody",
        sql=("truncate hosp.opt_out", "analyze hosp.opt_out"),
        status="warn",
    ),
    "day of birth": Fault(
        "CHK-14",
        ("patients", "date_of_birth"),
        "not the first of a month",
        mapping=((BIRTH, 'date_of_birth = "dob"'),),
    ),
    "unknown category": Fault(
        "CHK-14",
        ("patients", "sex"),
        "are none of female, male, intersex, unknown",
        mapping=(
            (
                'sex = { column = "gender", map = { F = "female", M = "male", I = "intersex" },'
                ' otherwise = "unknown" }',
                "sex = { sql = \"case gender when 'F' then 'dame' else 'male' end\" }",
            ),
        ),
        secrets=("dame",),
    ),
    "value that no cast takes": Fault(
        "CHK-14",
        ("clinical_events", "numeric_value"),
        "cannot be computed for every row: guard its sql",
        sql=(
            "alter table hosp.observation alter val type text",
            "update hosp.observation set val = '<5' where concept = '27113001'",
        ),
        secrets=("<5",),
    ),
    "end before start": Fault(
        "CHK-14",
        ("practice_registrations", "end_date"),
        "are before start_date",
        sql=("update hosp.registration set reg_to = reg_from - 1 where org < 9",),
    ),
    "dotted codes": Fault(
        "CHK-15",
        ("clinical_events", "snomedct_code"),
        "form of SNOMED CT",
        sql=("update hosp.observation set concept = 'J45.0' where concept = '195967001'",),
        secrets=("J45.0",),
    ),
    "one bad code": Fault(
        "CHK-15",
        ("medications", "dmd_code"),
        "form of dm+d",
        status="warn",
        sql=(
            "update hosp.prescription set dmd = 'none' where ctid in"
            " (select ctid from hosp.prescription limit 1)",
        ),
        secrets=("none",),
    ),
    "duplicate patient": Fault(
        "CHK-16",
        ("patients", ""),
        "second row of a patient",
        sql=(
            "alter table hosp.person drop constraint person_pkey",
            "insert into hosp.person select * from hosp.person order by person_key limit 3",
        ),
    ),
    "orphans": Fault(
        "CHK-16",
        ("medications", ""),
        "not in patients",
        status="warn",
        sql=("insert into hosp.prescription values (77000001, '2024-02-03', '319773006')",),
        secrets=("77000001", "2024-02-03"),
    ),
    "account that writes": Fault(
        "CHK-17",
        NOBODY,
        "may write to hosp.person: revoke all but select",
        sql=(f"grant insert on hosp.person to {ACCOUNT}",),
    ),
    "account that creates": Fault(
        "CHK-17",
        NOBODY,
        "may create in hosp: revoke create",
        sql=(f"grant create on schema hosp to {ACCOUNT}",),
    ),
    "date before 1900": Fault(
        "CHK-18",
        ("practice_registrations", "end_date"),
        "set null_if",
        status="warn",
        mapping=(
            ('end_date = { column = "reg_to", null_if = "9999-12-31" }', 'end_date = "reg_to"'),
        ),
    ),
    "event before birth": Fault(
        "CHK-18",
        ("medications", "date"),
        "before the patient's birth",
        status="warn",
        sql=(
            "insert into hosp.prescription"
            " select person_key, '1901-05-06', '319773006' from hosp.person limit 1",
        ),
        secrets=("1901-05-06",),
    ),
    "stale": Fault(
        "CHK-19",
        ("medications", "date"),
        "nothing of the last 30 days",
        status="warn",
        mapping=((PRESCRIBED, f"{PRESCRIBED}\nstale_after = 30"),),
        sql=("delete from hosp.prescription where issued > current_date - 100",),
    ),
    "date style": Fault(
        "CHK-20",
        NOBODY,
        "take DateStyle out of settings",
        mapping=(
            (
                'scratch_schema = "scratch"',
                'settings = { DateStyle = "SQL, DMY" }\nscratch_schema = "scratch"',
            ),
        ),
        level="",
    ),
    "time zone": Fault(
        "CHK-20",
        NOBODY,
        'TimeZone = "Europe/London"',
        sql=(
            "alter database broken set timezone = 'Europe/London'",
            "alter table hosp.observation alter obs_at type timestamptz",
        ),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_chk_r4_exactly_one_check_fails(name: str, run: Run, hospital: Site) -> None:
    fault = FAULTS[name]
    if fault.sql:
        hospital.sql(*fault.sql)
    hospital.change(*fault.mapping)
    report = run(*filter(None, (fault.level,)))
    found = [item for item in report.found("fail", "warn") if item != BASELINE]
    assert found == [(fault.id, *fault.place)], report.text
    said = report.texts(fault.id, fault.status)
    assert fault.said in said
    assert "hospital.toml, line " in said
    assert report.code == (1 if fault.status == "fail" else 0)
    assert not [secret for secret in fault.secrets if secret in report.text]


def test_chk_06_an_old_server_is_a_warning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--table=patients").found("warn") == []
    monkeypatch.setattr(PostgreSQLCatalogue, "oldest", (99,))
    assert run("--table=patients").found("warn") == [("CHK-06", "", "")]


def test_chk_06_a_database_that_does_not_answer_ends_with_3(run: Run, hospital: Site) -> None:
    object.__setattr__(hospital, "url", hospital.url.replace("host=/", "host=/nowhere/"))
    report = run()
    assert report.code == 3
    assert report.found("fail") == [("CHK-06", "", "")]


def test_chk_17_a_superuser_is_refused(run: Run, hospital: Site) -> None:
    object.__setattr__(hospital, "url", hospital.admin)
    assert run().found("fail") == [("CHK-17", "", "")]
