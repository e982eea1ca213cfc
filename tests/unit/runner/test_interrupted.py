"""A program that engine or host took away is started again; one that ended by itself is not."""

from __future__ import annotations

import pytest
from tests.unit.runner.rig import Runner

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import ContainerSpec, Job
from sallyport_runner.services.running.runs import DOUBT

KILLED = pytest.mark.parametrize("code", [137, 143, 255])


@pytest.fixture
def job(runner: Runner, sha: str) -> Job:
    """Give a job whose container runs."""
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(3)
    assert runner.job("make").code is StatusCode.EXECUTING
    return runner.job("make")


def settled(runner: Runner, passes: int = 4) -> tuple[StatusCode, int]:
    """Return code and attempt of the job after a while."""
    runner.passes(passes, seconds=DOUBT / 2)
    return runner.job("make").code, runner.job("make").attempt


@KILLED
def test_a_job_that_died_with_its_host_starts_again(runner: Runner, job: Job, code: int) -> None:
    runner.executor.end(job.container, code)
    runner.restart()
    assert settled(runner) == (StatusCode.EXECUTING, 2)
    assert runner.executor.started[-1].labels["org.sallyport.attempt"] == "2"
    runner.executor.go_on(job.container)
    assert settled(runner) == (StatusCode.SUCCEEDED, 2)


@KILLED
def test_a_job_whose_engine_stopped_starts_again(runner: Runner, job: Job, code: int) -> None:
    """An engine that is asked to stop tells of the ends that it makes, and ends some time later."""
    runner.executor.end(job.container, code)
    runner.inbox.ended(job.container)
    runner.passes(3)
    runner.executor.away = True
    runner.inbox.deaf()
    runner.passes(3)
    assert runner.job("make").code is StatusCode.EXECUTING
    runner.executor.away = False
    runner.inbox.hears()
    assert settled(runner) == (StatusCode.EXECUTING, 2)


@KILLED
def test_a_job_whose_engine_was_killed_starts_again(runner: Runner, job: Job, code: int) -> None:
    """The engine that comes back ends what runs, before anybody can listen."""
    runner.inbox.deaf()
    runner.executor.end(job.container, code)
    runner.inbox.hears()
    assert settled(runner) == (StatusCode.EXECUTING, 2)


@KILLED
def test_the_same_end_counts_when_the_engine_was_there(runner: Runner, job: Job, code: int) -> None:
    runner.executor.end(job.container, code)
    runner.passes(int(DOUBT / 2))
    assert runner.job("make").code is StatusCode.EXECUTING
    assert settled(runner) == (StatusCode.NONZERO_EXIT, 1)


@pytest.mark.parametrize("gone", ["engine", "runner"])
def test_a_container_that_outlives_a_restart_is_heard_again(
    runner: Runner, job: Job, gone: str
) -> None:
    if gone == "engine":
        runner.inbox.deaf()
        runner.inbox.hears()
    else:
        runner.restart()
    runner.passes(2)
    runner.executor.end(job.container, 137)
    assert settled(runner) == (StatusCode.NONZERO_EXIT, 1)


@pytest.mark.parametrize("code", [0, 3])
def test_a_result_is_taken_although_nobody_listened(runner: Runner, job: Job, code: int) -> None:
    runner.inbox.deaf()
    if code:
        runner.executor.end(job.container, code)
    else:
        runner.executor.go_on(job.container)
    runner.inbox.hears()
    expected = StatusCode.NONZERO_EXIT if code else StatusCode.SUCCEEDED
    assert settled(runner) == (expected, 1)
    assert len(runner.executor.started) == 1


@pytest.mark.parametrize("alive", [True, False])
def test_a_container_that_was_there_before_its_start_is_looked_at(
    runner: Runner, job: Job, alive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host went down when the container had started and nobody had written that down."""
    start = runner.executor.start

    def adopt(spec: ContainerSpec) -> None:
        if spec.name not in runner.executor.containers:
            start(spec)

    monkeypatch.setattr(runner.executor, "start", adopt)
    runner.store.update(job.id, code=StatusCode.PREPARED)
    if not alive:
        runner.executor.end(job.container, 255)
    runner.restart()
    assert settled(runner) == (StatusCode.EXECUTING, 1 if alive else 2)


def test_a_cancelled_job_is_not_doubted(runner: Runner, job: Job) -> None:
    runner.store.cancel(job.request_id, ["make"], "2026-11-24T00:00:00Z")
    runner.inbox.deaf()
    runner.executor.end(job.container, 137)
    runner.passes(3)
    assert runner.job("make").code is StatusCode.CANCELLED_BY_USER
