"""Operators talk to the daemon by a unix socket; the process itself starts and stops well."""

from __future__ import annotations

import functools
import json
import os
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
from tests.unit.runner.admin import call
from tests.unit.runner.engine import serve
from tests.unit.runner.made import fill, job
from tests.unit.runner.rig import Runner, settings
from tests.unit.runner.test_engine import image
from tests.unit.runner.test_queue import Usage

from sallyport_common import systemd
from sallyport_common.errors import SettingsError
from sallyport_common.loop import StopSignal
from sallyport_common.protocol import StatusCode
from sallyport_common.settings import environment_names
from sallyport_runner import cli, daemon
from sallyport_runner.app import create_app
from sallyport_runner.daemon import Daemon
from sallyport_runner.flags import Flag
from sallyport_runner.models import Reason, Stop
from sallyport_runner.services.control import Control, UnknownJobError
from sallyport_runner.services.requests.sync import SyncState
from sallyport_runner.services.running.engine import DockerExecutor
from sallyport_runner.settings import PREFIX, Settings


def test_the_verbs(
    runner: Runner, sha: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(3)
    assert call(path, "pause") == 0
    assert runner.store.flags().paused
    assert call(path, "unpause") == 0
    assert call(path, "db-maintenance", "on") == 0
    assert call(path, "status") == 0
    assert cli.ask(path, "GET", "/status")["job_server"] == "classic"
    assert '"db_maintenance": true' in capsys.readouterr().out
    assert call(path, "jobs") == 0
    assert "executing" in capsys.readouterr().out
    assert call(path, "kill", runner.job("make").id[:6]) == 0
    runner.passes(3)
    assert runner.job("make").code == "killed_by_admin"
    with pytest.raises(cli.AdminError, match="No active job has 'zzz'"):
        call(path, "kill", "zzz")
    assert cli.ask(path, "GET", "/healthz")["status"] == "ok"


def test_a_full_file_system_is_named_with_what_it_has_and_what_is_wanted(
    runner: Runner, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(path, "jobs") == 0
    assert cli.ask(path, "GET", "/status")["short_of_disk_space"] == []
    assert "disk" not in capsys.readouterr().out
    monkeypatch.setattr(runner.parts.space, "_floor", 10 * 2**30)
    high = runner.settings.high_privacy_storage_base
    free = {high: 512 * 2**20}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free.get(folder, 2**40)))
    assert call(path, "jobs") == 0
    assert capsys.readouterr().out == (
        f"No job starts: {high} has 512 MiB of free disk space, and jobs start from 10,240 MiB on "
        "(runner_disk_free_floor).\n"
    )
    assert cli.ask(path, "GET", "/status")["short_of_disk_space"] == [
        {"folder": str(high), "free": 512 * 2**20, "wanted": 10 * 2**30}
    ]


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/none", 404),
        ("POST", "/jobs//kill", 404),
        ("POST", "/db-maintenance/maybe", 404),
        ("GET", "/pause", 405),
        ("POST", "/jobs/zzz/kill", 404),
    ],
)
def test_every_error_is_a_sentence_in_json(
    runner: Runner, method: str, url: str, status: int
) -> None:
    control = Control(runner.parts, SyncState(), runner.sweeper)
    client = create_app(control, {}).test_client()
    answer = client.open(url, method=method)
    assert answer.status_code == status
    assert answer.json
    assert set(answer.json) == {"detail"}
    assert client.get("/status").status_code == 200


def test_a_part_of_an_id_must_fit_one_active_job(runner: Runner) -> None:
    fill(runner.store, job(1), job(2), job(3, code=StatusCode.SUCCEEDED))
    control = Control(runner.parts, SyncState(), runner.sweeper)
    for part, sentence in (
        ("job", "More than one active job has 'job' in its id."),
        ("job3", "No active job has 'job3' in its id."),
        ("", "No active job has '' in its id."),
    ):
        with pytest.raises(UnknownJobError) as caught:
            control.kill(part)
        assert str(caught.value) == sentence
    assert control.kill("b1").stop is Stop.ADMIN


def test_a_daemon_that_is_away_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(cli.AdminError, match="does not answer"):
        call(tmp_path / "none.sock", "status")


def test_the_daemon_is_healthy_although_server_and_engine_are_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = settings(tmp_path, job_server_endpoint="http://127.0.0.1:9/api/v2", poll_interval=0.05)
    stopper = StopSignal()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(tmp_path / "admin.sock"))
    monkeypatch.setattr(systemd, "listen_sockets", lambda: {"admin": listening})
    monkeypatch.setattr("sallyport_runner.services.running.engine.CALL_TIMEOUT", 1)
    thread = threading.Thread(target=Daemon(known, stopper).run)
    thread.start()
    try:
        time.sleep(0.2)
        health = cli.ask(tmp_path / "admin.sock", "GET", "/healthz")
        assert health["checks"] == {"store": "ok", "loops": "ok"}
        assert cli.ask(tmp_path / "admin.sock", "GET", "/status")["sync"]["last_contact"] is None
    finally:
        stopper.stop()
        thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("keep_days", ["0", "30000"])
