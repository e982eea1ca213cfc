"""The demo's hospital is there in full, and jobs read it without being able to change it."""

from __future__ import annotations

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host


def query(host: Host, statement: str, role: str = "postgres") -> CommandResult:
    """Run a statement as a role."""
    script = f"set session authorization {role}; {statement}"
    command = "runuser -u postgres -- psql -d hospital -qAt --set=ON_ERROR_STOP=1 -c %s"
    return host.run(command, script)


def test_there_are_enough_people_and_events(host: Host) -> None:
    assert int(query(host, "select count(*) from hosp.person").stdout) >= 50_000
    assert int(query(host, "select count(*) from hosp.observation").stdout) >= 1_000_000


@pytest.mark.parametrize(
    "table",
    ["person", "registration", "observation", "prescription", "death_certificate", "opt_out"],
)
def test_jobs_read_every_table_and_change_none(host: Host, table: str) -> None:
    readable = query(host, f"table hosp.{table} limit 1", "sallyport_jobs")
    assert readable.stdout.strip()
    refused = query(host, f"truncate hosp.{table}", "sallyport_jobs")
    assert "permission denied" in refused.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "create table {}.t (i int)",
        "create table {}.t as select * from hosp.person limit 1",
    ],
)
def test_jobs_create_tables_in_scratch_only(host: Host, statement: str) -> None:
    made = f"{statement.format('scratch')}; drop table scratch.t"
    assert query(host, made, "sallyport_jobs").rc == 0
    for schema in ("hosp", "public"):
        refused = query(host, statement.format(schema), "sallyport_jobs")
        assert "permission denied" in refused.stderr
    assert (
        "permission denied" in query(host, "create temp table t (i int)", "sallyport_jobs").stderr
    )


def test_a_schema_of_somebody_else_stays(host: Host) -> None:
    command = "runuser -u postgres -- /opt/sallyport/demo_hospital/generate --database=other"
    host.check_output("runuser -u postgres -- createdb other")
    try:
        made = "create schema hosp; create table hosp.person (i int)"
        host.check_output("runuser -u postgres -- psql -d other -qc %s", made)
        refused = host.run(command)
        assert refused.rc == 1
        assert "not ours" in refused.stderr
        host.check_output("runuser -u postgres -- psql -d other -qc 'drop schema hosp cascade'")
        assert host.check_output(f"{command} --patients=10") == "loaded"
        assert host.check_output(f"{command} --patients=10") == "unchanged"
    finally:
        host.check_output("runuser -u postgres -- dropdb other")
