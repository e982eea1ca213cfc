"""A job that stays in a state too long is given up with a sentence, and what it left is kept."""

from __future__ import annotations

import threading

import pytest
from tests.unit.runner.rig import Runner
from tests.unit.runner.test_background import wait_for

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Reason
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.requests import outgoing
from sallyport_runner.services.running.background import Threads
from sallyport_runner.services.running.limits import ENDING, HOUR, RECORDING, STARTING


def _refuse(*_arguments: object) -> None:
    raise TransientError("nothing answers")


def executing(runner: Runner, sha: str) -> None:
    """Let a program run in a container."""
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(3)
    assert runner.job("make").code is StatusCode.EXECUTING


def wait(runner: Runner, seconds: float, code: StatusCode, reason: Reason) -> None:
    """See that the job has its state until so many seconds are over, and is given up then."""
    before = runner.job("make").code
    runner.passes(3, seconds=seconds / 4)
    assert runner.job("make").code is before
    runner.passes(3, seconds=seconds / 4)
    job = runner.job("make")
    assert (job.code, job.reason) == (code, reason)
    assert job.completed_at


def test_outputs_that_cannot_be_recorded_are_given_up_and_kept(
    runner: Runner, sha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    executing(runner, sha)
    job = runner.job("make")
    with monkeypatch.context() as patched:
        patched.setattr(runner.parts.finaliser, "finalise", _refuse)
        runner.executor.go_on(job.container)
        runner.passes(2)
        shown = runner.job("make")
        assert (shown.code, shown.reason) == (StatusCode.FINALIZING, Reason.RETRY_RECORDING)
        message = outgoing.job_row(shown)["status_message"]
        assert message.startswith("Recording outputs; it is repeated")
        wait(runner, RECORDING, StatusCode.INTERNAL_ERROR, Reason.STUCK_RECORDING)
    assert "still have the files" in outgoing.job_row(runner.job("make"))["status_message"]
    runner.sweeper.step()
    assert job.container in runner.executor.containers
    assert [one.job_id for one in runner.sweeper.leftovers()] == [job.id]


def test_a_message_of_a_retry_goes_when_the_outputs_are_recorded(
    runner: Runner, sha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    executing(runner, sha)
    with monkeypatch.context() as patched:
        patched.setattr(runner.parts.finaliser, "finalise", _refuse)
        runner.executor.go_on(runner.job("make").container)
        runner.passes(2)
        assert runner.job("make").reason is Reason.RETRY_RECORDING
    runner.passes(2, seconds=60)
    job = runner.job("make")
    assert (job.code, job.reason) == (StatusCode.SUCCEEDED, Reason.NONE)


def test_a_program_that_cannot_be_stopped_is_given_up_and_stopped_later(
    runner: Runner, sha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    executing(runner, sha)
    job = runner.job("make")
    with monkeypatch.context() as patched:
        patched.setattr(runner.executor, "kill", _refuse)
        limit = runner.settings.job_time_limit + ENDING
        wait(runner, limit, StatusCode.INTERNAL_ERROR, Reason.STUCK_ENDING)
    assert runner.executor.containers[job.container].status.running
    runner.sweeper.step()
    assert not runner.executor.containers[job.container].status.running


@pytest.mark.parametrize(
    ("hang", "seconds", "reason"),
    [
        ("fetch_image", 12 * (60 + 60) + HOUR, Reason.STUCK_PREPARING),
        ("start", STARTING, Reason.STUCK_STARTING),
    ],
)
def test_a_step_that_hangs_ends_its_job_and_asks_for_a_new_process(
    runner: Runner,
    sha: str,
    monkeypatch: pytest.MonkeyPatch,
    hang: str,
    seconds: float,
    reason: Reason,
) -> None:
    entered, release = threading.Event(), threading.Event()

    def hold(*_arguments: object) -> None:
        entered.set()
        release.wait(60)

    monkeypatch.setattr(runner.executor, hang, hold)
    runner.background = Threads(lambda _request, _owner: None)
    runner.restart()
    runner.request("a", sha, "make")

    def reached() -> bool | None:
        runner.passes(1, seconds=0)
        return entered.is_set() or None

    wait_for(reached)
    assert runner.loop.hung == 0
    wait(runner, seconds, StatusCode.INTERNAL_ERROR, reason)
    assert runner.loop.hung == 1
    release.set()
