"""The integrator loads data: the runner asks the mapping, puts a job back and starts it again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from hospital import ROOT, WAITING, hold, playbook, query, release, script, until
from journey import BACKEND, Journey
from places import Places

MAPPING = ROOT / "roles/data_builder/files/backends/hospital.toml"
QUERY = '\n[maintenance]\nsql = "select busy from hosp.loading"\n'
TABLE = """
create table hosp.loading as select false as busy;
grant select on hosp.loading to sallyport_jobs;"""
TURN = "update hosp.loading set busy = not busy"
DEPLOY = ("playbooks/data_builder.yml", "playbooks/runner.yml")
SECONDS = 120
Rig = Callable[[str], Host]


@pytest.fixture
def journey() -> Journey:
    """The demo study on the forge."""
    made = Journey(Places(os.environ.get("SALLYPORT_RIG", "test")))
    made.invite()
    made.push()
    return made


@pytest.fixture
def probed(rig: Rig, tmp_path: Path) -> Iterator[None]:
    """A site whose mapping says when data is loaded, and a runner that asks; then as it was."""
    script(rig("database"), TABLE)
    values = {
        "data_builder_backends": {BACKEND: MAPPING.read_text(encoding="utf-8") + QUERY},
        "runner_maintenance_image": "databuilder:v1",
        "runner_maintenance_poll_interval": 5,
    }
    variables = tmp_path / "probed.json"
    variables.write_text(json.dumps(values), encoding="utf-8")
    done = playbook(*DEPLOY, "-e", f"@{variables}")
    assert done.returncode == 0, done.stdout[-3000:]
    yield
    done = playbook(*DEPLOY)
    assert done.returncode == 0, done.stdout[-3000:]
    script(rig("database"), "drop table hosp.loading;")


def newest(runner: Host) -> dict[str, Any]:
    """Return the newest extraction, as the runner has it."""
    rows = json.loads(runner.check_output("sallyport-runner jobs --json"))["jobs"]
    return dict(next(row for row in rows if row["action"] == "extract"))


@pytest.mark.usefixtures("probed")
def test_a_job_gives_way_while_data_is_loaded(journey: Journey, rig: Rig) -> None:
    """Its query is held, so that it is in the middle of the extraction."""
    database, runner, rachel = rig("database"), rig("runner"), journey.person("rachel")
    hold(database)
    request = rachel.submit(journey.workspace, BACKEND, ["extract"])
    until(lambda: query(database, WAITING) != "", SECONDS)
    before = newest(runner)
    assert before["code"] == "executing"

    script(database, TURN)
    until(lambda: newest(runner)["code"] == "waiting_db_maintenance", SECONDS)
    assert newest(runner)["message"] == "Waiting for database maintenance to end"
    status = json.loads(runner.check_output("sallyport-runner status"))
    assert status["maintenance_probe"]["closed"]
    release(database)
    until(lambda: runner.check_output("docker ps --quiet --filter name=os-job-") == "")
    assert query(database, WAITING) == ""

    script(database, TURN)
    ended = rachel.wait(request, SECONDS)
    assert ended["status"] == "succeeded", ended
    after = newest(runner)
    assert (after["id"], after["attempt"]) == (before["id"], before["attempt"] + 1)
