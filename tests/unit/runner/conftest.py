"""A runner with the study that most tests use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.runner.admin import admin_socket
from tests.unit.runner.jobserver import Server, serve
from tests.unit.runner.rig import Runner, empty_store, make, settings, table
from tests.unit.runner.taskrig import tasked_runner as tasked_runner

from sallyport_runner.services.outputs import disk
from sallyport_runner.services.requests.server import JobServer
from sallyport_runner.storage.sql import SqlStore


@pytest.fixture(autouse=True)
def _flushing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back after each test what a local run says about its whole process."""
    monkeypatch.setattr(disk, "_flushing", True)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """Return a runner whose programs do what the project says."""
    made = Runner(tmp_path)
    made.executor.programs = {"make": make, "table": table}
    return made


@pytest.fixture
def sha(runner: Runner) -> str:
    """Return the commit of the study."""
    return runner.study.head


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    """Give an empty store."""
    return empty_store(tmp_path)


@pytest.fixture
def server(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Give a job server that the rig's runner talks to by HTTP."""
    with serve() as (made, url):
        known = settings(runner.base, job_server_endpoint=url)
        monkeypatch.setattr(runner, "server", JobServer(known, "test"))
        runner.restart()
        yield made


@pytest.fixture
def path(runner: Runner, tmp_path: Path) -> Iterator[Path]:
    """Give the path of a socket that a server with the rig's store answers."""
    with admin_socket(runner, tmp_path) as given:
        yield given
