"""Jobs go from pending to an end, whatever happens to them on the way."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from tests.unit.runner.rig import PROJECT, Container, Runner, make

from sallyport_common.protocol import StatusCode
from sallyport_runner.flags import Flag
from sallyport_runner.models import Reason, Stop
from sallyport_runner.profile import SANDBOX
from sallyport_runner.services.running.retries import MAX_TRIES
from sallyport_runner.services.running.transitions import MAX_INTERRUPTIONS

pytestmark = pytest.mark.live


def test_an_action_and_what_it_needs_end_in_both_trees(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "table")
    runner.passes(8)
    for action in ("make", "table"):
        assert runner.job(action).code is StatusCode.SUCCEEDED, action
    assert runner.high("output/raw.csv").read_text().startswith("patient_id")
    assert runner.medium("output/table.csv").read_text() == "age,n\n40,10\n"
    assert not runner.medium("output/raw.csv").exists()
    assert runner.medium("metadata/table.log").exists()
    manifest = json.loads(runner.medium("metadata/manifest.json").read_text())
    entry = manifest["outputs"]["output/table.csv"]
    assert (entry["row_count"], entry["col_count"], entry["user"]) == (1, 2, "ada")
    assert entry["content_hash"] == hashlib.sha256(b"age,n\n40,10\n").hexdigest()
    assert entry["commit"] == sha
    assert runner.executor.containers == {}
    assert runner.volumes.all() == []


def test_the_sandbox_of_an_ordinary_job(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "make")
    runner.passes(4)
    (spec,) = runner.executor.started
    assert spec.network is None
    own = {"OPENSAFELY_BACKEND": "hospital", "OMP_NUM_THREADS": "2"}
    assert spec.environment == SANDBOX["environment"] | own
    assert [mount.target for mount in spec.mounts] == ["/workspace"]
    assert spec.labels["org.sallyport.attempt"] == "1"
    assert spec.command == ["make.py"]


def test_a_dependant_waits_and_fails_with_its_need(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "table")
    runner.passes(3)
    assert runner.job("table").code is StatusCode.WAITING_ON_DEPENDENCIES
    runner.executor.end(runner.job("make").container, 1)
    runner.passes(4)
    assert runner.job("make").code is StatusCode.NONZERO_EXIT
    assert runner.job("table").code is StatusCode.DEPENDENCY_FAILED


def test_what_is_done_is_not_done_again_unless_asked_for(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "table")
    runner.passes(8)
    second = runner.request("b", sha, "table")
    runner.passes(6)
    assert runner.job("table").request_id == second.identifier
    assert runner.job("make").request_id != second.identifier
    third = runner.request("c", sha, "table", force_run_dependencies=True)
    runner.passes(8)
    assert runner.job("make").request_id == third.identifier
    runner.request("d", sha, "run_all")
    runner.passes(1)
    assert runner.job("extract").action == "extract"


def test_nothing_to_do_is_said_as_success(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(3)
    second = runner.request("b", sha, "make")
    runner.passes(1)
    job = runner.job("make", second)
    assert (job.code, job.reason) == (StatusCode.SUCCEEDED, Reason.NOTHING_TO_DO)
    third = runner.request("c", sha, "table")
    runner.passes(1)
    assert runner.job("table", third).wait_for == [runner.executor.started[0].name[7:]]


def test_a_file_that_matches_nothing_is_told_inside_only(runner: Runner, sha: str) -> None:
    def program(container: Container) -> int:
        container.write("output/rwa.csv", "x\n")
        return 0

    runner.executor.programs["make"] = program
    runner.request("a", sha, "make")
    runner.passes(6)
    job = runner.job("make")
    assert job.code is StatusCode.UNMATCHED_PATTERNS
    assert job.unmatched == ["output/raw.csv"]
    assert "output/rwa.csv" in (runner.record(job) / "logs.txt").read_text()
    runner.reporter.step()
    assert "rwa" not in json.dumps(runner.server.bodies)


@pytest.mark.parametrize("kind", ["link", "hard link", "folder link", "pipe"])
def test_links_are_never_followed_out_of_a_volume(runner: Runner, sha: str, kind: str) -> None:
    secret = runner.base / "secret.csv"
    secret.write_text("secret\n")

    def program(container: Container) -> int:
        folder = container.folder("/workspace")
        if kind == "folder link":
            (folder / "output").symlink_to(runner.base)
            secret.rename(runner.base / "raw.csv")
            return 0
        (folder / "output").mkdir()
        target = folder / "output/raw.csv"
        if kind == "link":
            target.symlink_to(secret)
        elif kind == "hard link":
            os.link(secret, target)
        else:
            os.mkfifo(target)
        return 0

    runner.executor.programs["make"] = program
    runner.request("a", sha, "make")
    runner.passes(6)
    assert runner.job("make").code is StatusCode.UNMATCHED_PATTERNS
    assert not runner.high("output/raw.csv").exists()
    runner.executor.programs["make"] = make  # the control: the same, with a plain file
    runner.request("b", sha, "make")
    runner.passes(6)
    assert runner.job("make").code is StatusCode.SUCCEEDED


def test_a_link_in_the_code_does_not_lead_inputs_astray(runner: Runner) -> None:
    outside = runner.base / "outside"
    outside.mkdir()
    runner.study.path.joinpath("output").symlink_to(outside)
    sha = runner.study.commit({"project.yaml": PROJECT})
    runner.executor.programs["make"] = lambda _container: 0
    runner.request("a", sha, "make")
    runner.passes(6)
    runner.store.update(runner.job("make").id, files={"output/raw.csv": "highly_sensitive"})
    runner.high("output").mkdir(parents=True)
    runner.high("output/raw.csv").write_text("x")
    runner.store.update(runner.job("make").id, code=StatusCode.SUCCEEDED)
    runner.request("b", sha, "table")
    runner.passes(4)
    assert runner.job("table").reason is Reason.NO_INPUT
    assert list(outside.iterdir()) == []


def test_withheld_files_leave_a_note_and_an_earlier_copy_goes(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "table")
    runner.passes(8)
    assert runner.medium("output/table.csv").exists()

    def program(container: Container) -> int:
        container.write("output/table.csv", "patient_id,n\n1,2\n")
        return 0

    runner.executor.programs["table"] = program
    runner.request("b", sha, "table")
    runner.passes(6)
    job = runner.job("table")
    assert (job.code, job.reason) == (StatusCode.SUCCEEDED, Reason.WITHHELD)
    assert not runner.medium("output/table.csv").exists()
    assert "patient_id" in runner.medium("output/table.csv.txt").read_text()
    entry = json.loads(runner.medium("metadata/manifest.json").read_text())["outputs"]
    assert entry["output/table.csv"]["excluded"]


def test_outputs_of_an_earlier_run_are_flagged(runner: Runner) -> None:
    project = PROJECT.replace("output/raw.csv", "output/*.csv")
    sha = runner.study.commit({"project.yaml": project})
    runner.executor.programs["make"] = lambda c: c.write("output/old.csv", "x")
    runner.request("a", sha, "make")
    runner.passes(6)
    runner.executor.programs["make"] = lambda c: c.write("output/new.csv", "x")
    runner.request("b", sha, "make")
    runner.passes(6)
    entries = json.loads(runner.medium("metadata/manifest.json").read_text())["outputs"]
    assert entries["output/old.csv"]["out_of_date_output"]
    assert not entries["output/new.csv"]["out_of_date_output"]


def test_cancelled_jobs_end_without_outputs(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "table")
    runner.passes(3)
    runner.store.cancel("a" * 16, ["make", "table"], "2026-11-24T00:00:00Z")
    runner.passes(4)
    job = runner.job("make")
    assert (job.code, job.files) == (StatusCode.CANCELLED_BY_USER, {})
    assert runner.job("table").code is StatusCode.CANCELLED_BY_USER
    assert not runner.high("metadata/make.log").exists()
    assert (runner.record(job) / "logs.txt").exists()


def test_an_endless_job_is_stopped(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(3)
    assert runner.job("make").code is StatusCode.EXECUTING
    runner.now += runner.settings.job_time_limit + 1
    runner.passes(4)
    job = runner.job("make")
    assert (job.code, job.reason) == (StatusCode.NONZERO_EXIT, Reason.TIME_LIMIT)


def test_a_killed_job_is_the_administrators(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(3)
    runner.store.update(runner.job("make").id, stop=Stop.ADMIN)
    runner.passes(4)
    assert runner.job("make").code is StatusCode.KILLED_BY_ADMIN


def test_a_restart_takes_running_jobs_up_again(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(3)
    runner.restart()
    runner.passes(2)
    assert runner.job("make").code is StatusCode.EXECUTING
    runner.executor.go_on(runner.job("make").container)
    runner.restart()
    runner.passes(3)
    assert runner.job("make").code is StatusCode.SUCCEEDED
    assert len(runner.executor.started) == 1


def test_a_restart_after_any_pass_runs_nothing_twice(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "table")
    for _ in range(8):
        runner.passes(1)
        runner.restart()
    assert runner.job("table").code is StatusCode.SUCCEEDED
    assert len(runner.executor.started) == 2


def test_a_job_that_is_interrupted_too_often_ends(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    for _ in range(MAX_INTERRUPTIONS):
        runner.passes(3)
        runner.executor.containers.clear()
    runner.passes(2)
    job = runner.job("make")
    assert (job.code, job.reason) == (StatusCode.INTERNAL_ERROR, Reason.TOO_MANY_ATTEMPTS)
    assert len(runner.executor.started) == MAX_INTERRUPTIONS


def test_a_wildcard_never_reaches_logs_and_manifest(runner: Runner) -> None:
    text = PROJECT.replace(
        "highly_sensitive: {raw: output/raw.csv}",
        "moderately_sensitive: {l: '*/*.log', j: '*/*.json'}",
    )
    sha = runner.study.commit({"project.yaml": text})

    def program(container: Container) -> int:
        for name in ("metadata/other.log", "metadata/manifest.json", "o/a.log", "o/a.json"):
            container.write(name, "forged")
        return 0

    runner.executor.programs["make"] = program
    runner.request("a", sha, "make")
    runner.passes(6)
    assert set(runner.job("make").files) == {"o/a.log", "o/a.json"}
    for root in (runner.high, runner.medium):
        assert not root("metadata/other.log").exists()
    assert "forged" not in runner.medium("metadata/manifest.json").read_text()


def test_a_newer_run_of_a_need_takes_no_inputs_away(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "make")
    runner.passes(6)
    runner.store.set_flag(Flag.PAUSED, True, "2026-11-24T00:00:00Z")
    runner.request("b", sha, "table")
    runner.passes(2)
    runner.request("c", sha, "make")
    runner.passes(2)
    assert runner.job("make").code is StatusCode.PAUSED
    runner.store.set_flag(Flag.PAUSED, False, "2026-11-24T00:00:00Z")
    runner.store.update(runner.job("make").id, wait_for=[runner.job("table").id])
    runner.passes(6)
    assert runner.job("table").code is StatusCode.SUCCEEDED


def test_a_job_that_was_finalised_is_not_finalised_twice(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "make")
    runner.passes(6)
    job = runner.job("make")
    before = (runner.record(job) / "metadata.json").read_bytes()
    request = runner.store.request(job.request_id)
    assert request
    outcome = runner.parts.finaliser.finalise(job, request, None)
    assert outcome.code is StatusCode.SUCCEEDED
    assert (runner.record(job) / "metadata.json").read_bytes() == before


def test_a_lost_database_adopts_the_running_container(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(3)
    (runner.settings.workdir / "runner.sqlite3").rename(runner.base / "lost")
    for suffix in ("-wal", "-shm"):
        (runner.settings.workdir / f"runner.sqlite3{suffix}").unlink(missing_ok=True)
    runner.restart()
    runner.sweeper.step()
    runner.request("a", sha, "make")
    runner.passes(2)
    assert runner.job("make").code is StatusCode.EXECUTING
    assert len(runner.executor.started) == 1


def test_strays_are_removed_and_live_ones_are_not(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(3)
    runner.sweeper.step()
    assert len(runner.executor.containers) == 1
    runner.store.update(runner.job("make").id, attempt=2)
    runner.sweeper.step()
    assert runner.executor.containers == {}


def test_an_engine_that_is_away_loses_nothing(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(3)
    runner.executor.away = True
    runner.passes(MAX_TRIES + 5, seconds=100)
    runner.executor.away = False
    runner.executor.go_on(runner.job("make").container)
    runner.passes(4, seconds=100)
    assert runner.job("make").code is StatusCode.SUCCEEDED


def test_pause_holds_pending_jobs_only(runner: Runner, sha: str) -> None:
    runner.store.set_flag(Flag.PAUSED, True, "2026-11-24T00:00:00Z")
    runner.request("a", sha, "make")
    runner.passes(3)
    assert runner.job("make").code is StatusCode.PAUSED
    runner.store.set_flag(Flag.PAUSED, False, "2026-11-24T00:00:00Z")
    runner.passes(4)
    assert runner.job("make").code is StatusCode.SUCCEEDED


def test_workers_are_limited(tmp_path: Path) -> None:
    runner = Runner(tmp_path, max_workers=1)
    runner.executor.held = True
    text = PROJECT.replace("needs: [make]", "needs: []")
    sha = runner.study.commit({"project.yaml": text})
    runner.request("a", sha, "make", "table")
    runner.passes(3)
    codes = {runner.job("make").code, runner.job("table").code}
    assert codes == {StatusCode.EXECUTING, StatusCode.WAITING_ON_WORKERS}


def test_an_image_that_is_not_there_is_said(runner: Runner, sha: str) -> None:
    runner.executor.registry.clear()
    runner.request("a", sha, "make")
    runner.passes(3)
    job = runner.job("make")
    assert (job.code, job.reason) == (StatusCode.JOB_ERROR, Reason.NO_IMAGE)
