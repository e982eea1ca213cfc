"""The runner's host goes down under three jobs, and all three finish, each once."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from hospital import playbook
from journey import BACKEND, Journey
from places import Places

ACTIONS = ("first", "second", "third")
SOURCE = Path(__file__).parent / "studies/waiting"
HIGH = "/srv/high_privacy"
SECONDS = 240
Rig = Callable[[str], Host]
Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def study() -> Journey:
    """The study whose jobs wait, in a repository that the forge of the tests has."""
    name = os.environ.get("SALLYPORT_RIG", "test")
    made = Journey(Places(name), study="probe-study", workspace="waiting", source=SOURCE)
    made.invite()
    made.push()
    return made


def jobs(runner: Host) -> Rows:
    """Return the newest job of each action, as the runner has it."""
    rows: Rows = {}
    for row in json.loads(runner.check_output("sallyport-runner jobs --json"))["jobs"]:
        if row["workspace"] == "waiting":
            rows.setdefault(row["action"], row)
    return rows


def all_run(runner: Host, attempt: int, actions: Sequence[str] = ACTIONS) -> Rows:
    """Wait until the programs of jobs run in this attempt; return the jobs."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        rows = {name: row for name, row in jobs(runner).items() if name in actions}
        found = {(row["code"], row["attempt"]) for row in rows.values()}
        if found == {("executing", attempt)} and len(rows) == len(actions):
            return rows
        time.sleep(1)
    pytest.fail(f"the jobs do not run in attempt {attempt}: {jobs(runner)}")


def restart(_runner: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restart the host as the scenario does: services are stopped one after the other."""
    monkeypatch.setenv("SALLYPORT_HOSTS", "runner")
    done = playbook("molecule/resources/restart.yml")
    assert done.returncode == 0, done.stdout[-3000:]


def cut_power(runner: Host, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill every process of the host at once and boot it."""
    for verb in ("kill", "start"):
        subprocess.run(["docker", verb, runner.backend.name], check=True, stdout=subprocess.DEVNULL)
    ready = "until [ -S /run/systemd/private ]; do sleep 0.1; done; systemctl is-system-running"
    runner.run("timeout 180 sh -c %s", f"{ready} --wait")


def prepare(runner: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what an operator does: put the jobs back, restart the host, and leave the rest to it."""
    runner.check_output("sallyport-runner prepare-reboot --resume --timeout 120")
    assert runner.run("sallyport-runner prepare-reboot --status").rc == 0
    assert runner.check_output("docker ps --all --quiet --filter name=os-job-") == ""
    assert {row["code"] for row in jobs(runner).values()} == {"waiting_on_reboot"}
    restart(runner, monkeypatch)


@pytest.mark.parametrize("end", [restart, cut_power, prepare])
def test_three_running_jobs_survive_the_end_of_their_host(
    rig: Rig,
    study: Journey,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[Host, pytest.MonkeyPatch], None],
) -> None:
    runner, rachel = rig("runner"), study.person("rachel")
    request = rachel.submit(study.workspace, BACKEND, list(ACTIONS))
    started = all_run(runner, 1)
    assert len(runner.check_output("docker ps --quiet --filter name=os-job-").split()) == 3

    end(runner, monkeypatch)
    again = all_run(runner, 2)
    assert {row["id"] for row in again.values()} == {row["id"] for row in started.values()}
    for row in again.values():
        runner.check_output("touch %s", f"{HIGH}/volumes/{row['id']}/workspace/go")

    ended = rachel.wait(request, SECONDS)
    assert ended["status"] == "succeeded", ended
    assert {job["action"]: job["status"] for job in ended["jobs"]} == dict.fromkeys(
        ACTIONS, "succeeded"
    )
    manifest = json.loads(
        runner.check_output("cat /srv/medium_privacy/workspaces/waiting/metadata/manifest.json")
    )
    made = {path: entry["job_id"] for path, entry in manifest["outputs"].items()}
    assert made == {f"output/{action}.csv": again[action]["id"] for action in ACTIONS}
    for action in ACTIONS:
        lines = runner.check_output("cat %s", f"{HIGH}/workspaces/waiting/output/{action}.csv")
        assert len(lines.split()) == 2
        assert jobs(runner)[action]["attempt"] == 2  # and no third one was needed


def test_a_job_that_ended_before_the_host_does_not_run_again(
    rig: Rig, study: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its control is the test above: jobs that had not ended do run again."""
    runner, rachel = rig("runner"), study.person("rachel")
    request = rachel.submit(study.workspace, BACKEND, ["first"])
    row = all_run(runner, 1, ["first"])["first"]
    runner.check_output("touch %s", f"{HIGH}/volumes/{row['id']}/workspace/go")
    assert rachel.wait(request, SECONDS)["status"] == "succeeded"
    output = f"{HIGH}/workspaces/waiting/output/first.csv"
    before = runner.check_output("cat %s", output)
    cut_power(runner, monkeypatch)
    after = jobs(runner)["first"]
    assert (after["id"], after["code"], after["attempt"]) == (row["id"], "succeeded", 1)
    assert runner.check_output("cat %s", output) == before
