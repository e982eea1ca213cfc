"""Both worked mappings on PostgreSQL: they prove themselves, and a study's rows are as counted."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import omop
from tests.engines.sites import HOSPITAL, OMOP, Site, check, copied, psql

from sallyport_data_builder.backends.mapping import parse
from sallyport_data_builder.cli import main
from sallyport_data_builder.sql.connectors import dialect_of
from sallyport_data_builder.sql.run import connect
from sallyport_data_builder.sql.standard import Standard

STUDY = """
from sallyport_data_builder.lang import create_dataset
from sallyport_data_builder.lang.tables.core import clinical_events, medications, ons_deaths
from sallyport_data_builder.lang.tables.core import patients, practice_registrations

DAY = "2021-06-01"
dataset = create_dataset()
dataset.define_population(
    practice_registrations.exists_for_patient_on(DAY) & patients.is_alive_on(DAY)
)
dataset.sex = patients.sex
asthma = clinical_events.where(clinical_events.snomedct_code.is_in(["195967001"]))
dataset.asthma = asthma.where(asthma.date.is_before(DAY)).count_for_patient()
pressure = clinical_events.where(clinical_events.snomedct_code == "271649006")
dataset.pressure = pressure.numeric_value.mean_for_patient()
dataset.inhalers = medications.where(
    medications.dmd_code == "39113611000001102"
).count_for_patient()
dataset.cause = ons_deaths.underlying_cause_of_death
"""
OMOP_SUMS = """
select count(*), sum((select count(*) from cdm.condition_occurrence c
    where c.person_id = p.person_id and c.condition_concept_id = 317009
      and c.condition_start_date < '2021-06-01')),
  sum((select count(*) from cdm.drug_exposure d where d.person_id = p.person_id
      and d.drug_source_concept_id = 21000001))
from cdm.person p where exists (select from cdm.observation_period o
  where o.person_id = p.person_id and o.observation_period_end_date >= '2021-06-01');
"""
HOSPITAL_SUMS = """
select count(*), sum((select count(*) from hosp.observation o where o.person_key = p.person_key
      and rtrim(o.concept) = '195967001' and o.obs_at < '2021-06-01')),
  sum((select count(*) from hosp.prescription d where d.person_key = p.person_key
      and d.dmd = '39113611000001102'))
from hosp.person p where dod > '2021-06-01'
  and exists (select from hosp.registration r where r.person_key = p.person_key
    and kind = 'regular' and reg_from <= '2021-06-01' and reg_to >= '2021-06-01')
  and not exists (select from hosp.opt_out x where x.person_key = p.person_key);
"""
TYPES = {
    "int": ("bigint", "integer"), "float": ("double precision",), "date": ("date",),
    **dict.fromkeys(("str", "snomedct", "dmd", "icd10"), ("text", "character varying")),
}  # fmt: skip


@pytest.fixture(scope="module")
def cdm(postgresql: str, template: str) -> str:
    """A small CDM, loaded once; the account of jobs came with the other template."""
    del template
    psql(postgresql, ["create database cdm;\n"])
    psql(postgresql.replace("/postgres?", "/cdm?"), omop.script())
    return "cdm"


@pytest.fixture(params=["hospital", "omop"])
def site(
    request: pytest.FixtureRequest, postgresql: str, template: str, cdm: str, tmp_path: Path
) -> Iterator[Site]:
    """Each worked mapping with its database."""
    name, file = {"hospital": (template, HOSPITAL), "omop": (cdm, OMOP)}[request.param]
    with copied(postgresql, name, "worked") as (admin, url):
        made = Site(admin, url, tmp_path, request.param)
        made.map(file.read_text(encoding="utf-8"))
        yield made


def test_it_proves_itself(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = check(site, monkeypatch, capsys, "--full")
    assert report.found("fail") == [], report.text
    assert {number for number, _table, _column in report.found("warn")} == {"CHK-05"}


def test_bk_05_every_column_has_its_standard_type(site: Site) -> None:
    backend = parse(site.slug, (site.folder / f"{site.slug}.toml").read_text(encoding="utf-8"))
    dialect = dialect_of(site.url)
    standard, checked = Standard(backend, dialect), 0
    with connect(dialect, site.url, backend, "types") as database:
        for (schema, name), table in backend.tables.items():
            select = standard.table(schema, name)
            given = dialect.column_types(database.connection, select)
            for column, kind in {**table.types, "patient_id": "int"}.items():
                assert given[column] in TYPES[kind], f"{name}.{column} is {given[column]}"
                checked += 1
    assert checked == 33


def test_a_study_gets_the_rows_that_the_database_counts(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, plan, output = (tmp_path / name for name in ("study.py", "plan.json", "rows.csv"))
    study.write_text(STUDY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["compile", study.name, "--plan", str(plan)]) == 0
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    assert main(["execute", str(plan), "--output", str(output)]) == 0
    with output.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    found = [len(rows), *(sum(int(row[name]) for row in rows) for name in ("asthma", "inhalers"))]
    sums = HOSPITAL_SUMS if site.slug == "hospital" else OMOP_SUMS
    assert "|".join(map(str, found)) == psql(site.admin, [sums])
    assert found[0] > 50
    assert {row["sex"] for row in rows} <= {"female", "male", "intersex", "unknown"}
    left = "select count(*) from pg_tables where schemaname = 'scratch'"
    assert site.sql(left) == "0"
