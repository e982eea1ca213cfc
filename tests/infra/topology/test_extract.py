"""What a study extracts is what the database holds."""

from __future__ import annotations

import base64
import csv
import gzip
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from testinfra.host import Host

from hospital import query
from journey import STUDY, Journey
from places import Places

EXTRACT = "/srv/high_privacy/workspaces/demo/output/dataset.csv.gz"
CODES = (STUDY / "codelists/asthma.csv").read_text(encoding="utf-8").splitlines()
ASTHMA = ", ".join(f"'{row['code']}'" for row in csv.DictReader(CODES))
# Written from the hospital's tables and the study's words, not from the backend's mapping.
QUERY = f"""
copy (
  select p.person_key,
    case p.gender when 'F' then 'female' when 'M' then 'male' when 'I' then 'intersex'
      else 'unknown' end,
    extract(year from age(date '2023-04-01', date_trunc('month', p.dob)))::int,
    case when exists (select from hosp.observation o where o.person_key = p.person_key
      and o.obs_at < date '2023-04-02' and rtrim(o.concept) in ({ASTHMA})) then 'T' else 'F' end
  from hosp.person p
  where not exists (select from hosp.opt_out x where x.person_key = p.person_key)
    and p.dod > date '2023-04-01'
    and extract(year from age(date '2023-04-01', date_trunc('month', p.dob))) between 18 and 110
    and exists (select from hosp.registration r where r.person_key = p.person_key
      and r.kind = 'regular' and r.reg_from <= date '2023-04-01' and r.reg_to > date '2023-04-01')
) to stdout with csv"""  # noqa: S608 (codes of our own study)
Rig = Callable[[str], Host]


def rows(text: str, names: Iterable[str] | None = None) -> set[tuple[str, ...]]:
    """Return the rows of a table as a set; with names, those columns of a table with a header."""
    if names is None:
        return {tuple(row) for row in csv.reader(text.splitlines())}
    return {tuple(row[name] for name in names) for row in csv.DictReader(text.splitlines())}


def test_the_extract_equals_a_query_made_on_the_database(rig: Rig, tmp_path: Path) -> None:
    """Every patient is compared, so dummy data would fail."""
    name = os.environ.get("SALLYPORT_RIG", "test")
    journey = Journey(Places(name))
    journey.invite()
    journey.push()
    assert journey.run(["extract"])["status"] == "succeeded"
    runner, database = rig("runner"), rig("database")
    encoded = runner.check_output(f"base64 -w0 {EXTRACT}")
    copy = tmp_path / "dataset.csv.gz"
    copy.write_bytes(base64.b64decode(encoded))
    with gzip.open(copy, "rt") as stream:
        extracted = rows(stream.read(), ["patient_id", "sex", "age", "has_asthma"])
    queried = rows(query(database, QUERY))
    assert len(queried) > 20_000
    assert extracted == queried
