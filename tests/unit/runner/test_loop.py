"""The run loop does what the news ask for, at once, and no more than that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from tests.unit.runner.made import TIME
from tests.unit.runner.rig import Container, Runner

from sallyport_common.protocol import State, StatusCode
from sallyport_runner.flags import Flag
from sallyport_runner.models import Reason, Stop
from sallyport_runner.services.running.background import Threads
from sallyport_runner.services.running.inbox import Inbox
from sallyport_runner.services.running.loop import PASS_EVERY
from sallyport_runner.services.running.timers import Timers

pytestmark = pytest.mark.live
MANY = 2_500
LONGEST_WAIT = PASS_EVERY / 3
"""Seconds within which something has to happen that a full pass would only find later."""


def chatty(runner: Runner) -> Runner:
    """Let slow steps run in threads, and the engine tell of ends, as in the daemon."""
    runner.background = Threads(lambda request, owner: runner.inbox.step_done(request, owner))
    runner.executor.ended = lambda name: runner.inbox.ended(name)
    runner.restart()
    return runner


def run_until(runner: Runner, done: Callable[[], bool]) -> None:
    """Let the loop wake by itself until something is so."""
    begin = time.monotonic()
    while not done():
        assert time.monotonic() < begin + LONGEST_WAIT, "nothing woke the loop"
        runner.loop.step(LONGEST_WAIT)


def code_is(runner: Runner, action: str, code: StatusCode) -> Callable[[], bool]:
    """Return whether the newest job of an action has a code."""

    def done() -> bool:
        jobs = [job for job in runner.store.recent_jobs(10) if job.action == action]
        return bool(jobs) and jobs[0].code is code

    return done


@contextmanager
def statements(runner: Runner) -> Iterator[list[str]]:
    """Give the statements that the store runs meanwhile."""
    seen: list[str] = []
    engine: Engine = runner.store._engine

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def wide(number: int) -> str:
    """Return a project with so many actions that need nothing, and one that needs all."""
    actions = [
        f"  a{at}:\n    run: python:v2 a.py {at}\n"
        f"    outputs: {{highly_sensitive: {{o: output/{at}.csv}}}}\n"
        for at in range(number)
    ]
    return "version: 5\nactions:\n" + "".join(actions)


def write(container: Container) -> int:
    """Write the output that an action of `wide` declares."""
    return container.write(f"output/{container.spec.command[-1]}.csv", "x\n")


@pytest.fixture
def crowded(tmp_path: Path) -> Runner:
    """Return a runner with one worker and the jobs of a study of real size, one of them running."""
    runner = Runner(tmp_path, max_workers=1)
    runner.executor.held = True
    runner.request("a", runner.study.commit({"project.yaml": wide(MANY)}), "run_all")
    runner.passes(2)
    return runner


def test_a_request_is_run_from_news_alone(runner: Runner, sha: str) -> None:
    chatty(runner)
    runner.loop.step()
    runner.request("a", sha, "table")
    runner.inbox.requests()
    run_until(runner, code_is(runner, "table", StatusCode.SUCCEEDED))
    assert runner.medium("output/table.csv").exists()


def test_cancelling_and_killing_wake_the_loop(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    chatty(runner)
    for identifier, code in (
        ("a", StatusCode.CANCELLED_BY_USER),
        ("b", StatusCode.KILLED_BY_ADMIN),
    ):
        request = runner.request(identifier, sha, "make")
        runner.inbox.requests()
        run_until(runner, code_is(runner, "make", StatusCode.EXECUTING))
        job = runner.job("make", request)
        if code is StatusCode.CANCELLED_BY_USER:
            runner.inbox.jobs(runner.store.cancel(request.identifier, ["make"], TIME))
        else:
            runner.store.update(job.id, stop=Stop.ADMIN)
            runner.inbox.jobs([job.id])
        run_until(runner, code_is(runner, "make", code))


def test_a_request_that_cannot_be_run_ends_from_news_alone(runner: Runner) -> None:
    chatty(runner)
    runner.request("a", "0" * 40, "make")
    runner.inbox.requests()
    run_until(runner, code_is(runner, "__error__", StatusCode.INVALID_REQUEST))


def test_an_end_before_the_start_was_kept_is_seen(
    runner: Runner, sha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short job ends while the engine's answer to its start is still on the way."""
    chatty(runner)
    start = runner.executor.start

    def late(spec: Any) -> None:
        start(spec)
        time.sleep(0.3)

    monkeypatch.setattr(runner.executor, "start", late)
    runner.request("a", sha, "make")
    runner.inbox.requests()
    run_until(runner, code_is(runner, "make", StatusCode.SUCCEEDED))


