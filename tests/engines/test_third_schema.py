"""A schema that the guide's author did not know, mapped by the guide: MariaDB, text ids."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.engines import practice
from tests.engines.sites import Site, check
from tests.engines.test_worked_mappings import STUDY

from sallyport_data_builder.cli import main

MAPPING = (Path(__file__).parent / "practice.toml").read_text(encoding="utf-8")
SUMS = """
select count(*),
  sum((select count(*) from gp.journal j where j.nhs = p.nhs and j.deleted = 0
       and rtrim(j.code) = '195967001' and j.entered < '2021-06-01')),
  sum((select count(*) from gp.issue i where i.patient_nhs = p.nhs and i.dmd = 39113611000001102))
from gp.patient p
where p.is_current = 1 and (p.death is null or p.death >= '2021-06-02')
  and exists (select 1 from gp.patient_history h where h.nhs = p.nhs and h.kind = 'GMS'
    and h.date_in <= '2021-06-01' and coalesce(h.date_out, '9999-12-31') >= '2021-06-01')
  and not exists (select 1 from gp.dissent d where d.nhs = p.nhs and d.until is null)"""


def ask(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements as the server's administrator; return the rows of the last."""
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="mariadb+pymysql"),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    found: list[tuple[Any, ...]] = []
    with engine.connect() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement.replace("%", "%%"))
            found = [tuple(row) for row in result] if result.returns_rows else []
    return found


@pytest.fixture(scope="module")
def server(mariadb: str) -> Iterator[str]:
    """The practice's database, gone afterwards."""
    ask(mariadb, *practice.statements())
    yield mariadb
    ask(mariadb, "drop database gp", "drop database scratch", "drop user practice_jobs@localhost")


@pytest.fixture
def site(server: str, tmp_path: Path) -> Site:
    """The practice with its mapping."""
    url = server.replace("root@localhost/study", f"{practice.ACCOUNT}@localhost/gp")
    made = Site(server, url, tmp_path, "practice")
    made.map(MAPPING)
    return made


def test_the_mapping_proves_itself(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = check(site, monkeypatch, capsys, "--full")
    assert report.found("fail") == [], report.text
    assert report.found("warn") == [("CHK-05", "ons_deaths", "")]
    assert report.document["server"].startswith("mariadb 10.11")


FAULTS = {
    "CHK-14": ("case when result regexp '^-?[0-9]+([.][0-9]+)?$' then cast(result as double) end",
               "cast(result as double)"),
    "CHK-13": ("select nhs from gp.dissent where until is null or until > current_date",
               "select nhs as id from gp.dissent"),
    "CHK-11": ('"rtrim(code)" }', '"rtrim(code)", collation = "latin1_swedish_ci" }'),
    "CHK-08": ('{ sql = "cast(issued as date)" }', '"issued"'),
    "CHK-07": ('patient_id = "patient_nhs"', ""),
    "CHK-10": ('scratch_schema = "scratch"', 'scratch_schema = "gp"'),
}  # fmt: skip


@pytest.mark.parametrize("number", FAULTS)
def test_chk_r4_on_mariadb_exactly_one_check_fails(
    number: str, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.change(FAULTS[number])
    words = ["--full"] if number == "CHK-14" else []
    report = check(site, monkeypatch, capsys, *words)
    expected = {number, "CHK-17"} if number == "CHK-10" else {number}
    assert {found[0] for found in report.found("fail")} == expected, report.text


def test_chk_17_an_account_that_writes_is_refused(
    server: str, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(server, "grant delete on gp.journal to practice_jobs@localhost")
    try:
        report = check(site, monkeypatch, capsys)
    finally:
        ask(server, "revoke delete on gp.journal from practice_jobs@localhost")
    assert report.found("fail") == [("CHK-17", "", "")]
    assert "gp.journal" in report.texts("CHK-17")


def rows(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Run the study and return its rows."""
    (site.folder / "study.py").write_text(STUDY, encoding="utf-8")
    monkeypatch.chdir(site.folder)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["compile", "study.py", "--plan", "plan.json"]) == 0
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    assert main(["execute", "plan.json", "--output", "rows.csv"]) == 0
    with (site.folder / "rows.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_bk_07_a_study_gets_ints_that_stay_and_the_rows_that_are_counted(
    server: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rows(site, monkeypatch)
    found = (len(first), *(sum(int(row[name]) for row in first) for name in ("asthma", "inhalers")))
    assert [found] == ask(server, SUMS)
    assert found[0] > 40
    keys = ask(server, "select source_id, patient_id from scratch.patient_keys")
    added = "insert into gp.patient values ('0000000001', 1, '1980-01-01', 1, null)"
    ask(server, added)
    try:
        assert rows(site, monkeypatch) == first
    finally:
        ask(server, "delete from gp.patient where nhs = '0000000001'")
    later = ask(server, "select source_id, patient_id from scratch.patient_keys")
    assert {*keys} < {*later}
    assert ask(server, "show tables in scratch") == [("patient_keys",)]
