"""A runner that lost its database knows its past again, and nothing that is invented."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runner.jobserver import TIME, A, B, Server, listed, reported
from tests.unit.runner.lost import hear, lose, started
from tests.unit.runner.rig import Runner

from sallyport_common.protocol import StatusCode
from sallyport_common.settings import Secret
from sallyport_common.tokens import job_identifier
from sallyport_records import keys
from sallyport_runner.models import Job, JobRequest, Reason
from sallyport_runner.services.outputs.archive import Archive
from sallyport_runner.services.requests.history import History
from sallyport_runner.services.requests.reader import RefusedRequestError, RequestReader
from sallyport_runner.services.requests.server import ServerError
from sallyport_runner.services.requests.sync import Listener, SyncState

pytestmark = pytest.mark.live
C = "c" * 16


def ended(runner: Runner, server: Server, sha: str) -> None:
    """Run both actions by request A to their end, and tell the server, which lists it no more."""
    server.listed = [listed(sha, "table")]
    hear(runner)
    runner.passes(8)
    runner.reporter.step()
    server.listed = []
    assert started(runner) == ["make", "table"]
    assert {row["status"] for row in server.rows.values()} == {"succeeded"}


def later(runner: Runner, server: Server, sha: str, **values: Any) -> list[str]:
    """Ask for `table` by request C; return the actions that were started for it."""
    before = len(started(runner))
    server.listed = [listed(sha, "table", request=C, **values)]
    hear(runner)
    runner.passes(8)
    return started(runner)[before:]


def past(runner: Runner) -> dict[str, Job]:
    """Return the jobs of request A by action."""
    return {job.action: job for job in runner.store.jobs_of([A])}


def test_a_later_request_builds_on_what_had_succeeded(
    runner: Runner, server: Server, sha: str
) -> None:
    ended(runner, server, sha)
    before = past(runner)
    lose(runner)
    assert past(runner) == {}
    assert later(runner, server, sha) == ["table"]
    assert runner.executor.containers == {}
    after = past(runner)
    for action, job in before.items():
        for name in ("code", "files", "run_record", "attempt", "run_command", "image", "workspace"):
            assert getattr(after[action], name) == getattr(job, name), (action, name)
        assert after[action].started_at == job.started_at
        assert after[action].completed_at
    assert server.questions == [[A], [C]]


def test_forced_dependencies_run_again(runner: Runner, server: Server, sha: str) -> None:
    ended(runner, server, sha)
    lose(runner)
    assert later(runner, server, sha, force_run_dependencies=True) == ["make", "table"]


def test_the_past_is_neither_posted_nor_read_again(
    runner: Runner, server: Server, sha: str
) -> None:
    ended(runner, server, sha)
    lose(runner)
    told = {name: dict(row) for name, row in server.rows.items()}
    for _ in range(3):
        hear(runner)
        runner.passes(3)
        runner.reporter.step()
    assert server.rows == told
    assert server.pages == [0, 0]  # by the first database, and by the second
    assert started(runner) == ["make", "table"]
    assert len(runner.store.recent_jobs(10)) == 2


def test_a_request_that_the_server_lists_again_is_taken_up_and_not_run(
    runner: Runner, server: Server, sha: str
) -> None:
    ended(runner, server, sha)
    lose(runner)
    hear(runner)
    server.rows.clear()  # it was put back to an old state, and its request is open again
    server.listed = [listed(sha, "table")]
    hear(runner)
    runner.passes(5)
    runner.reporter.step()
    assert started(runner) == ["make", "table"]
    assert {row["status"] for row in server.rows.values()} == {"succeeded"}
    assert len(server.rows) == 2


class Doubting(RequestReader):
    """Refuses everything for a while, as a runner does whose clock is an hour slow."""

    doubts = True

    def read(self, row: dict[str, Any]) -> JobRequest:
        """Return the request of a row."""
        if self.doubts:
            raise RefusedRequestError("future", "the request was signed in the future")
        return super().read(row)


@pytest.mark.parametrize("looks", [1, 2])
def test_a_request_that_is_refused_when_the_database_is_lost_is_taken_up_later(
    runner: Runner, server: Server, sha: str, looks: int
) -> None:
    ended(runner, server, sha)
    lose(runner)
    server.rows.clear()
    server.listed = [listed(sha, "table")]
    reader = Doubting("hospital", [])
    history = History(Archive(runner.settings), runner.store, runner.server)
    state, news = SyncState(), runner.inbox
    listener = Listener(runner.server, runner.store, reader, state, news, history.restore)
    for _look in range(looks):
        listener.step()
        assert runner.store.request(A) is None
    reader.doubts = False
    listener.step()
    runner.passes(5)
    runner.reporter.step()
    assert started(runner) == ["make", "table"]
    assert {row["status"] for row in server.rows.values()} == {"succeeded"}
    assert len(server.rows) == 2


def test_a_request_that_was_restored_is_looked_at_again_when_it_is_listed(
    runner: Runner, server: Server, sha: str
) -> None:
    ended(runner, server, sha)
    lose(runner)
    reader = Doubting("hospital", [])
    history = History(Archive(runner.settings), runner.store, runner.server)
    state, news = SyncState(), runner.inbox
    listener = Listener(runner.server, runner.store, reader, state, news, history.restore)
    listener.step()  # nothing is listed, so that all is past
    server.rows.clear()
    server.listed = [listed(sha, "table")]
    listener.step()
    reader.doubts = False
    listener.step()
    runner.passes(5)
    runner.reporter.step()
    assert started(runner) == ["make", "table"]
    assert len(server.rows) == 2


def by_another_key(runner: Runner) -> None:
    other = Secret(keys.generate()[0].decode())
    runner.settings = replace(runner.settings, record_signing_key=other)


def record_of(runner: Runner) -> Path:
    job_id = job_identifier(A, "make")
    return next((runner.base / "high/logs").glob(f"*/os-job-{job_id}"))


def record_is_unsigned(runner: Runner) -> None:
    (record_of(runner) / "run_record.json").unlink()


def record_was_changed(runner: Runner) -> None:
    path = record_of(runner) / "metadata.json"
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps(metadata | {"user": "eve"}))


def records_are_gone(runner: Runner) -> None:
    for path in record_of(runner).iterdir():
        path.unlink()


def output_is_gone(runner: Runner) -> None:
    runner.high("output/raw.csv").unlink()


def output_is_of_another_job(runner: Runner) -> None:
    path = runner.medium("metadata/manifest.json")
    path.write_text(path.read_text().replace(job_identifier(A, "make"), "z" * 16))


def manifest_is_broken(runner: Runner) -> None:
    runner.medium("metadata/manifest.json").write_text("{")


@pytest.mark.parametrize(
    "damage",
    [
        by_another_key, record_is_unsigned, record_was_changed, records_are_gone, output_is_gone,
        output_is_of_another_job, manifest_is_broken,
    ],
)  # fmt: skip
def test_what_no_record_confirms_is_run_again(
    runner: Runner, server: Server, sha: str, damage: Callable[[Runner], None]
) -> None:
    ended(runner, server, sha)
    damage(runner)
    lose(runner)
    hear(runner)
    if damage is manifest_is_broken:  # an operator removes it, or no job can publish
        runner.medium("metadata/manifest.json").unlink()
    assert later(runner, server, sha) == ["make", "table"]
    assert past(runner)["make"].reason is Reason.NO_RECORD
    assert past(runner)["make"].code is StatusCode.SUCCEEDED


def test_the_server_cannot_invent_a_success(runner: Runner, server: Server, sha: str) -> None:
    runner.executor.programs["make"] = lambda _container: 1
    server.listed = [listed(sha, "table")]
    hear(runner)
    runner.passes(8)
    lose(runner)
    for action in ("make", "table"):
        server.say(action, status="succeeded", status_code="succeeded", completed_at=TIME)
    server.listed = []
    hear(runner)
    assert past(runner)["make"].code is StatusCode.NONZERO_EXIT, "its record says so"
    assert past(runner)["table"].reason is Reason.NO_RECORD
    assert later(runner, server, sha)[:1] == ["make"]


def test_jobs_without_a_record_are_known_from_the_server(
    runner: Runner, server: Server, sha: str
) -> None:
    ended(runner, server, sha)
    end = {"status": "failed", "completed_at": "2099-01-01T00:00:00Z"}
    end["created_at"] = end["completed_at"]
    cancelled = reported("table", B, status_code="cancelled_by_user", **end)
    failed = reported("make", B, status_code="dependency_failed", status_message="No.", **end)
    server.rows |= {row["identifier"]: row for row in (cancelled, failed)}
    server.rows["x"] = reported("make", B, identifier="z" * 16, status="failed")
    server.rows["y"] = reported("make", "d" * 16)  # open, and its request is not listed
    server.page = 1
    lose(runner)
    hear(runner)
    latest = runner.store.latest_jobs("ws")
    assert latest["make"].code is StatusCode.DEPENDENCY_FAILED
    assert latest["make"].server_message == "No."
    assert latest["table"].code is StatusCode.SUCCEEDED, "a cancelled one does not count"
    assert len(runner.store.recent_jobs(10)) == 4
    assert server.pages == [0, 0, 1, 2, 3, 4, 5]


def test_nothing_is_kept_until_the_whole_history_is_there(
    runner: Runner, server: Server, sha: str
) -> None:
    ended(runner, server, sha)
    lose(runner)
    server.fault = 500
    with pytest.raises(ServerError, match="500 to GET job-history"):
        hear(runner)
    assert not runner.store.knows_history()
    server.fault = None
    hear(runner)
    assert set(past(runner)) == {"make", "table"}


@pytest.mark.parametrize(
    "answer",
    [
        {"results": None, "next": None},
        {"results": [{"workspace": 5, "job": reported("make")}], "next": None},
        {"results": [{"workspace": "ws", "job": {}}], "next": None},
        {"results": [], "next": 0},
        {"results": [], "next": "2"},
    ],
)
def test_a_malformed_history_is_a_fault_of_the_server(
    runner: Runner, server: Server, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    monkeypatch.setattr(server, "history", lambda _after: answer)
    with pytest.raises(ServerError, match="history"):
        runner.server.history(0)
    monkeypatch.setattr(server, "history", lambda after: {"results": [], "next": after + 1})
    assert runner.server.history(0) == ([], 1)


def test_a_malformed_record_is_left_out(runner: Runner, server: Server, sha: str) -> None:
    ended(runner, server, sha)
    (record_of(runner) / "metadata.json").write_text('{"action": "make"}')
    lose(runner)
    server.rows.clear()
    hear(runner)
    assert set(past(runner)) == {"table"}


def test_folders_of_months_before_a_request_are_not_looked_into(runner: Runner) -> None:
    logs = runner.base / "high/logs"
    for month in ("2025-12", "2026-01", "2026-02"):
        (logs / month / "os-job-x").mkdir(parents=True)
    found = Archive(runner.settings).folders("2026-01-09T00:00:00Z")
    assert found == {"x": [logs / "2026-02/os-job-x", logs / "2026-01/os-job-x"]}
    assert len(Archive(runner.settings).folders()["x"]) == 3