def test_the_next_job_is_prepared_while_one_runs(tmp_path: Path) -> None:
    runner = Runner(tmp_path, max_workers=1)
    runner.executor.held = True
    runner.executor.programs = dict.fromkeys(("a0", "a1", "a2", "a3"), write)
    runner.request("a", runner.study.commit({"project.yaml": wide(4)}), "run_all")
    runner.passes(2)
    prepared = [runner.volumes.of(runner.job(f"a{n}").id).prepared_at for n in range(4)]
    assert [moment is not None for moment in prepared] == [True, True, True, False]
    assert runner.job("a1").code is StatusCode.WAITING_ON_WORKERS
    assert len(runner.executor.started) == 1
    runner.executor.go_on(runner.job("a0").container)
    runner.passes(2)
    assert runner.job("a1").code is StatusCode.EXECUTING
    assert runner.volumes.of(runner.job("a1").id).prepared_at == prepared[1], "not prepared again"


@pytest.mark.parametrize("end", ["cancelled", "failed need"])
def test_what_was_prepared_for_a_job_that_never_starts_is_removed(tmp_path: Path, end: str) -> None:
    runner = Runner(tmp_path, max_workers=1)
    runner.executor.held = True
    runner.request("a", runner.study.commit({"project.yaml": wide(3)}), "run_all")
    runner.passes(2)
    job = runner.job("a1")
    if end == "cancelled":
        runner.store.cancel("a" * 16, ["a1"], TIME)
    else:
        runner.store.update(job.id, wait_for=[runner.job("a0").id])
        runner.executor.end(runner.job("a0").container, 1)
    runner.passes(4)
    assert not runner.job("a1").active
    assert not runner.volumes.of(job.id).root.exists()


def test_2500_waiting_jobs_cost_nothing_while_one_runs(crowded: Runner) -> None:
    assert crowded.store.counts() == {"executing": 1, "waiting_on_workers": MANY - 1}
    begin = time.process_time()
    with statements(crowded) as seen:
        for _wake in range(20):
            crowded.inbox.jobs([crowded.executor.started[0].name.removeprefix("os-job-")])
            crowded.loop.step()
    assert len(seen) / 20 <= 5
    assert (time.process_time() - begin) / 20 <= 0.02


def test_the_end_of_one_of_2500_jobs_moves_one_other(crowded: Runner) -> None:
    crowded.executor.programs = {f"a{n}": write for n in range(MANY)}
    crowded.executor.ended = lambda name: crowded.inbox.ended(name)
    crowded.inbox.take()
    begin = time.process_time()
    with statements(crowded) as seen:
        crowded.executor.go_on(crowded.executor.started[0].name)
        crowded.loop.step()
    assert time.process_time() - begin <= 0.3
    assert crowded.store.counts()["succeeded"] == 1
    assert len(crowded.executor.started) == 2
    changes = [text for text in seen if text.startswith(("UPDATE", "INSERT"))]
    assert len(changes) <= 6, changes
    assert len(seen) <= 25


def test_a_full_pass_over_2500_jobs_is_one_read_of_numbers(crowded: Runner) -> None:
    begin = time.process_time()
    with statements(crowded) as seen:
        crowded.inbox.everything()
        crowded.loop.step()
    assert time.process_time() - begin <= 0.5
    assert not [text for text in seen if text.startswith(("UPDATE", "INSERT"))]
    assert len(seen) <= 8