def test_the_daemon_removes_superseded_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep_days: str
) -> None:
    old, new = (f"proxy.example/python@sha256:{digit * 64}" for digit in "ab")
    known = settings(
        tmp_path,
        job_server_endpoint="http://127.0.0.1:9/api/v2",
        poll_interval=0.05,
        docker_proxy="proxy.example",
        image_keep_days=int(keep_days),
    )
    stopper = StopSignal()
    with serve(tmp_path / "engine.sock") as engine:
        url = f"unix://{tmp_path}/engine.sock"
        monkeypatch.setattr(daemon, "DockerExecutor", functools.partial(DockerExecutor, url=url))
        engine.images = {reference: image(reference) for reference in (old, new)}
        engine.images[new]["Created"] = "1970-01-01T00:02:00Z"
        thread = threading.Thread(target=Daemon(known, stopper).run)
        thread.start()
        try:
            deadline = time.monotonic() + 10
            while "GET images/json" not in engine.calls and time.monotonic() < deadline:
                time.sleep(0.02)
            while old in engine.images and time.monotonic() < deadline and keep_days == "0":
                time.sleep(0.02)
        finally:
            stopper.stop()
            thread.join(5)
        assert "GET images/json" in engine.calls
        left = engine.images.keys() & {old, new}
        assert left == ({new} if keep_days == "0" else {old, new})


def test_settings_name_every_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUNNER_BAKCEND", "x")
    with pytest.raises(SettingsError) as caught:
        cli.main(["check-config"])
    assert "RUNNER_BAKCEND is not a setting" in caught.value.problems
    assert "RUNNER_BACKEND is not set" in caught.value.problems
    assert "RUNNER_JOB_SERVER_TOKEN_FILE" in environment_names(Settings, PREFIX)


def test_jobs_are_listed_with_time_and_reason(
    runner: Runner, sha: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner.executor.held = True
    runner.request("a", sha, "table")
    runner.passes(2)
    assert call(path, "jobs") == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "CODE", "SINCE", "WORKSPACE", "ACTION", "MESSAGE"]
    assert {first.split()[4], second.split()[4]} == {"make", "table"}
    waiting = next(line for line in (first, second) if "waiting_on_dependencies" in line)
    assert waiting.split()[2].endswith("Z")
    assert "Waiting on dependencies" in waiting
    assert call(path, "jobs", "--json") == 0
    shown = json.loads(capsys.readouterr().out)["jobs"]
    assert {job["action"]: job["collected"] for job in shown} == {"make": None, "table": None}


def test_what_jobs_left_is_listed_and_removed_when_it_is_old(
    runner: Runner, sha: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner.store.set_flag(Flag.PAUSED, True, "2026-11-24T00:00:00Z")
    runner.request("a", sha, "make")
    runner.passes(2)
    job = runner.store.update(runner.job("make").id, code=StatusCode.INTERNAL_ERROR)
    root = runner.volumes.of(job.id).root
    root.mkdir(parents=True, exist_ok=True)
    os.utime(root, (runner.now - 10 * 86400,) * 2)
    assert call(path, "leftovers") == 0
    assert job.id in capsys.readouterr().out
    assert call(path, "leftovers", "--remove-older-than", "11", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"leftovers": []}
    assert root.exists()
    assert call(path, "leftovers", "--remove-older-than", "9") == 0
    assert capsys.readouterr().out.endswith("1 were removed.\n")
    assert not root.exists()


def test_a_failing_self_test_closes_the_queue(
    runner: Runner, sha: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner.self_test.faults = ["A job has capabilities."]
    runner.request("a", sha, "make")
    runner.passes(2)
    job = runner.job("make")
    assert (job.code, job.reason) == (StatusCode.WAITING_ON_WORKERS, Reason.SELF_TEST)
    assert runner.store.flags().on(Flag.SELF_TEST)
    assert call(path, "jobs") == 0
    assert capsys.readouterr().out.startswith("No job starts: A job has capabilities.\n")
    assert call(path, "self-test") == 1
    assert capsys.readouterr().out == "A job has capabilities.\n"
    assert cli.ask(path, "GET", "/status")["self_test_faults"] == ["A job has capabilities."]
    runner.self_test.faults = []
    assert call(path, "self-test") == 0
    runner.loop.step()
    assert runner.job("make").code is StatusCode.EXECUTING
    assert not runner.store.flags().on(Flag.SELF_TEST)


def test_a_drain_waits_for_what_runs(
    runner: Runner,
    sha: str,
    path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(2)

    def end_meanwhile(_seconds: float) -> None:
        runner.executor.go_on(runner.job("make").container)
        runner.passes(2)

    monkeypatch.setattr("sallyport_runner.cli.time.sleep", end_meanwhile)
    assert call(path, "drain") == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == "1 jobs run"
    assert last.startswith("No job runs")
    assert runner.store.flags().paused
