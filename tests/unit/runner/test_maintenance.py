"""The probe of database maintenance: it closes the database, opens it, and may say nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runner.rig import Container, Runner

from sallyport_common.protocol import StatusCode
from sallyport_common.settings import Secret
from sallyport_runner import cli
from sallyport_runner.flags import Flag
from sallyport_runner.services.executor import EngineUnavailableError
from sallyport_runner.services.requests.sync import Reporter
from sallyport_runner.services.running.asking import TIME_LIMIT
from sallyport_runner.services.running.maintenance import Maintenance

pytestmark = pytest.mark.live

NAME = "maintenance-hospital"
URL = "postgresql://jobs:hidden@localhost/hospital"
PROBE: dict[str, Any] = {"maintenance_image": "ehrql:v1", "database_url": Secret(URL)}
PHASES = {"org.sallyport.phases": "compile,execute"}


class Database:
    """What the probe prints, and how it ends; `at` is called while it runs."""

    def __init__(self) -> None:
        self.lines, self.exit_code, self.asked = ["open"], 0, 0
        self.at: Callable[[Container], None] = lambda _container: None

    def answer(self, container: Container) -> int:
        """Play the part of the probe's program."""
        self.asked += 1
        self.at(container)
        printed = "".join(f"2026-01-01T00:00:00Z {line}\n" for line in self.lines)
        container.output = printed.encode()
        return self.exit_code


@pytest.fixture
def database(runner: Runner) -> Database:
    """Return a database that is open, which the runner's probe asks."""
    made = Database()
    runner.executor.programs[NAME] = made.answer
    runner.executor.labels = PHASES
    runner.settings = replace(runner.settings, **PROBE)
    runner.restart()
    return made


def step(runner: Runner, seconds: float = 300.0) -> None:
    """Let time pass and the probe be due."""
    runner.now += seconds
    runner.parts.maintenance.step()


def closed(runner: Runner) -> bool:
    return runner.store.flags().on(Flag.MODE)


def test_it_asks_when_it_is_due_and_leaves_nothing(runner: Runner, database: Database) -> None:
    step(runner, 0)
    step(runner, 299)
    assert database.asked == 1
    step(runner, 1)
    assert database.asked == 2
    assert runner.executor.containers == {}
    assert runner.volumes.all() == []


def test_it_has_the_flags_and_the_database_of_a_job(runner: Runner, database: Database) -> None:
    secrets: list[str] = []
    database.at = lambda one: secrets.append(one.folder("/run/secrets/database_url").read_text())
    step(runner)
    (spec,) = runner.executor.started
    assert spec.command == ["data-builder", "maintenance"]
    assert (spec.network, spec.hosts) == ("jobrunner-db", {"localhost": "127.0.0.1"})
    assert spec.labels["org.sallyport.backend"] == ""
    targets = {mount.target: mount.read_only for mount in spec.mounts}
    assert targets == {"/workspace": False, "/backends": True, "/run/secrets/database_url": True}
    assert secrets == [URL]
    assert spec.environment["DATABASE_URL_FILE"] == "/run/secrets/database_url"
    assert "hidden" not in str(spec)


def test_an_image_without_phases_gets_the_address_as_jobs_do(
    runner: Runner, database: Database
) -> None:
    assert database
    runner.executor.labels = {}
    runner.settings = replace(runner.settings, maintenance_command="ask 'the database'")
    runner.restart()
    step(runner)
    (spec,) = runner.executor.started
    assert spec.command == ["ask", "the database"]
    assert spec.environment["DATABASE_URL"] == URL
    assert [mount.target for mount in spec.mounts] == ["/workspace"]


def test_a_closed_database_holds_its_jobs_and_no_others(
    runner: Runner, sha: str, database: Database
) -> None:
    database.lines = ["asking", "mode: db-maintenance"]
    step(runner)
    assert closed(runner)
    runner.executor.labels = {}
    runner.request("a", sha, "extract", "make")
    runner.passes(2)
    assert runner.job("extract").code is StatusCode.WAITING_DB_MAINTENANCE
    assert runner.job("make").started_at is not None
    database.lines = ["db-maintenance", "open"]
    step(runner)
    assert not closed(runner)
    runner.loop.step()
    assert runner.job("extract").started_at is not None


