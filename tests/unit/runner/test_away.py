"""Three jobs whose host goes down: each runs again, and what had ended does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.runner.reboot import boot, go_down, three_jobs, write
from tests.unit.runner.rig import Runner

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import ContainerSpec, Reason
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.running.transitions import MAX_INTERRUPTIONS


def _cut_off(*_arguments: object) -> None:
    raise TransientError("the power goes")


@pytest.fixture
def three(tmp_path: Path) -> Runner:
    """Return a runner with three jobs whose programs run in the boot `1`."""
    return three_jobs(tmp_path)


@pytest.mark.parametrize("exit_code", [255, 137, 143])
def test_three_running_jobs_finish_after_a_reboot_each_once(three: Runner, exit_code: int) -> None:
    go_down(three, exit_code)
    boot(three, "2")
    three.passes(4)
    jobs = [three.job(action) for action in ("make", "table", "other")]
    assert {(job.code, job.attempt) for job in jobs} == {(StatusCode.EXECUTING, 2)}
    for job in jobs:
        three.executor.go_on(job.container)
    three.passes(4)
    ended = [three.job(job.action) for job in jobs]
    assert {job.code for job in ended} == {StatusCode.SUCCEEDED}
    assert [job.files for job in ended] == [
        {f"output/{job.action}.csv": "highly_sensitive"} for job in jobs
    ]
    assert len(three.executor.started) == 6
    assert not three.executor.containers


@pytest.mark.parametrize("exit_code", [0, 3])
def test_what_ended_before_the_reboot_does_not_run_again(
    three: Runner, monkeypatch: pytest.MonkeyPatch, exit_code: int
) -> None:
    """The runner saw the end, and was cut off before it had recorded it."""
    job = three.job("make")
    monkeypatch.setattr(three.parts.finaliser, "finalise", _cut_off)
    three.executor.programs["make"] = lambda container: write(container) or exit_code
    three.executor.go_on(job.container)
    three.passes(2)
    assert three.job("make").active
    go_down(three)
    boot(three, "2")
    three.passes(4)
    expected = StatusCode.NONZERO_EXIT if exit_code else StatusCode.SUCCEEDED
    assert (three.job("make").code, three.job("make").attempt) == (expected, 1)
    assert three.job("table").attempt == 2


def test_a_start_that_the_reboot_cut_off_is_made_again(
    three: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The container exists, and the row still says that it is about to be started."""
    job = three.job("make")
    three.parts.store.update(job.id, code=StatusCode.PREPARED)
    go_down(three)
    start = three.executor.start

    def adopt(spec: ContainerSpec) -> None:
        """Do nothing where there is such a container, as the real executor does."""
        if spec.name not in three.executor.containers:
            start(spec)

    monkeypatch.setattr(three.executor, "start", adopt)
    boot(three, "2")
    three.executor.held = False
    for _ in range(3):
        three.passes(1, seconds=31)
    assert (three.job("make").code, three.job("make").attempt) == (StatusCode.SUCCEEDED, 2)


def test_a_job_whose_container_is_gone_while_it_is_recorded_runs_again(three: Runner) -> None:
    job = three.job("make")
    three.parts.store.update(job.id, code=StatusCode.FINALIZING)
    del three.executor.containers[job.container]
    boot(three, "2")
    three.executor.held = False
    three.passes(5)
    assert (three.job("make").code, three.job("make").attempt) == (StatusCode.SUCCEEDED, 2)


def test_a_host_that_goes_down_again_and_again_loses_no_job_but_ends_some_day(
    three: Runner,
) -> None:
    for number in range(2, MAX_INTERRUPTIONS + 1):
        go_down(three)
        boot(three, str(number))
        three.passes(4)
        assert three.job("make").attempt == number
        assert three.job("make").code is StatusCode.EXECUTING
    go_down(three)
    boot(three, "last")
    three.passes(3)
    job = three.job("make")
    assert (job.code, job.reason) == (StatusCode.INTERNAL_ERROR, Reason.TOO_MANY_ATTEMPTS)
