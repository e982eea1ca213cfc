"""A person stops a job while its outputs are collected, or while it is prepared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.runner.rig import Runner, make

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Stop

NOW = "2026-11-24T00:00:00Z"
ENDS = {Stop.CANCELLED: StatusCode.CANCELLED_BY_USER, Stop.ADMIN: StatusCode.KILLED_BY_ADMIN}


def stop(runner: Runner, how: Stop) -> None:
    """Stop the action `make` as a person does."""
    if how is Stop.CANCELLED:
        runner.store.cancel("a" * 16, ["make"], NOW)
    else:
        runner.store.update(runner.job("make").id, stop=how)


def before(what: Callable[..., Any], first: Callable[[], None]) -> Callable[..., Any]:
    """Return a function that does something first."""

    def both(*arguments: Any) -> Any:
        first()
        return what(*arguments)

    return both


@pytest.mark.parametrize("how", ENDS)
def test_outputs_without_names_are_not_kept(
    runner: Runner, sha: str, how: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.executor.programs["make"] = make
    inspect = before(runner.executor.inspect, lambda: stop(runner, how))
    monkeypatch.setattr(runner.executor, "inspect", inspect)
    runner.request("a", sha, "make")
    runner.passes(6)
    job = runner.job("make")
    assert (job.code, job.files) == (ENDS[how], {})
    assert not runner.high("output/raw.csv").exists()
    assert not runner.high("metadata/make.log").exists()
    assert (runner.record(job) / "logs.txt").exists()


@pytest.mark.parametrize("how", ENDS)
def test_a_job_whose_outputs_have_names_has_succeeded(
    runner: Runner, sha: str, how: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.executor.programs["make"] = make
    logs = before(runner.executor.logs, lambda: stop(runner, how))
    monkeypatch.setattr(runner.executor, "logs", logs)
    runner.request("a", sha, "make")
    runner.passes(6)
    job = runner.job("make")
    assert (job.code, list(job.files)) == (StatusCode.SUCCEEDED, ["output/raw.csv"])
    assert runner.high("output/raw.csv").exists()
    assert runner.store.latest_jobs("ws")["make"].id == job.id


@pytest.mark.parametrize("how", ENDS)
def test_what_is_prepared_for_a_stopped_job_is_removed(
    runner: Runner, sha: str, how: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step that prepares goes on to its end, and that of the job does not wait for it."""

    def end(*_arguments: Any) -> None:
        stop(runner, how)
        runner.store.update(runner.job("make").id, code=ENDS[how])

    stages = runner.parts.stages
    monkeypatch.setattr(stages, "_inputs", before(stages._inputs, end))
    runner.request("a", sha, "make")
    runner.passes(2)
    assert runner.job("make").code is ENDS[how]
    assert not runner.volumes.of(runner.job("make").id).root.exists()
