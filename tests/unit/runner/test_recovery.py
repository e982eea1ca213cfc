"""A runner that lost its database asks the job server, and nothing is run twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.runner.jobserver import TIME, A, B, Server, listed, reported
from tests.unit.runner.lost import hear, lose, started
from tests.unit.runner.made import REQUEST
from tests.unit.runner.rig import Runner

from sallyport_common.protocol import ERROR_ACTION, StatusCode
from sallyport_common.tokens import job_identifier
from sallyport_runner.models import Reason
from sallyport_runner.services.outputs.archive import Archive
from sallyport_runner.services.requests.recovery import Recovery
from sallyport_runner.services.requests.server import MAX_IDENTIFIERS, ServerError

pytestmark = pytest.mark.live


def make_is_done_and_table_runs(runner: Runner, server: Server, sha: str) -> None:
    """Bring request A so far that one job has ended and the other one's container runs."""
    server.listed = [listed(sha, "table")]
    hear(runner)
    runner.executor.held = True
    runner.passes(3)
    runner.executor.go_on(runner.job("make").container)
    runner.passes(5)
    assert runner.job("make").code is StatusCode.SUCCEEDED
    assert runner.job("table").code is StatusCode.EXECUTING
    runner.reporter.step()


@pytest.mark.parametrize(
    ("older", "expected"),
    [
        (None, ["make", "table"]),
        (405, ["make", "table", "make"]),  # the control: without rows and records, it starts again
    ],
)
def test_nothing_is_run_twice(
    runner: Runner, server: Server, sha: str, older: int | None, expected: list[str]
) -> None:
    make_is_done_and_table_runs(runner, server, sha)
    lose(runner)
    if older:
        record_is_gone(runner)
    server.fault = older
    hear(runner)
    runner.passes(4)
    assert started(runner) == expected
    if older is None:
        runner.executor.go_on(runner.job("table").container)
        runner.passes(4)
        assert runner.job("table").code is StatusCode.SUCCEEDED
        runner.reporter.step()
        assert {row["status"] for row in server.rows.values()} == {"succeeded"}
        assert started(runner) == expected


def test_a_known_request_is_not_asked_for(runner: Runner, server: Server, sha: str) -> None:
    server.listed = [listed(sha, "make")]
    for _ in range(3):
        hear(runner)
    assert server.questions == [[A]]


def test_without_the_servers_answer_nothing_is_kept(
    runner: Runner, server: Server, sha: str
) -> None:
    server.listed, server.fault = [listed(sha, "make")], 500
    with pytest.raises(ServerError, match="500 to GET job"):
        hear(runner)
    runner.passes(2)
    assert runner.store.request(A) is None
    server.fault = None
    hear(runner)
    assert runner.store.request(A)


@pytest.mark.parametrize("wrong", [{"status": "odd"}, {"created_at": None}])
def test_malformed_rows_are_a_fault_of_the_server(
    runner: Runner, server: Server, sha: str, wrong: dict[str, Any]
) -> None:
    server.listed = [listed(sha, "make")]
    server.say("make", **wrong)
    with pytest.raises(ServerError, match="malformed"):
        hear(runner)
    assert runner.store.request(A) is None


@pytest.mark.parametrize("older", [404, 405])
def test_an_older_server_has_no_rows(runner: Runner, server: Server, older: int) -> None:
    server.say("make")
    assert len(runner.server.jobs([A])) == 1
    server.fault = older
    assert runner.server.jobs([A]) == []


def test_many_requests_are_asked_for_in_parts(runner: Runner, server: Server) -> None:
    names = [f"{number:016d}" for number in range(MAX_IDENTIFIERS + 1)]
    assert runner.server.jobs(names) == []
    assert [len(question) for question in server.questions] == [MAX_IDENTIFIERS, 1]


def test_what_ran_without_a_container_left_runs_once_more_with_its_inputs(
    runner: Runner, server: Server, sha: str
) -> None:
    make_is_done_and_table_runs(runner, server, sha)
    runner.executor.containers.clear()
    lose(runner)
    runner.executor.held = False
    hear(runner)
    runner.passes(5)
    job = runner.job("table")
    assert (job.code, job.attempt) == (StatusCode.SUCCEEDED, 2)
    assert started(runner) == ["make", "table", "table"]
    assert runner.executor.started[-1].labels["org.sallyport.attempt"] == "2"