def test_2500_jobs_are_cancelled_in_a_few_steps(crowded: Runner) -> None:
    begin = time.process_time()
    actions = [f"a{n}" for n in range(MANY)]
    with statements(crowded) as seen:
        crowded.inbox.jobs(crowded.store.cancel("a" * 16, actions, TIME))
        crowded.loop.step()
    assert time.process_time() - begin <= 3
    assert len(seen) <= 60
    crowded.passes(2)
    assert crowded.store.counts() == {"cancelled_by_user": MANY}


def test_the_failure_of_one_job_ends_a_long_chain_at_once(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.executor.held = True
    text = wide(200)
    for at in range(1, 200):
        text = text.replace(f"  a{at}:\n", f"  a{at}:\n    needs: [a{at - 1}]\n")
    runner.request("a", runner.study.commit({"project.yaml": text}), "run_all")
    runner.passes(2)
    runner.executor.end(runner.job("a0").container, 1)
    runner.passes(2)
    assert runner.store.counts() == {"nonzero_exit": 1, "dependency_failed": 199}


def test_too_little_disk_is_said_of_every_ready_job_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(tmp_path, max_workers=1)
    runner.executor.held = True
    monkeypatch.setattr(runner.parts.space, "_floor", 2**62)
    runner.request("a", runner.study.commit({"project.yaml": wide(3)}), "run_all")
    runner.passes(2)
    shown = {(job.code, job.reason) for job in runner.store.active_jobs()}
    assert shown == {(StatusCode.WAITING_ON_WORKERS, Reason.DISK_SPACE)}
    monkeypatch.setattr(runner.parts.space, "_floor", 0)
    runner.passes(1)
    states = {(job.state, job.reason) for job in runner.store.active_jobs()}
    assert states == {(State.RUNNING, Reason.NONE), (State.PENDING, Reason.NONE)}


def test_a_pause_is_said_of_every_waiting_job_in_one_step(crowded: Runner) -> None:
    crowded.store.set_flag(Flag.PAUSED, True, TIME)
    with statements(crowded) as seen:
        crowded.passes(1)
    assert crowded.store.counts() == {"executing": 1, "paused": MANY - 1}
    assert len([text for text in seen if text.startswith("UPDATE")]) <= MANY / 500 + 3
    crowded.store.set_flag(Flag.PAUSED, False, TIME)
    crowded.passes(1)
    assert crowded.store.counts() == {"executing": 1, "waiting_on_workers": MANY - 1}


def test_news_wait_for_nobody_and_are_told_once() -> None:
    inbox = Inbox()
    inbox.ended("x")
    inbox.jobs(["a", "b"])
    inbox.step_done("r", "c 1")
    inbox.step_done("r", "r")
    news = inbox.take(60)
    assert (news.ended, news.jobs, news.requests) == ({"x"}, {"a", "b", "c"}, True)
    assert not inbox.take()
    inbox.everything()
    assert inbox.take(60).everything


def test_of_two_moments_of_a_timer_the_earlier_counts() -> None:
    now = [0.0]
    timers = Timers(lambda: now[0])
    timers.at("a", 5)
    timers.at("a", 9)
    timers.at("b", 7)
    timers.after("b", 3)
    assert timers.rest(60) == 3
    assert timers.take() == set()
    now[0] = 3.0
    assert timers.take() == {"b"}
    assert timers.rest(60) == 2
    now[0] = 100.0
    assert timers.take() == {"a"}
    assert timers.rest(60) == 60


def test_what_the_engine_said_of_a_job_is_forgotten_with_its_end(runner: Runner, sha: str) -> None:
    request = runner.request("a", sha, "make")
    known: list[int] = []
    while not known or runner.job("make", request).active:
        runner.passes()
        known.append(len(runner.loop._runs._attempts))
    assert max(known) == 1
    assert known[-1] == 0