def test_job_server_and_loop_are_told_of_a_change(
    runner: Runner, sha: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(Reporter, "wake", lambda _reporter, urgent: told.append(urgent))
    runner.settings = replace(runner.settings, maintenance_poll_interval=1.0)
    runner.restart()
    runner.executor.labels = {}
    database.lines = ["db-maintenance"]
    step(runner, 1)
    assert told == [True]
    runner.request("a", sha, "extract")
    runner.passes(2, seconds=0)
    assert runner.job("extract").code is StatusCode.WAITING_DB_MAINTENANCE
    told.clear()
    step(runner, 1)
    assert told == []
    runner.loop.step()
    assert runner.job("extract").started_at is None
    database.lines = ["open"]
    step(runner, 1)
    assert told == [True]
    runner.loop.step()
    assert runner.job("extract").started_at is not None


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "failed": ({"exit_code": 3}, "its program failed: asked"),
    "silent": ({"lines": []}, "its program failed: no output"),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("was", [False, True])
def test_a_probe_that_fails_says_nothing(
    runner: Runner, database: Database, name: str, was: bool
) -> None:
    database.lines = ["db-maintenance"] if was else ["open"]
    step(runner)
    changes, sentence = FAULTS[name]
    database.lines = ["asked"]
    vars(database).update(changes)
    step(runner)
    assert closed(runner) is was
    fault = runner.parts.maintenance.to_wire()["fault"]
    assert fault == f"The probe of the database failed: {sentence}."


def test_a_probe_that_hangs_is_ended(runner: Runner, database: Database) -> None:
    assert database
    runner.executor.held = True
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        runner.now += seconds

    made = Maintenance(runner.parts, lambda: None, wait)
    made.step()
    assert "did not end within 60 seconds" in made.to_wire()["fault"]
    assert sum(waited) == pytest.approx(TIME_LIMIT, abs=1)
    assert runner.executor.containers == {}
    assert runner.volumes.all() == []


def test_after_a_fault_it_asks_again_soon(runner: Runner, database: Database) -> None:
    database.exit_code = 1
    step(runner)
    step(runner, 59)
    assert database.asked == 1
    step(runner, 1)
    assert database.asked == 2


def test_a_fault_names_no_secret_and_is_short(runner: Runner, database: Database) -> None:
    database.exit_code, database.lines = 1, [f"cannot connect to {URL} {'x' * 500}"]
    step(runner)
    fault = runner.parts.maintenance.to_wire()["fault"]
    assert "cannot connect to [redacted]" in fault
    assert "hidden" not in fault
    assert len(fault) < 300


def test_an_error_that_nobody_foresaw_is_a_fault(
    runner: Runner, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_container: Container) -> None:
        raise RuntimeError(URL)

    database.at = broken
    step(runner)
    fault = runner.parts.maintenance.to_wire()["fault"]
    assert fault == "The probe of the database failed: RuntimeError."
    assert "internal error of the probe" in caplog.text
    assert runner.volumes.all() == []


def test_the_address_is_removed_although_the_engine_is_away(
    runner: Runner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_name: str) -> None:
        raise EngineUnavailableError("away")

    database.at = lambda _container: monkeypatch.setattr(runner.executor, "remove", away)
    step(runner)
    assert runner.parts.maintenance.to_wire()["fault"].endswith("failed: away.")
    assert database.asked == 1
    assert runner.volumes.all() == []


def test_no_probe_while_the_sandbox_is_not_what_it_should_be(
    runner: Runner, database: Database
) -> None:
    runner.self_test.faults = ["A job has capabilities."]
    step(runner)
    assert database.asked == 0
    runner.self_test.faults = []
    step(runner, 0)
    assert database.asked == 1


def test_the_image_of_the_probe_is_in_use(runner: Runner, database: Database) -> None:
    assert database
    assert runner.parts.maintenance.image == ""
    step(runner)
    assert runner.parts.maintenance.image == runner.executor.started[0].image


@pytest.mark.parametrize("fault", ["engine", "registry", "image", "network"])
def test_what_a_probe_needs_may_be_out_of_reach(
    runner: Runner, database: Database, fault: str
) -> None:
    if fault == "image":
        runner.executor.registry.remove("ehrql:v1")
    elif fault == "network":
        runner.executor.networks.clear()
    else:
        setattr(runner.executor, {"engine": "away", "registry": "unready"}[fault], True)
    step(runner)
    assert database.asked == 0
    assert runner.parts.maintenance.to_wire()["fault"]
    runner.executor.away = runner.executor.unready = False
    runner.executor.registry.add("ehrql:v1")
    runner.executor.networks.add("jobrunner-db")
    step(runner)
    assert "fault" not in runner.parts.maintenance.to_wire()
    assert database.asked == 1


def test_it_asks_nothing_while_an_operator_has_closed_the_database(
    runner: Runner, database: Database, path: Path
) -> None:
    cli.ask(path, "POST", "/db-maintenance/on")
    step(runner)
    assert database.asked == 0
    assert cli.ask(path, "GET", "/status")["db_maintenance"] is True
    database.lines = ["db-maintenance"]
    cli.ask(path, "POST", "/db-maintenance/off")
    step(runner)
    shown = cli.ask(path, "GET", "/status")
    assert shown["db_maintenance"] is True
    assert shown["maintenance_probe"].items() >= {"on": True, "closed": True}.items()


@pytest.mark.parametrize("backend", ["test", "hospital"])
def test_a_backend_without_a_probe_opens_and_removes_what_one_left(
    runner: Runner, database: Database, backend: str
) -> None:
    database.lines = ["db-maintenance"]
    step(runner)
    assert closed(runner)
    image = "ehrql:v1" if backend == "test" else None
    runner.settings = replace(runner.settings, backend=backend, maintenance_image=image)
    runner.restart()
    left = runner.volumes.of(f"maintenance-{backend}")
    left.make()
    left.write_secret(URL)
    step(runner)
    assert not closed(runner)
    assert runner.volumes.all() == []
    step(runner)
    assert database.asked == 1
