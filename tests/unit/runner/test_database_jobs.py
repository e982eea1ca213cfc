"""Database jobs: with network and address, or in two phases that never have both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.runner.rig import PROJECT, Container, Runner

from sallyport_common.protocol import StatusCode
from sallyport_runner.flags import Flag
from sallyport_runner.models import Phase, Reason
from sallyport_runner.profile import SANDBOX
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.running.sandbox import Sandbox

ORDINARY = SANDBOX["environment"] | {"OMP_NUM_THREADS": "2"}
DATABASE_URL = "postgresql://jobs:hidden-password@127.0.0.1/hospital"


def test_maintenance_resets_database_jobs(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "extract")
    runner.passes(3)
    assert runner.job("extract").code is StatusCode.EXECUTING
    runner.store.set_flag(Flag.MANUAL_MAINTENANCE, True, "2026-11-24T00:00:00Z")
    runner.passes(2)
    job = runner.job("extract")
    assert (job.code, job.attempt) == (StatusCode.WAITING_DB_MAINTENANCE, 2)
    assert runner.executor.containers == {}


def test_maintenance_takes_no_result_away(runner: Runner, sha: str) -> None:
    """The program had ended when the database was closed, and nobody had looked since."""
    runner.executor.programs["extract"] = lambda c: c.write("output/d.csv", "patient_id\n")
    runner.executor.held = True
    runner.request("a", sha, "extract")
    runner.passes(3)
    runner.executor.go_on(runner.job("extract").container)
    runner.store.set_flag(Flag.MANUAL_MAINTENANCE, True, "2026-11-24T00:00:00Z")
    runner.restart()
    runner.passes(3)
    assert runner.job("extract").code is StatusCode.SUCCEEDED
    assert len(runner.executor.started) == 1


def test_a_database_job_in_one_phase_has_network_and_url(runner: Runner, sha: str) -> None:
    runner.executor.programs["extract"] = lambda c: c.write("output/d.csv", "patient_id\n")
    runner.request("a", sha, "extract")
    runner.passes(6)
    (spec,) = runner.executor.started
    assert spec.network == "jobrunner-db"
    assert spec.hosts == {"127.0.0.1": "127.0.0.1"}
    assert spec.environment["DATABASE_URL"] == DATABASE_URL
    metadata = (runner.record(runner.job("extract")) / "metadata.json").read_text()
    assert "hidden-password" not in metadata


def test_an_image_without_phases_has_what_ehrql_asks_for_and_nothing_else(
    runner: Runner, sha: str
) -> None:
    """The real ehrQL image can take the slot: the contract of data-access 3.1, whole."""
    given = replace(runner.settings, database_backend_class="site.backends.HospitalBackend")
    runner.request("a", sha, "extract")
    runner.passes(3)
    request = runner.store.request(runner.job("extract").request_id)
    assert request is not None
    job, volume = runner.job("extract"), Volumes(runner.settings.volumes).of("a")
    spec = Sandbox(given).specification(job, request, volume)
    assert spec.environment == ORDINARY | {
        "OPENSAFELY_BACKEND": "site.backends.HospitalBackend",
        "EHRQL_PERMISSIONS": "[]",
        "DATABASE_URL": DATABASE_URL,
    }
    assert spec.command == ["generate-dataset", "d.py", "--output", "output/d.csv"]
    assert [(mount.target, mount.read_only) for mount in spec.mounts] == [("/workspace", False)]
    without = Sandbox(given).specification(replace(job, requires_db=False), request, volume)
    assert without.environment == ORDINARY | {"OPENSAFELY_BACKEND": "hospital"}
    assert without.network is None


def test_without_the_closed_network_no_database_job_starts(runner: Runner, sha: str) -> None:
    runner.executor.networks.clear()
    runner.request("a", sha, "extract")
    runner.passes(4)
    assert runner.job("extract").reason is Reason.NO_NETWORK
    assert runner.executor.started == []


class TestPhases:
    """Images that compile study code apart from reaching the database."""

    @pytest.fixture
    def phased(self, runner: Runner) -> Runner:
        runner.executor.labels = {"org.sallyport.phases": "compile,execute"}
        return runner

    def program(
        self, inputs: list[dict[str, str]], escape: bool = False
    ) -> Callable[[Container], int]:
        def run(container: Container) -> int:
            if container.spec.name.endswith("-compile"):
                plan = container.folder("/plan") / "plan.json"
                plan.write_text(json.dumps({"inputs": inputs}))
                if escape:
                    plan.rename(plan.with_name("other"))
                    plan.symlink_to("/etc/hostname")
                return 0
            container.write("output/d.csv", "patient_id\n")
            return 0

        return run

    def test_code_and_database_are_never_together(self, phased: Runner, sha: str) -> None:
        digest = hashlib.sha256(b"pass\n").hexdigest()
        inputs = [{"path": "make.py", "digest": digest}]
        phased.executor.programs["extract"] = self.program(inputs)
        phased.request("a", sha, "extract")
        phased.passes(8)
        compile_spec, execute_spec = phased.executor.started
        assert compile_spec.network is None
        assert "DATABASE_URL_FILE" not in compile_spec.environment
        assert {m.target: m.read_only for m in compile_spec.mounts} == {
            "/workspace": True,
            "/plan": False,
        }
        assert execute_spec.network == "jobrunner-db"
        assert "DATABASE_URL" not in execute_spec.environment
        assert {m.target: m.read_only for m in execute_spec.mounts} == {
            "/workspace": False,
            "/plan": True,
            "/backends": True,
            "/run/secrets/database_url": True,
        }
        words = ["generate-dataset", "d.py", "--output", "output/d.csv"]
        assert compile_spec.command[-4:] == execute_spec.command[-4:] == words
        assert compile_spec.image == execute_spec.image
        job = phased.job("extract")
        assert job.code is StatusCode.SUCCEEDED
        assert (phased.record(job) / "plan.json").exists()
        metadata = json.loads((phased.record(job) / "metadata.json").read_text())
        assert metadata["plan_sha256"]

    @pytest.mark.parametrize(
        ("inputs", "escape"),
        [
            ([{"path": "../x", "digest": "0" * 64}], False),
            ([{"path": "make.py", "digest": "0" * 64}], False),
            ([{"path": "none.csv", "digest": "0" * 64}], False),
            ([], True),
        ],
    )
    def test_a_bad_plan_is_refused(
        self, phased: Runner, sha: str, inputs: list[dict[str, str]], escape: bool
    ) -> None:
        phased.executor.programs["extract"] = self.program(inputs, escape)
        phased.request("a", sha, "extract")
        phased.passes(6)
        assert phased.job("extract").reason is Reason.BAD_PLAN
        assert len(phased.executor.started) == 1

    def test_a_failing_compilation_ends_the_job(self, phased: Runner, sha: str) -> None:
        phased.executor.programs["extract"] = lambda _container: 10
        phased.request("a", sha, "extract")
        phased.passes(6)
        job = phased.job("extract")
        assert (job.code, job.reason) == (StatusCode.NONZERO_EXIT, Reason.BAD_DEFINITION)
        assert job.phase is Phase.COMPILE

    def test_a_plan_is_not_carried_out_while_the_database_is_closed(
        self, phased: Runner, sha: str
    ) -> None:
        phased.executor.programs["extract"] = self.program([])
        phased.executor.held = True
        phased.request("a", sha, "extract")
        phased.passes(3)
        phased.executor.go_on(phased.job("extract").container)
        phased.store.set_flag(Flag.MANUAL_MAINTENANCE, True, "2026-11-24T00:00:00Z")
        phased.passes(3)
        assert phased.job("extract").code is StatusCode.WAITING_DB_MAINTENANCE
        assert len(phased.executor.started) == 1

    def test_a_restart_between_the_phases_goes_on(self, phased: Runner, sha: str) -> None:
        phased.executor.programs["extract"] = self.program([])
        phased.executor.held = True
        phased.request("a", sha, "extract")
        phased.passes(3)
        phased.executor.go_on(phased.job("extract").container)
        phased.restart()
        phased.executor.held = False
        phased.passes(5)
        assert phased.job("extract").code is StatusCode.SUCCEEDED
        assert len(phased.executor.started) == 2


def test_a_backend_with_dummy_data_never_reaches_a_database(tmp_path: Path) -> None:
    runner = Runner(tmp_path, backend="test")
    runner.executor.programs["extract"] = lambda c: c.write("output/d.csv", "x\n")
    runner.request("a", runner.study.commit({"project.yaml": PROJECT}), "extract")
    runner.passes(6)
    (spec,) = runner.executor.started
    assert spec.network is None
    assert "DATABASE_URL" not in spec.environment
    assert runner.job("extract").code is StatusCode.SUCCEEDED
