"""An operator prepares a reboot: every job is put back, and goes on after it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.runner.admin import admin_socket, call
from tests.unit.runner.reboot import boot, go_down, three_jobs
from tests.unit.runner.rig import Runner

from sallyport_common.errors import run_cli
from sallyport_common.protocol import State, StatusCode
from sallyport_runner import cli
from sallyport_runner.flags import Flag
from sallyport_runner.models import Stop
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.requests import outgoing

ACTIONS = ("make", "table", "other")


@pytest.fixture
def three(tmp_path: Path) -> Runner:
    """Return a runner with three jobs whose programs run in the boot `1`."""
    return three_jobs(tmp_path)


@pytest.fixture
def path(three: Runner, tmp_path: Path) -> Iterator[Path]:
    """Give the path of its admin socket."""
    with admin_socket(three, tmp_path) as given:
        yield given


def states(runner: Runner) -> set[tuple[StatusCode, int]]:
    """Return code and attempt of the three jobs."""
    return {(runner.job(action).code, runner.job(action).attempt) for action in ACTIONS}


def finish(runner: Runner) -> None:
    """Let the programs end, and see that every job succeeded."""
    for container in list(runner.executor.containers):
        runner.executor.go_on(container)
    runner.passes(4)
    assert {code for code, _attempt in states(runner)} == {StatusCode.SUCCEEDED}


def test_every_running_job_is_put_back_and_the_server_is_told(three: Runner) -> None:
    three.parts.reboot.prepare(resume=False)
    assert not three.parts.reboot.state().ready
    three.passes(2)
    assert three.parts.reboot.state().ready
    assert states(three) == {(StatusCode.WAITING_ON_REBOOT, 2)}
    assert not three.executor.containers
    assert not three.volumes.all()
    three.passes(3)  # nothing starts, and the code stays
    assert states(three) == {(StatusCode.WAITING_ON_REBOOT, 2)}
    row = outgoing.job_row(three.job("make"))
    assert (row["status"], row["status_code"]) == (State.PENDING, "waiting_on_reboot")
    assert row["status_message"].endswith("the job starts again by itself")
    assert row["started_at"] is None
    assert outgoing.flags(three.store.flags(), three.settings)["reboot"]["v"] == "true"


@pytest.mark.parametrize("resume", [False, True])
def test_jobs_start_again_when_it_is_over(three: Runner, resume: bool) -> None:
    three.parts.reboot.prepare(resume=resume)
    three.passes(2)
    boot(three, "1")  # only the service starts again: this is not a reboot
    three.passes(2)
    assert three.parts.reboot.state().ready
    assert states(three) == {(StatusCode.WAITING_ON_REBOOT, 2)}
    go_down(three)
    boot(three, "2")
    three.passes(3)
    if not resume:
        assert states(three) == {(StatusCode.WAITING_ON_REBOOT, 2)}
        three.parts.reboot.end()
        three.store.set_flag(Flag.PAUSED, False, "2026-11-24T00:00:00Z")
        three.passes(3)
    assert states(three) == {(StatusCode.EXECUTING, 2)}
    assert not three.parts.reboot.state().requested
    assert three.job("make").interruptions == 0
    finish(three)
    assert len(three.executor.started) == 6


def test_what_has_ended_is_recorded_and_does_not_run_again(
    three: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise TransientError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(three.parts.finaliser, "finalise", refuse)
        three.executor.go_on(three.job("make").container)
        three.passes(2)
        three.parts.reboot.prepare(resume=False)
        three.passes(2)
        assert three.parts.reboot.state().running == 1
        assert three.volumes.all() == [three.job("make").id]
    three.passes(2, seconds=60)
    assert (three.job("make").code, three.job("make").attempt) == (StatusCode.SUCCEEDED, 1)
    assert three.parts.reboot.state().ready


def test_a_program_that_ended_unseen_is_not_put_back(three: Runner) -> None:
    """The engine's event was missed: the loop looks before it removes anything."""
    three.executor.go_on(three.job("make").container)
    three.parts.reboot.prepare(resume=False)
    three.passes(3)
    assert (three.job("make").code, three.job("make").attempt) == (StatusCode.SUCCEEDED, 1)
    assert three.job("table").code is StatusCode.WAITING_ON_REBOOT


@pytest.mark.parametrize("stop", [Stop.ADMIN, Stop.NONE])
def test_a_job_that_somebody_ends_is_not_put_back(three: Runner, stop: Stop) -> None:
    job = three.job("make")
    if stop is Stop.ADMIN:
        three.store.update(job.id, stop=stop)
    else:
        three.store.cancel(job.request_id, ["make"], "2026-11-24T00:00:00Z")
    three.parts.reboot.prepare(resume=False)
    three.passes(4)
    ended = StatusCode.KILLED_BY_ADMIN if stop is Stop.ADMIN else StatusCode.CANCELLED_BY_USER
    assert three.job("make").code is ended
    assert three.parts.reboot.state().ready


def test_a_job_that_is_being_prepared_waits_too(tmp_path: Path) -> None:
    runner = three_jobs(tmp_path, unready=True)
    assert {code for code, _attempt in states(runner)} == {StatusCode.PREPARING}
    runner.parts.reboot.prepare(resume=True)
    runner.passes(2, seconds=60)
    assert states(runner) == {(StatusCode.WAITING_ON_REBOOT, 1)}
    runner.executor.unready = False
    boot(runner, "2")
    runner.passes(4)
    finish(runner)


def test_the_verb_waits_until_the_host_is_ready(
    three: Runner, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(path, "prepare-reboot", "--status") == cli.NOT_READY
    assert capsys.readouterr().out == "No reboot is being prepared.\n"
    assert call(path, "prepare-reboot", "--timeout", "0") == cli.NOT_READY
    assert "3 jobs still run" in capsys.readouterr().out
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _seconds: three.passes(2))
    monkeypatch.setattr(cli, "time", clock)
    assert call(path, "prepare-reboot", "--resume", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "requested": True, "ready": True, "resume": True, "running": 0,
    }  # fmt: skip
    assert call(path, "prepare-reboot", "--status") == 0
    assert capsys.readouterr().out.endswith("No job starts until the next boot.\n")
    call(path, "status")
    assert json.loads(capsys.readouterr().out)["reboot"]["ready"] is True
    assert call(path, "unpause") == 0
    assert json.loads(capsys.readouterr().out)["reboot"]["requested"] is False
    three.passes(3)
    assert states(three) == {(StatusCode.EXECUTING, 2)}


def test_a_runner_that_does_not_know_its_boot_does_not_promise_to_resume(
    three: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boot(three, "")
    folder = tmp_path / "other"
    folder.mkdir()
    with admin_socket(three, folder) as given:
        words = ["--socket", str(given), "prepare-reboot", "--resume", "--timeout", "0"]
        assert run_cli(cli.main, words) == 1
        assert "cannot tell a reboot" in capsys.readouterr().err
        assert not three.store.flags().paused
        words.remove("--resume")  # the control
        assert run_cli(cli.main, words) == cli.NOT_READY
        assert three.store.flags().paused