def test_inputs_of_a_request_that_is_listed_no_more_are_found_by_the_manifest(
    runner: Runner, server: Server, sha: str
) -> None:
    runner.request("b", sha, "make")
    runner.passes(5)
    lose(runner)
    server.listed = [listed(sha, "table")]
    server.say("table", status="pending", status_code="created")
    hear(runner)
    runner.passes(5)
    assert runner.job("table").code is StatusCode.SUCCEEDED
    assert started(runner) == ["make", "table"]


def outputs_are_gone(runner: Runner) -> None:
    shutil.rmtree(runner.base / "high/workspaces")


def manifest_is_gone(runner: Runner) -> None:
    shutil.rmtree(runner.base / "medium/workspaces")


def record_is_gone(runner: Runner) -> None:
    shutil.rmtree(runner.base / "high/logs")


@pytest.mark.parametrize("loss", [outputs_are_gone, manifest_is_gone, record_is_gone])
def test_a_success_whose_outputs_are_gone_stays_one_and_what_waits_says_so(
    runner: Runner, server: Server, sha: str, loss: Callable[[Runner], None]
) -> None:
    make_is_done_and_table_runs(runner, server, sha)
    runner.executor.containers.clear()
    lose(runner)
    loss(runner)
    runner.executor.held = False
    hear(runner)
    runner.passes(4)
    assert runner.job("make").code is StatusCode.SUCCEEDED
    table = runner.job("table")
    assert (table.code, table.reason) == (StatusCode.JOB_ERROR, Reason.NO_INPUT)
    assert started(runner) == ["make", "table"]


@pytest.mark.parametrize("gone", [True, False])
def test_a_later_request_runs_an_action_rerun_whose_outputs_are_gone(
    runner: Runner, server: Server, sha: str, gone: bool
) -> None:
    make_is_done_and_table_runs(runner, server, sha)
    lose(runner)
    if gone:
        manifest_is_gone(runner)
    hear(runner)
    runner.passes(1)
    later = runner.request("b", sha, "run_all")
    runner.passes(3)
    rerun = [job for job in runner.store.jobs_of([later.identifier]) if job.action == "make"]
    assert bool(rerun) == gone
    assert started(runner).count("make") == 1 + gone


def test_an_end_that_was_not_told_is_read_from_its_record(
    runner: Runner, server: Server, sha: str
) -> None:
    server.listed = [listed(sha, "make")]
    hear(runner)
    runner.passes(5)
    job = runner.job("make")
    server.say("make", created_at=job.created_at)
    lose(runner)
    hear(runner)
    runner.passes(3)
    again = runner.job("make")
    assert started(runner) == ["make"]
    assert (again.code, again.files) == (StatusCode.SUCCEEDED, job.files)
    assert again.run_record == job.run_record
    assert again.completed_at
    runner.reporter.step()
    assert server.rows[job.id]["status"] == "succeeded"


def test_an_ended_job_is_not_run_again_where_the_server_cannot_be_asked(
    runner: Runner, server: Server, sha: str
) -> None:
    server.listed, server.fault = [listed(sha, "make")], 405
    hear(runner)
    runner.passes(5)
    before = runner.job("make")
    lose(runner)
    hear(runner)
    runner.passes(5)
    job = runner.job("make")
    assert (job.code, job.attempt, job.files) == (StatusCode.SUCCEEDED, 1, before.files)
    assert started(runner) == ["make"]
    runner.reporter.step()
    assert server.rows[job.id]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("failed", "nonzero_exit", StatusCode.NONZERO_EXIT),
        ("failed", "dependency_failed", StatusCode.DEPENDENCY_FAILED),
        ("failed", "cancelled_by_user", StatusCode.CANCELLED_BY_USER),
        ("failed", "", StatusCode.INTERNAL_ERROR),
        ("failed", "succeeded", StatusCode.INTERNAL_ERROR),
        ("failed", "job_error", StatusCode.JOB_ERROR),
        ("failed", "another_code", StatusCode.INTERNAL_ERROR),
        ("succeeded", "", StatusCode.SUCCEEDED),
        ("succeeded", "nonzero_exit", StatusCode.SUCCEEDED),
        ("succeeded", "succeeded", StatusCode.SUCCEEDED),
    ],
)
def test_the_state_of_a_row_counts_and_its_code_where_it_agrees(
    runner: Runner, status: str, code: str, expected: StatusCode
) -> None:
    recovery = Recovery(Archive(runner.settings), runner.executor, runner.volumes)
    row = reported("make", status=status, status_code=code, completed_at=TIME)
    request = replace(REQUEST, reported=[row])
    (job,) = recovery.restore(request, {}, recovery.rows(request))
    assert job.code is expected
    assert (job.cancelled_at is not None) == (code == "cancelled_by_user")
    assert job.posted == job.revision


