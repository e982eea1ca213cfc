"""One study on two mappings of one hospital, and a database that dies under a job."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from testinfra.host import Host

from hospital import LOCKERS, ROOT, WAITING, hold, playbook, query, script, until
from journey import BACKEND, Journey
from places import Places

OMOP = ROOT / "files/data_builder/examples/omop.toml"
ACTIONS = ["extract", "measure", "analyse"]
TABLE, MEASURES = "output/conditions.csv", "output/measures.csv"
# What the study's measure counts, from the hospital's tables and the study's words.
INHALERS = """
select p.gender, count(*), count(*) filter (where exists (
  select from hosp.prescription r where r.person_key = p.person_key
    and r.dmd in ('39113611000001102', '39113311000001107')
    and r.issued between '2023-04-01' and '2023-04-30'))
from hosp.person p
where p.dod > '2023-04-01' and p.gender in ('F', 'M')
  and not exists (select from hosp.opt_out x where x.person_key = p.person_key)
  and extract(year from age(date '2023-04-01', date_trunc('month', p.dob))) >= 18
  and exists (select from hosp.registration r where r.person_key = p.person_key
    and r.kind = 'regular' and r.reg_from <= '2023-04-01' and r.reg_to > '2023-04-01')
group by p.gender"""
SCRATCH = "select count(*) from pg_tables where schemaname = 'scratch'"
Rig = Callable[[str], Host]


@pytest.fixture(scope="module")
def journey() -> Journey:
    """The demo study on the forge."""
    made = Journey(Places(os.environ.get("SALLYPORT_RIG", "test")))
    made.invite()
    made.push()
    return made


@pytest.fixture
def omop(rig: Rig, tmp_path: Path) -> Iterator[None]:
    """The site's backend mapped to an OMOP CDM of the same hospital; afterwards as it was."""
    script(rig("database"), Path(__file__).with_name("cdm.sql").read_text(encoding="utf-8"))
    variables = tmp_path / "omop.json"
    text = OMOP.read_text(encoding="utf-8")
    variables.write_text(json.dumps({"data_builder_backends": {BACKEND: text}}), encoding="utf-8")
    done = playbook("playbooks/data_builder.yml", "-e", f"@{variables}")
    assert done.returncode == 0, done.stdout[-3000:]
    yield
    script(rig("database"), "drop schema cdm cascade;")
    done = playbook("playbooks/data_builder.yml")
    assert done.returncode == 0, done.stdout[-3000:]


def published(journey: Journey) -> tuple[str, list[dict[str, str]]]:
    """Take the study from submission to the public; return its table and its measures."""
    ended = journey.run(ACTIONS)
    assert ended["status"] == "succeeded", ended
    files = journey.published(journey.release([TABLE, MEASURES]))
    return files[TABLE].decode(), list(csv.DictReader(io.StringIO(files[MEASURES].decode())))


def of_known_sex(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Leave out what the CDM cannot tell apart."""
    return [row for row in rows if row["sex"] in ("female", "male", "")]


def test_one_study_on_two_mappings_publishes_the_same_tables(
    journey: Journey, rig: Rig, request: pytest.FixtureRequest
) -> None:
    table, measures = published(journey)
    assert len(table.splitlines()) == 7
    assert len(of_known_sex(measures)) == 36
    counted = [line.split("|") for line in query(rig("database"), INHALERS).splitlines()]
    for gender, people, prescribed in counted:
        sex = {"F": "female", "M": "male"}[gender]
        (row,) = [r for r in measures if r["sex"] == sex and r["interval_start"] == "2023-04-01"]
        rounded = [str(5 * round(int(number) / 5)) for number in (people, prescribed)]
        assert [row["denominator"], row["numerator"]] == rounded
    assert len(counted) == 2

    request.getfixturevalue("omop")
    mapping = rig("runner").file(f"/etc/sallyport/data_builder/backends/{BACKEND}.toml")
    assert "cdm.observation_period" in mapping.content_string
    again, of_cdm = published(journey)
    assert again == table
    assert of_known_sex(of_cdm) == of_known_sex(measures)


def test_a_database_that_dies_under_a_job_fails_it_and_keeps_nothing(
    journey: Journey, rig: Rig
) -> None:
    """A lock holds the job in mid-query; killing one process makes PostgreSQL restart."""
    database = rig("database")
    hold(database)
    rachel = journey.person("rachel")
    request = rachel.submit(journey.workspace, BACKEND, ["extract"])
    until(lambda: query(database, WAITING) != "")
    assert int(query(database, SCRATCH)) > 0
    database.check_output("kill -KILL %s", query(database, WAITING))

    ended = rachel.wait(request, 180)
    (job,) = [job for job in ended["jobs"] if job["action"] == "extract"]
    assert (ended["status"], job["status"]) == ("failed", "failed")
    assert job["status_message"] == "Temporary database error; run the action again"
    assert query(database, SCRATCH) == "0"
    assert query(database, LOCKERS) == "0", "the database did not restart"
    assert journey.run(["extract"])["status"] == "succeeded"
    assert query(database, SCRATCH) == "0"
