"""Nothing of the data, the files or the faults inside leaves the secure zone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.runner.rig import Container, Runner

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Reason
from sallyport_runner.services import sentences
from sallyport_runner.services.requests import outgoing

CANARIES = ("canary-name", "canary-data", "canary-log", "canary-fault", "canary-wrong")
NUMBERS = ("4242", "77")


def plant(container: Container) -> int:
    """Leave a canary in every place that a job can write to."""
    container.write("output/raw.csv", "canary-data\n" * 4242)
    container.write("output/canary-name.csv", "canary-data\n")
    container.output = b"2026-11-24T00:00:00.000000000Z canary-log\n"
    return 0


def test_no_canary_is_posted(runner: Runner, sha: str) -> None:
    def wrong(container: Container) -> int:
        container.write("output/canary-wrong.csv", "canary-data\n")
        return 0

    def failing(container: Container) -> int:
        plant(container)
        return 77

    def withheld(container: Container) -> int:
        container.write("output/table.csv", "patient_id,canary-name\n" + "1,canary-data\n" * 4242)
        return 0

    for identifier, action, program in (
        ("a", "make", plant),
        ("b", "make", wrong),
        ("c", "make", failing),
        ("d", "make", plant),
        ("e", "table", withheld),
    ):
        runner.executor.programs[action] = program
        runner.request(identifier, sha, action)
        runner.passes(6)
        runner.reporter.step()
    codes = {row["status_code"] for body in runner.server.bodies for row in body}
    assert codes >= {"succeeded", "unmatched_patterns", "nonzero_exit"}
    posted = json.dumps(runner.server.bodies)
    assert "output/raw.csv" in posted  # a pattern that project.yaml spells out may leave
    for canary in CANARIES:
        assert canary not in posted
    for job in runner.store.recent_jobs(100):
        assert not [n for n in NUMBERS if n in outgoing.job_row(job)["status_message"]]


def test_faults_inside_leave_as_a_fixed_sentence(runner: Runner, sha: str) -> None:
    def fault(_container: Container) -> int:
        raise RuntimeError("canary-fault")

    runner.executor.programs["make"] = fault
    runner.request("a", sha, "make")
    runner.passes(4)
    runner.reporter.step()
    assert runner.job("make").code is StatusCode.INTERNAL_ERROR
    assert "canary-fault" not in json.dumps(runner.server.bodies)


def test_a_tampered_row_cannot_smuggle_text(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "make")
    runner.passes(6)
    job = runner.store.update(
        runner.job("make").id,
        code=StatusCode.UNMATCHED_PATTERNS,
        problem="canary-fault",
        unmatched=["canary-name"],
        files={"canary-name": "x"},
        metrics={"canary-name": 1.0, "cpu_mean": 2.0},
    )
    row = outgoing.job_row(job)
    assert "canary" not in json.dumps(row)
    assert row["metrics"] == {"cpu_mean": 2.0}


@pytest.mark.parametrize("code", list(StatusCode))
def test_no_reason_lets_anything_but_a_sentence_leave(
    runner: Runner, sha: str, code: StatusCode
) -> None:
    """Whatever a row of the store holds, only patterns, images and actions of the study leave."""
    runner.request("a", sha, "table")
    runner.passes(8)
    held = {"unmatched": ["canary-name"], "files": {"canary-name": "x"}, "image": "canary-name"}
    for reason in set(Reason) - {Reason.NO_CODE, Reason.NO_FORGE}:  # they carry a fixed sentence
        values: dict[str, Any] = held | {"code": code, "reason": reason, "problem": "canary-fault"}
        job = runner.store.update(runner.job("table").id, **values)
        awaited = dict.fromkeys(job.wait_for, ("make", StatusCode.NONZERO_EXIT))
        row = outgoing.job_row(job, 3, awaited)
        assert "canary" not in json.dumps(row)
        assert row["status_message"]


def test_a_hint_of_the_log_does_not_leave(runner: Runner, sha: str) -> None:
    runner.executor.programs["make"] = lambda c: c.write("output/rwa.csv", "canary-data\n")
    runner.request("a", sha, "table")
    runner.passes(8)
    runner.reporter.step()
    record = (runner.record(runner.job("make")) / "metadata.json").read_text()
    assert "output/rwa.csv was written" in record
    posted = json.dumps(runner.server.bodies)
    assert "rwa" not in posted
    assert "Not started because 'make' failed" in posted


@pytest.mark.parametrize(
    ("code", "named"), [(StatusCode.UNMATCHED_PATTERNS, True), (StatusCode.NONZERO_EXIT, False)]
)
def test_patterns_are_named_where_they_are_the_reason(
    runner: Runner, sha: str, code: StatusCode, named: bool
) -> None:
    """A job that failed made no files either; its sentence says why it failed, and no more."""
    runner.request("a", sha, "make")
    runner.passes(6)
    made = runner.job("make")
    pattern = next(iter(made.outputs))
    job = runner.store.update(made.id, code=code, unmatched=[pattern])
    message = outgoing.job_row(job)["status_message"]
    assert message.endswith(f": {pattern}") is named
    assert (pattern in message) is named


@pytest.mark.parametrize(
    ("problem", "told"), [("4 GiB", True), ("1.5 h", True), ("4 GiB canary", False), ("", False)]
)
def test_a_limit_leaves_and_nothing_that_looks_otherwise(
    runner: Runner, sha: str, problem: str, told: bool
) -> None:
    runner.request("a", sha, "make")
    runner.passes(6)
    made = runner.job("make").id
    values: dict[str, Any] = {"code": StatusCode.NONZERO_EXIT, "problem": problem}
    for reason in (Reason.OUT_OF_MEMORY, Reason.NONE):
        job = runner.store.update(made, reason=reason, **values)
        message = outgoing.job_row(job)["status_message"]
        limited = told and reason is Reason.OUT_OF_MEMORY
        assert message.endswith(f"the limit ({problem})") is limited
        assert "canary" not in message


@pytest.mark.parametrize(
    ("number", "text"),
    [(4 * 1024**3, "4 GiB"), (1536 * 1024**2, "1.5 GiB"), (100 * 1024**2, "100 MiB")],
)
def test_sizes_are_shown_as_limits(number: int, text: str) -> None:
    assert sentences.size_text(number) == text
    assert sentences.LIMIT.fullmatch(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(86400, "24 h"), (5400, "1.5 h"), (600, "10 min"), (5, "5 s")]
)
def test_times_are_shown_as_limits(seconds: int, text: str) -> None:
    assert sentences.time_text(seconds) == text
    assert sentences.LIMIT.fullmatch(text)