def test_an_acknowledged_end_is_kept_word_for_word(
    runner: Runner, server: Server, sha: str
) -> None:
    server.listed = [listed(sha, "make", "table")]
    server.say("table", status="pending", status_code="created")
    end = {"status": "failed", "status_code": "unmatched_patterns", "completed_at": TIME}
    end |= {"status_message": "As it was: output/*.csv"}
    server.say("make", **end)
    hear(runner)
    runner.passes(2)
    runner.reporter.step()
    posted = server.rows[job_identifier(A, "make")]
    assert {name: posted[name] for name in end} == end
    assert (posted["started_at"], posted["metrics"]) == (TIME, {"cpu_mean": 1.5})
    assert runner.job("table").code is StatusCode.DEPENDENCY_FAILED
    assert started(runner) == []


def test_the_server_cannot_name_an_action_that_was_not_asked_for(
    runner: Runner, server: Server, sha: str
) -> None:
    server.listed = [listed(sha, "make")]
    server.say("table")
    server.say("make")
    hear(runner)
    runner.passes(5)
    assert runner.job("table").code is StatusCode.INTERNAL_ERROR
    assert started(runner) == ["make"]


def test_rows_under_other_ids_are_none_of_ours(runner: Runner, server: Server, sha: str) -> None:
    server.listed = [listed(sha, "make")]
    server.rows["x"] = reported("make", identifier="z" * 16, status="succeeded")
    hear(runner)
    runner.passes(5)
    assert started(runner) == ["make"]


def test_a_request_that_cannot_be_run_any_more_ends_with_all_its_jobs(
    runner: Runner, server: Server
) -> None:
    server.listed = [listed("0" * 40, "make", "table")]
    server.say("make", status="succeeded", status_code="succeeded", completed_at=TIME)
    server.say("table")
    hear(runner)
    runner.passes(2)
    codes = {job.action: job.code for job in runner.store.jobs_of([A])}
    assert codes == {
        ERROR_ACTION: StatusCode.INVALID_REQUEST,
        "make": StatusCode.SUCCEEDED,
        "table": StatusCode.INTERNAL_ERROR,
    }


def test_an_action_cancelled_meanwhile_is_stopped(runner: Runner, server: Server, sha: str) -> None:
    make_is_done_and_table_runs(runner, server, sha)
    lose(runner)
    server.listed = [listed(sha, "table", cancelled_actions=["make", "table"])]
    hear(runner)
    runner.passes(5)
    assert runner.job("table").code is StatusCode.CANCELLED_BY_USER
    assert runner.job("make").code is StatusCode.SUCCEEDED
    assert runner.executor.containers == {}


@pytest.mark.parametrize(
    ("fate", "attempt"), [("none", 1), ("unprepared", 2), ("killed with its host", 2)]
)
def test_a_container_goes_on_only_where_it_can(
    runner: Runner, server: Server, sha: str, fate: str, attempt: int
) -> None:
    runner.executor.held = True
    server.listed = [listed(sha, "make")]
    hear(runner)
    runner.passes(3)
    runner.reporter.step()
    job = runner.job("make")
    if fate == "unprepared":
        (runner.settings.volumes / job.id / "prepared").unlink()
    elif fate != "none":
        runner.executor.end(job.container, 137)
    lose(runner)
    hear(runner)
    runner.passes(4)
    assert runner.job("make").code is StatusCode.EXECUTING
    assert runner.job("make").attempt == attempt
    assert len(runner.executor.started) == attempt


def test_an_engine_that_is_away_delays_the_recovery(
    runner: Runner, server: Server, sha: str
) -> None:
    make_is_done_and_table_runs(runner, server, sha)
    lose(runner)
    hear(runner)
    runner.executor.away = True
    runner.passes(3)
    assert runner.store.active_jobs() == []
    runner.executor.away = False
    runner.passes(3, seconds=100)
    assert runner.job("table").code is StatusCode.EXECUTING
    assert started(runner) == ["make", "table"]


def test_requests_of_one_listing_find_each_others_jobs(
    runner: Runner, server: Server, sha: str
) -> None:
    runner.executor.held = True
    first = listed(sha, "make", created_at="2026-11-23T00:00:00Z")
    server.listed = [listed(sha, "table", request=B), first]
    hear(runner)
    runner.passes(3)
    assert started(runner) == ["make"]
    assert runner.job("table").wait_for == [job_identifier(A, "make")]
