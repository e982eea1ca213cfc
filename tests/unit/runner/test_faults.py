"""What goes wrong around one job ends that job with a reason, and no other."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.proxy.doubles import Forge, Reply
from tests.unit.runner.rig import PROJECT, Container, Runner, make

from sallyport_common.protocol import ERROR_ACTION, State, StatusCode
from sallyport_runner.flags import Flag
from sallyport_runner.models import (
    ContainerSpec,
    ContainerStatus,
    Job,
    JobRequest,
    Phase,
    Reason,
    Stop,
)
from sallyport_runner.services.executor import ImageError, TransientError
from sallyport_runner.services.requests import outgoing
from sallyport_runner.services.requests.admission import Admission
from sallyport_runner.services.running import retries
from sallyport_runner.services.running.background import THREADS, Step, Threads
from sallyport_runner.services.running.retries import MAX_TRIES
from sallyport_runner.services.running.stages import Stages

pytestmark = pytest.mark.live
NOW = "2026-11-24T00:00:00Z"


@pytest.mark.parametrize("tries", [MAX_TRIES - 1, MAX_TRIES])
def test_an_engine_that_stays_away_before_the_start_ends_the_job(
    runner: Runner, sha: str, tries: int
) -> None:
    runner.executor.away = True
    runner.request("a", sha, "make")
    runner.passes(tries, seconds=100)
    runner.executor.away = False
    runner.passes(4, seconds=100)
    given_up = tries == MAX_TRIES
    expected = StatusCode.INTERNAL_ERROR if given_up else StatusCode.SUCCEEDED
    assert runner.job("make").code is expected
    assert len(runner.executor.started) == (not given_up)


def test_an_image_that_goes_between_fetch_and_start_is_said(
    runner: Runner, sha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(spec: ContainerSpec) -> None:
        raise ImageError(spec.image)

    monkeypatch.setattr(runner.executor, "start", gone)
    runner.request("a", sha, "make")
    runner.passes(3)
    job = runner.job("make")
    assert (job.code, job.reason) == (StatusCode.JOB_ERROR, Reason.NO_IMAGE)


def test_a_request_that_breaks_the_runner_ends_and_the_next_one_runs(
    runner: Runner, sha: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    admit = Admission.admit

    def broken(self: Admission, request: JobRequest) -> bool:
        if request.workspace == "broken":
            raise RuntimeError("a fault of ours")
        return admit(self, request)

    monkeypatch.setattr(Admission, "admit", broken)
    first = runner.request("b", sha, "make", workspace="broken")
    runner.request("a", sha, "make")
    runner.passes(5)
    (job,) = runner.store.jobs_of([first.identifier])
    assert (job.action, job.code) == (ERROR_ACTION, StatusCode.INTERNAL_ERROR)
    assert "could not process this request" in job.problem
    assert "a fault of ours" in caplog.text
    assert "a fault of ours" not in job.problem
    assert runner.job("make").code is StatusCode.SUCCEEDED


@pytest.mark.parametrize("tries", [MAX_TRIES - 1, MAX_TRIES])
def test_code_that_stays_out_of_reach_ends_the_request_after_some_tries(
    tmp_path: Path, tries: int
) -> None:
    runner = Runner(tmp_path, github_proxy="http://127.0.0.1:9")
    request = runner.request("a", runner.study.head, "make")
    runner.passes(tries, seconds=100)
    jobs = runner.store.jobs_of([request.identifier])
    assert len(jobs) == (tries == MAX_TRIES)
    if jobs:
        row = outgoing.job_row(jobs[0])
        assert (row["action"], row["status"]) == (ERROR_ACTION, "failed")
        assert row["status_message"].endswith(".")
        assert "Error" not in row["status_message"]
    runner.settings = replace(runner.settings, github_proxy=f"file://{tmp_path}/forge")
    runner.restart()  # the control: the proxy answers again
    runner.passes(6)
    ends = {job.action for job in runner.store.jobs_of([request.identifier])}
    assert ends == ({"make"} if tries < MAX_TRIES else {ERROR_ACTION})


def test_the_page_of_a_request_names_the_new_url_of_a_moved_repository(tmp_path: Path) -> None:
    proxy = Forge(tmp_path / "moved")
    try:
        body = b"Sallyport proxy: it has moved: https://code.example/new-org/study (moved)\n"
        proxy.answer = Reply(410, {"Content-Type": "text/plain; charset=utf-8"}, body)
        runner = Runner(tmp_path, github_proxy=proxy.origin)
        runner.request("a", runner.study.head, "make")
        runner.passes(1)
        message = outgoing.job_row(runner.job(ERROR_ACTION))["status_message"]
    finally:
        proxy.close()
    assert "has moved to https://code.example/new-org/study. Use the new URL." in message


def test_a_fault_of_a_slow_step_counts_although_passes_come_between(
    runner: Runner, sha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_admission: Admission, request: JobRequest) -> bool:
        time.sleep(2 * 0.05)
        raise TransientError(request.identifier)

    monkeypatch.setattr(Admission, "admit", slow)
    monkeypatch.setattr(retries, "MAX_TRIES", 3)
    runner.background = Threads(runner.inbox.step_done)
    runner.restart()
    request = runner.request("a", sha, "make")
    deadline = time.monotonic() + 20
    while not runner.store.jobs_of([request.identifier]) and time.monotonic() < deadline:
        runner.passes(1, seconds=30)
        time.sleep(0.05)
    (job,) = runner.store.jobs_of([request.identifier])
    assert (job.action, job.code) == (ERROR_ACTION, StatusCode.INTERNAL_ERROR)


def test_ten_repositories_that_hang_do_not_hold_up_another_request(
    runner: Runner, sha: str
) -> None:
    """Reading HEAD of a hanging repository blocks git until somebody opens the pipe."""
    pipes = []
    for number in range(10):
        folder = runner.base / f"forge/demo-org/hangs{number}"
        (folder / "objects").mkdir(parents=True)
        (folder / "refs").mkdir()
        os.mkfifo(folder / "HEAD")
        pipes.append(folder / "HEAD")
    runner.background = Threads(runner.inbox.step_done)
    runner.restart()
    for number in range(10):
        repo = f"https://github.com/demo-org/hangs{number}"
        runner.request(f"h{number}", sha, "make", repo=repo, workspace=f"hangs{number}")
    good = runner.request("z", sha, "make", created_at="2026-11-25T00:00:00Z")
    try:
        begin = time.monotonic()
        while not runner.executor.started and time.monotonic() < begin + 60:
            runner.passes(1)
        assert [spec.labels["workspace"] for spec in runner.executor.started] == ["ws"]
        assert runner.job("make", good).state is not State.PENDING
        waiting = {request.workspace for request in runner.store.new_requests()}
        assert waiting == {f"hangs{number}" for number in range(10)}
    finally:
        for pipe in pipes:
            os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))


def test_a_request_whose_preparations_all_hang_does_not_hold_up_another_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, prepare = threading.Event(), Stages.prepare

    def hang(stages: Stages, job: Job, request: JobRequest) -> tuple[str, Phase]:
        if request.workspace == "greedy":
            gate.wait(60)
        return prepare(stages, job, request)

    monkeypatch.setattr(Stages, "prepare", hang)
    number = THREADS[Step.PREPARE][0] + 1
    actions = {
        f"make{at}": f"  make{at}:\n    run: python:v2 make.py {at}\n"
        f"    outputs: {{highly_sensitive: {{raw: output/{at}.csv}}}}\n"
        for at in range(number)
    }
    runner = Runner(tmp_path, max_workers=number + 1)
    text = "version: 5\nactions:\n" + "".join(actions.values())
    greedy = runner.study.commit({"project.yaml": text})
    modest = runner.study.commit({"project.yaml": PROJECT})
    runner.background = Threads(runner.inbox.step_done)
    runner.restart()

    def preparing() -> int:
        return runner.store.counts().get(StatusCode.PREPARING.value, 0)

    runner.request("a", greedy, *actions, workspace="greedy")
    try:
        begin = time.monotonic()
        while preparing() < number and time.monotonic() < begin + 10:
            runner.passes(1)
        runner.request("b", modest, "make")
        while not runner.executor.started and time.monotonic() < begin + 60:
            runner.passes(1)
        assert [spec.labels["workspace"] for spec in runner.executor.started] == ["ws"]
        assert preparing() == number
    finally:
        gate.set()


UNAVAILABLE = {
    "registry": ("unready", Reason.RETRY_REGISTRY, Reason.NO_REGISTRY, "registry of the images"),
    "engine": ("away", Reason.RETRY_ENGINE, Reason.NO_ENGINE, "container engine of the backend"),
}


@pytest.mark.parametrize("part", UNAVAILABLE)
def test_the_part_of_the_backend_that_does_not_answer_is_named(
    runner: Runner, sha: str, part: str
) -> None:
    switch, retrying, gave_up, named = UNAVAILABLE[part]
    runner.request("a", sha, "make")
    setattr(runner.executor, switch, True)
    runner.passes(2)
    job = runner.job("make")
    assert (job.code, job.reason) == (StatusCode.PREPARING, retrying)
    message = outgoing.job_row(job)["status_message"]
    assert message.startswith("Retrying: ")
    assert named in message
    runner.passes(MAX_TRIES, seconds=100)
    job = runner.job("make")
    assert (job.code, job.reason) == (StatusCode.INTERNAL_ERROR, gave_up)
    message = outgoing.job_row(job)["status_message"]
    assert f"{named} did not answer" in message
    assert "run it again later" in message
    setattr(runner.executor, switch, False)
    good = runner.request("b", sha, "make")  # the control: it answers again
    runner.passes(4, seconds=100)
    assert runner.job("make", good).code is StatusCode.SUCCEEDED


def test_a_forge_that_does_not_answer_after_a_restart_is_named(tmp_path: Path) -> None:
    """The branch is looked at once more after a restart, and the forge may be unavailable then."""
    proxy = Forge(tmp_path / "down")
    try:
        runner = Runner(tmp_path)
        runner.executor.programs = {"make": make}
        runner.store.set_flag(Flag.PAUSED, True, NOW)
        runner.request("a", runner.study.head, "make")
        runner.passes(2)
        proxy.answer = Reply(503, {}, b"")
        runner.settings = replace(runner.settings, github_proxy=proxy.origin)
        runner.store.set_flag(Flag.PAUSED, False, NOW)
        runner.restart()
        runner.passes(2)
        assert runner.job("make").reason is Reason.RETRY_CODE
        assert "fetched from the forge" in outgoing.job_row(runner.job("make"))["status_message"]
        runner.passes(MAX_TRIES, seconds=100)
        job = runner.job("make")
        assert (job.code, job.reason) == (StatusCode.INTERNAL_ERROR, Reason.NO_FORGE)
        message = outgoing.job_row(job)["status_message"]
        assert message == "The forge reports an internal error (5xx). Try again later."
    finally:
        proxy.close()


def test_a_tag_that_the_registry_lacks_is_named(runner: Runner) -> None:
    text = PROJECT.replace("python:v2 make.py", "python:v9 make.py")
    runner.request("a", runner.study.commit({"project.yaml": text}), "make")
    runner.passes(3)
    job = runner.job("make")
    assert (job.code, job.reason) == (StatusCode.JOB_ERROR, Reason.NO_IMAGE)
    message = outgoing.job_row(job)["status_message"]
    assert message.endswith("check its name and tag in project.yaml: python:v9")


@pytest.mark.parametrize("change", ["force push", "deleted branch"])
def test_history_that_changed_is_said_in_a_sentence(runner: Runner, sha: str, change: str) -> None:
    if change == "force push":
        runner.study.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "rewritten")
    else:
        runner.study.git("branch", "--move", "main", "other")
    runner.request("a", sha, "make")
    runner.passes(2)
    message = outgoing.job_row(runner.job(ERROR_ACTION))["status_message"]
    assert "branch" in message
    assert "Error" not in message


@pytest.mark.parametrize("killed", [True, False])
def test_a_waiting_job_can_be_killed_or_cancelled(runner: Runner, sha: str, killed: bool) -> None:
    runner.store.set_flag(Flag.PAUSED, True, NOW)
    request = runner.request("a", sha, "make")
    runner.passes(2)
    if killed:
        runner.store.update(runner.job("make").id, stop=Stop.ADMIN)
    else:
        runner.store.cancel(request.identifier, ["make"], NOW)
    runner.passes(2)
    expected = StatusCode.KILLED_BY_ADMIN if killed else StatusCode.CANCELLED_BY_USER
    assert runner.job("make").code is expected
    assert runner.executor.started == []


def to_start(runner: Runner, sha: str) -> None:
    """Leave a job whose container was made and never started, as a cut-off start does."""
    runner.executor.held = True
    runner.executor.programs["make"] = make
    runner.request("a", sha, "make")
    runner.passes(3)
    (container,) = runner.executor.containers.values()
    container.status = replace(container.status, state="created")


def test_a_container_that_was_only_made_is_started(
    runner: Runner, sha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_start(runner, sha)
    again: list[ContainerSpec] = []

    def start(spec: ContainerSpec) -> None:
        again.append(spec)
        status = ContainerStatus(name=spec.name, labels=spec.labels, state="running")
        runner.executor.containers[spec.name] = Container(spec, status)

    monkeypatch.setattr(runner.executor, "start", start)
    runner.passes(1)
    assert [spec.name for spec in again] == [runner.job("make").container]
    runner.executor.go_on(runner.job("make").container)
    runner.passes(3)
    assert (runner.job("make").code, runner.job("make").attempt) == (StatusCode.SUCCEEDED, 1)


def test_a_volume_that_is_gone_before_the_start_is_filled_again(runner: Runner, sha: str) -> None:
    to_start(runner, sha)
    (runner.settings.volumes / runner.job("make").id / "prepared").unlink()
    runner.executor.held = False
    runner.passes(6)
    job = runner.job("make")
    assert (job.code, job.attempt) == (StatusCode.SUCCEEDED, 2)


def test_what_was_cancelled_before_its_end_was_seen_counts_as_cancelled(
    runner: Runner, sha: str
) -> None:
    runner.executor.held = True
    runner.executor.programs["make"] = make
    request = runner.request("a", sha, "make")
    runner.passes(3)
    runner.executor.go_on(runner.job("make").container)
    runner.store.cancel(request.identifier, ["make"], NOW)
    runner.passes(3)
    job = runner.job("make")
    assert (job.code, job.files) == (StatusCode.CANCELLED_BY_USER, {})
    assert not runner.high("output/raw.csv").exists()


def test_a_job_for_a_database_that_the_runner_has_not_is_refused(tmp_path: Path) -> None:
    runner = Runner(tmp_path, database_url=None)
    runner.request("a", runner.study.head, "extract")
    runner.passes(3)
    job = runner.job("extract")
    assert (job.code, job.reason) == (StatusCode.JOB_ERROR, Reason.NO_DATABASE)
    assert runner.executor.started == []


@pytest.mark.parametrize("restart", [True, False])
def test_the_branch_is_looked_at_once_for_a_request_and_again_after_a_restart(
    runner: Runner, sha: str, restart: bool
) -> None:
    runner.store.set_flag(Flag.PAUSED, True, NOW)
    runner.request("a", sha, "make")
    runner.passes(2)
    runner.study.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "another history")
    runner.store.set_flag(Flag.PAUSED, False, NOW)
    if restart:
        runner.restart()
    runner.passes(3)
    job = runner.job("make")
    gone, went_on = (StatusCode.JOB_ERROR, Reason.NO_CODE), (StatusCode.SUCCEEDED, Reason.NONE)
    assert (job.code, job.reason) == (gone if restart else went_on)
