"""What one job costs the runner beside its container, in numbers that no load of a machine moves.

On two cores the CPU of the runner decides how many jobs a minute are run.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docker.transport.unixconn import UnixHTTPConnection
from tests.unit.runner.engine import serve
from tests.unit.runner.inspection import inspected
from tests.unit.runner.rig import MemoryExecutor, Runner
from tests.unit.runner.test_engine import SPEC
from tests.unit.runner.test_loop import statements, wide, write

from sallyport_runner.models import ContainerStatus
from sallyport_runner.services.requests import sync
from sallyport_runner.services.requests.sync import Reporter
from sallyport_runner.services.running.engine import DockerExecutor

JOBS = 20
CALLS = {"start": 2, "status": 1, "inspect": 1, "logs": 1, "kill": 1, "remove": 1}
"""Calls to the engine for one call of the executor."""


@pytest.fixture
def ready(tmp_path: Path) -> Runner:
    """Return a runner that was asked for some jobs, which run when the loop is woken."""
    runner = Runner(tmp_path)
    runner.executor.programs = {f"a{at}": write for at in range(JOBS)}
    runner.executor.ended = lambda name: runner.inbox.ended(name)
    runner.request("a", runner.study.commit({"project.yaml": wide(JOBS)}), "run_all")
    return runner


def run(runner: Runner) -> None:
    """Let the loop run from news until all jobs have ended."""
    while runner.store.counts() != {"succeeded": JOBS}:
        runner.loop.step()


def counted(patch: pytest.MonkeyPatch, owner: Any, names: list[str]) -> Counter[str]:
    """Count the calls of functions of a module or methods of a class."""
    found: Counter[str] = Counter()

    def wrapped(name: str, known: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **values: Any) -> Any:
            found[name] += 1
            return known(*arguments, **values)

        return call

    for name in names:
        patch.setattr(owner, name, wrapped(name, getattr(owner, name)))
    return found


def test_statements_of_a_job(ready: Runner) -> None:
    with statements(ready) as seen:
        run(ready)
    kinds = Counter(text.split()[0] for text in seen)
    assert kinds["UPDATE"] <= 3 * JOBS + 5, "prepared, executing, ended"
    # A step of another thread asks the store whether a person ended or stopped the job meanwhile.
    assert kinds["SELECT"] <= 4 * JOBS + 20, "its request, once prepared, twice while collected"
    assert kinds["BEGIN"] <= 8 * JOBS + 5


def test_what_the_engine_is_asked_for_a_job(ready: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    known = MemoryExecutor.status

    def status(executor: MemoryExecutor, name: str) -> ContainerStatus | None:
        found = known(executor, name)
        return found and replace(found, details=inspected(executor.containers[name].spec))

    monkeypatch.setattr(MemoryExecutor, "status", status)
    asked = counted(monkeypatch, MemoryExecutor, [*CALLS, "list", "usage", "network_exists"])
    run(ready)
    # One removal is that of a stray, before a job is prepared.
    assert asked == {"remove": 2 * JOBS, "start": JOBS, "status": JOBS, "logs": JOBS}
    assert sum(CALLS[name] * number for name, number in asked.items()) == 6 * JOBS


@pytest.mark.parametrize("call", sorted(CALLS))
def test_calls_over_the_socket_of_the_engine(tmp_path: Path, call: str) -> None:
    with serve(tmp_path / "engine.sock") as engine:
        engine.images[SPEC.image] = {"Id": "sha256:1", "Config": {"Labels": {}}}
        executor = DockerExecutor("proxy", 5, f"unix://{tmp_path}/engine.sock")
        if call != "start":
            engine.add(SPEC.name, {})
        done = getattr(executor, call)(SPEC if call == "start" else SPEC.name)
        if call == "logs":
            list(done)
        assert len(engine.calls) == CALLS[call], engine.calls
        executor._client.close()


def test_calls_for_different_containers_share_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(tmp_path / "engine.sock", keep=True):
        executor = DockerExecutor("proxy", 5, f"unix://{tmp_path}/engine.sock")
        executor.remove("a")
        connects = counted(monkeypatch, UnixHTTPConnection, ["connect"])
        for number in range(20):
            executor.remove(f"a{number}")
        assert connects == {}
        executor._client.close()


def test_files_and_folders_that_are_flushed_for_a_job(
    ready: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The volume 6; outputs, their manifest and their folders 5; logs, records and theirs 11."""
    flushed = counted(monkeypatch, os, ["fsync"])
    run(ready)
    assert flushed["fsync"] <= 22 * JOBS


def test_lines_in_the_journal_for_a_job(ready: Runner, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        run(ready)
    assert len(caplog.records) <= 3 * JOBS + 2, "prepared, executing, ended"


def test_only_what_people_wait_for_is_reported_at_once(
    ready: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: Counter[bool] = Counter()
    monkeypatch.setattr(Reporter, "wake", lambda _self, at_once=True: said.update([at_once]))
    ready.restart()
    run(ready)
    assert said[True] == JOBS + 1, "the end of each, and the admission"
    assert said[False] >= 2 * JOBS


def test_what_is_not_urgent_is_reported_with_what_is(
    ready: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "LATER", 30.0)
    reporter = Reporter(ready.server, ready.store, sync.SyncState())
    reporter.step()
    waiting = threading.Thread(target=reporter.wait, daemon=True)
    waiting.start()
    reporter.wake(False)
    waiting.join(0.2)
    assert waiting.is_alive()
    reporter.wake(True)
    waiting.join(10)
    assert not waiting.is_alive()


def test_what_is_not_urgent_is_reported_soon(
    ready: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "LATER", 0.01)
    reporter = Reporter(ready.server, ready.store, sync.SyncState())
    reporter.step()
    waiting = threading.Thread(target=reporter.wait, daemon=True)
    waiting.start()
    reporter.wake(False)
    waiting.join(10)
    assert not waiting.is_alive()
