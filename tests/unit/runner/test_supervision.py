"""Running jobs are watched: time, disk, figures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runner.made import fill, job
from tests.unit.runner.rig import Immediate, MemoryExecutor, settings

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import ContainerSpec, Job, Phase, Stop, Usage
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.outputs import trees
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.running.background import Background
from sallyport_runner.services.running.roster import Roster
from sallyport_runner.services.running.supervision import (
    DISK_EVERY,
    DISK_SHARE,
    MEBIBYTE,
    Supervision,
)
from sallyport_runner.storage.sql import SqlStore


class Watched:
    """A running job, its container and what watches it."""

    def __init__(self, store: SqlStore, base: Path, **values: Any) -> None:
        known = settings(base, job_disk_limit=1024**2)
        self.executor = MemoryExecutor(lambda: self.ticks, held=True)
        self.volume = Volumes(known.volumes).of("job1")
        self.volume.make()
        fill(store, job(1, code=StatusCode.EXECUTING, **{"container_started": 0.0} | values))
        self._store = store
        spec = ContainerSpec(
            name=self.job.container, image="x", command=[], environment={}, labels={}, mounts=[],
            cpus=1.0, memory=1, pids=1, tmp_size=1, shm_size=1, file_size=1,
        )  # fmt: skip
        self.executor.start(spec)
        self.background: Background = Immediate()
        self._roster = Roster(store)
        self._roster.load()
        self.ticks = 0.0
        self._settings = known
        self.restart()

    def restart(self) -> None:
        """Watch the job with a new process, which knows only what is stored."""
        self.supervision = Supervision(
            self._settings,
            self._roster,
            self.executor,
            Volumes(self._settings.volumes),
            self.background,
            lambda: self.ticks,
        )

    @property
    def job(self) -> Job:
        """The job as the store has it."""
        found = self._store.job("job1")
        assert found
        return found

    def judge(self, later: float, limit: int = 3600) -> Stop:
        """Look at the job some seconds later."""
        self.ticks += later
        return self.supervision.judge(self.job, limit)


@pytest.mark.parametrize(("seconds", "stop"), [(59, Stop.NONE), (60, Stop.TIME_LIMIT)])
def test_the_time_limit(store: SqlStore, tmp_path: Path, seconds: int, stop: Stop) -> None:
    assert Watched(store, tmp_path).judge(seconds, limit=60) is stop


@pytest.mark.parametrize("phase", [Phase.RUN, Phase.EXECUTE])
@pytest.mark.parametrize(("size", "stop"), [(1024, Stop.NONE), (2 * 1024**2, Stop.DISK_LIMIT)])
def test_the_disk_limit_is_looked_at_from_time_to_time(
    store: SqlStore, tmp_path: Path, phase: Phase, size: int, stop: Stop
) -> None:
    watched = Watched(store, tmp_path, phase=phase)
    watched.volume.add(watched.volume.execution)
    folder = watched.volume.execution if phase is Phase.EXECUTE else watched.volume.workspace
    (folder / "big").write_bytes(b"x" * size)
    assert watched.judge(0) is Stop.NONE
    assert watched.judge(DISK_EVERY / 2) is Stop.NONE
    assert watched.judge(DISK_EVERY / 2) is stop


def test_time_goes_on_when_the_runner_starts_again(store: SqlStore, tmp_path: Path) -> None:
    """Whatever the host's clock was set to meanwhile: nobody asks it."""
    watched = Watched(store, tmp_path)
    assert watched.judge(50, limit=60) is Stop.NONE
    watched.restart()
    assert watched.judge(9, limit=60) is Stop.NONE
    assert watched.judge(1, limit=60) is Stop.TIME_LIMIT


def test_a_start_before_the_last_boot_takes_no_time_away(store: SqlStore, tmp_path: Path) -> None:
    watched = Watched(store, tmp_path, container_started=1e9)
    assert watched.judge(0, limit=60) is Stop.NONE
    assert watched.judge(59, limit=60) is Stop.NONE
    assert watched.judge(1, limit=60) is Stop.TIME_LIMIT


def test_a_job_is_looked_at_when_something_is_due(store: SqlStore, tmp_path: Path) -> None:
    watched = Watched(store, tmp_path)
    assert watched.supervision.due(watched.job, 3600) == DISK_EVERY
    assert watched.supervision.due(watched.job, 0.5) == 0.5
    watched.judge(DISK_EVERY)
    assert watched.supervision.due(watched.job, 3600) > DISK_EVERY


def test_a_folder_that_takes_long_to_measure_is_measured_less_often(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_folder: Path) -> int:
        time.sleep(0.1)
        return 0

    monkeypatch.setattr(trees, "size_of", slow)
    watched = Watched(store, tmp_path)
    watched.judge(DISK_EVERY)
    assert watched.supervision.due(watched.job, 3600) >= DISK_EVERY + DISK_SHARE * 0.1


def test_figures_of_a_job(store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(store, tmp_path)
    usages = [
        Usage(cpu_seconds=10.0, memory=100 * MEBIBYTE),
        Usage(cpu_seconds=15.0, memory=300 * MEBIBYTE),
    ]
    monkeypatch.setattr(watched.executor, "usage", lambda _name: usages.pop(0))
    watched.judge(10)
    watched.judge(5)  # too soon after the one before
    watched.judge(5)
    figures = watched.job.metrics
    assert (figures["cpu_sample"], figures["cpu_peak"], figures["cpu_mean"]) == (50.0, 100.0, 75.0)
    assert (figures["mem_mb_sample"], figures["mem_mb_peak"]) == (300.0, 300.0)
    assert (figures["mem_mb_mean"], figures["mem_mb_cumsum"]) == (200.0, 4000.0)
    assert watched.job.revision == 1  # figures alone are not a change to be posted at once


@pytest.mark.parametrize("fault", [TransientError("away"), None])
def test_figures_that_cannot_be_had_end_no_job(
    store: SqlStore, tmp_path: Path, fault: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(store, tmp_path)

    def usage(_name: str) -> Usage | None:
        if fault:
            raise fault
        return None

    monkeypatch.setattr(watched.executor, "usage", usage)
    assert watched.judge(20) is Stop.NONE
    assert watched.job.metrics == {}
