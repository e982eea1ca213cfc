"""Twelve faults planted in one database: each is named with its fix, and no value is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.sites import HOSPITAL, Site, check, copied
from tests.engines.test_check_backend import NUMERIC, OPT_OUT, PRESCRIBED

PLANTED = (
    # 1 a missing column; 2 orphan ids, and a date before the patient's birth
    "alter table hosp.registration rename org to organisation",
    "insert into hosp.prescription values (77000001, '2024-02-03', '319773006')",
    "insert into hosp.prescription"
    " select person_key, '1901-05-06', '319773006' from hosp.person order by 1 limit 1",
    # 3 a duplicate patient; 4 a category that nobody knows
    "alter table hosp.person drop constraint person_pkey",
    "insert into hosp.person select * from hosp.person order by person_key limit 2",
    "update hosp.person set gender = 'Q' where person_key % 5 = 0",
    # 5 codes with dots; 6 an unreadable table
    "update hosp.prescription set dmd = 'J45.0' where dmd = '319773006'",
    "revoke select on hosp.death_certificate from sallyport_jobs",
    # 7 no rights in the scratch schema; 8 an account that writes
    "revoke create on schema scratch from sallyport_jobs",
    "grant delete on hosp.person to sallyport_jobs",
)
CHANGED = (
    # 9 a wrong type; 10 an exclusion of another type; 11 a date style; 12 a load that stopped
    (NUMERIC, 'numeric_value = "val"'),
    (OPT_OUT, "select cast(person_key as text) as person_key from hosp.opt_out"),
    (
        'scratch_schema = "scratch"',
        'settings = { DateStyle = "SQL, DMY" }\nscratch_schema = "scratch"',
    ),
    (PRESCRIBED, f"{PRESCRIBED}\nstale_after = 30"),
    (
        'sex = { column = "gender", map = { F = "female", M = "male", I = "intersex" },'
        ' otherwise = "unknown" }',
        "sex = { sql = \"case gender when 'F' then 'female' when 'Q' then 'quux'"
        " else 'male' end\" }",
    ),
)
FOUND = {
    ("fail", "CHK-07", "practice_registrations", "practice_pseudo_id"): "org is not there: correct",
    ("warn", "CHK-16", "medications", ""): "not in patients; map the missing ones",
    ("warn", "CHK-18", "medications", "date"): "more than a month before the patient's birth",
    ("fail", "CHK-16", "patients", ""): "keep one row per patient",
    ("fail", "CHK-14", "patients", "sex"): "map them or set otherwise",
    ("fail", "CHK-15", "medications", "dmd_code"): "trim or translate the codes",
    ("fail", "CHK-07", "ons_deaths", ""): "grant select",
    ("fail", "CHK-10", "", ""): "create in the schema scratch was refused: grant it",
    ("fail", "CHK-17", "", ""): "revoke all but select",
    ("fail", "CHK-08", "clinical_events", "numeric_value"): "make it double precision",
    ("fail", "CHK-13", "", ""): "cast it",
    ("fail", "CHK-20", "", ""): "take DateStyle out of settings",
    ("warn", "CHK-19", "medications", "date"): "has the load stopped?",
}
VALUES = ("J45.0", "quux", "77000001", "319773006", "1901-05-06", "2024-02-03", "1000001")


@pytest.fixture
def broken(postgresql: str, template: str, tmp_path: Path) -> Iterator[Site]:
    """A hospital with everything wrong at once."""
    with copied(postgresql, template, "planted") as (admin, url):
        site = Site(admin, url, tmp_path, "hospital")
        site.map(HOSPITAL.read_text(encoding="utf-8"))
        site.sql("delete from hosp.prescription where issued > current_date - 100", *PLANTED)
        site.change(*CHANGED)
        yield site


def test_every_planted_fault_is_found_with_its_fix_and_without_a_value(
    broken: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = check(broken, monkeypatch, capsys, "--full")
    assert report.code == 1
    found = {
        (item["status"], item["id"], item["table"], item["column"]): item["text"]
        for item in report.document["checks"]
        if item["status"] in ("fail", "warn") and item["id"] != "CHK-05"
    }
    assert {*found} == {*FOUND}, report.text
    for place, said in FOUND.items():
        assert said in found[place]
        assert "hospital.toml, line " in found[place]
    written = report.text + (broken.folder / "report.json").read_text(encoding="utf-8")
    assert not [value for value in VALUES if value in written]
    assert report.document["summary"]["fail"] == len([1 for place in FOUND if place[0] == "fail"])
