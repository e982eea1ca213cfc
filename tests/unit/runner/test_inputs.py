"""What a job gets from the actions that it needs: whole outputs of one run that succeeded."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from tests.unit.runner.rig import Container, Runner

from sallyport_common.protocol import StatusCode
from sallyport_runner.flags import Flag
from sallyport_runner.models import Reason
from sallyport_runner.services.outputs import trees
from sallyport_runner.services.running.retries import MAX_TRIES

pytestmark = pytest.mark.live
PROJECT = """
version: 5
actions:
  make:
    run: python:v2 make.py
    outputs: {highly_sensitive: {all: output/*.csv}}
  table:
    run: python:v2 table.py
    needs: [make]
    outputs: {moderately_sensitive: {sum: sum.txt}}
"""


def write(text: str, code: int = 0) -> Any:
    """Return a program that leaves the same words in both outputs and ends with a code."""

    def program(container: Container) -> int:
        for name in ("a", "b"):
            container.write(f"output/{name}.csv", text)
        return code

    return program


def add(container: Container) -> int:
    """Write down what the inputs are."""
    found = [container.read(f"output/{name}.csv") for name in ("a", "b")]
    return container.write("sum.txt", "".join(found))


@pytest.fixture
def study(runner: Runner) -> str:
    """Return the commit of a study whose need has made its outputs."""
    sha = runner.study.commit({"project.yaml": PROJECT})
    runner.executor.programs |= {"make": write("1"), "table": add}
    runner.request("a", sha, "make")
    runner.passes(6)
    assert runner.job("make").code is StatusCode.SUCCEEDED
    return sha


def pause(runner: Runner, on: bool) -> None:
    """Let no job start, or let them start again."""
    runner.store.set_flag(Flag.PAUSED, on, "2026-11-24T00:00:00Z")


def table_after_another_run_of_make(runner: Runner, sha: str) -> None:
    """Ask for `table` when its need has succeeded, and let the need run again before it."""
    pause(runner, True)
    runner.request("b", sha, "table")
    runner.passes(2)
    table = runner.job("table").id
    assert runner.job("table").wait_for == []
    runner.request("c", sha, "make")
    runner.passes(2)
    runner.store.update(table, wait_for=[runner.job("make").id])
    runner.executor.held = True
    pause(runner, False)
    runner.passes(3)
    pause(runner, True)
    runner.store.update(table, wait_for=[])
    runner.passes(1)
    runner.executor.go_on(runner.job("make").container)
    runner.passes(2)
    runner.executor.held = False
    pause(runner, False)
    runner.passes(6)


@pytest.mark.parametrize("program", [write("half", 1), lambda _container: 1])
def test_what_a_failed_run_left_is_nobodys_input(runner: Runner, study: str, program: Any) -> None:
    """The need had succeeded when the job was asked for, and failed before the job was prepared."""
    runner.executor.programs["make"] = program
    table_after_another_run_of_make(runner, study)
    assert runner.job("make").code is StatusCode.NONZERO_EXIT
    table = runner.job("table")
    assert (table.code, table.reason, table.problem) == (
        StatusCode.JOB_ERROR, Reason.NO_INPUT, "make",
    )  # fmt: skip


def test_a_newer_run_that_succeeded_is_the_input(runner: Runner, study: str) -> None:
    """The control of the test above."""
    runner.executor.programs["make"] = write("2")
    table_after_another_run_of_make(runner, study)
    assert runner.medium("sum.txt").read_text() == "22"


def publish(runner: Runner, text: str) -> None:
    """Give both outputs of `make` other content, as the publication of a newer run does."""
    place = runner.medium("metadata/manifest.json")
    manifest = json.loads(place.read_text())
    for name in ("a", "b"):
        path = f"output/{name}.csv"
        runner.high(path).write_text(text)
        manifest["outputs"][path]["content_hash"] = hashlib.sha256(text.encode()).hexdigest()
    place.write_text(json.dumps(manifest))


def test_inputs_are_of_one_run(runner: Runner, study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer run is published after the first file was copied: both are copied again."""
    copy, copied = trees.write_beneath, list[str]()

    def copy_and_publish(*given: Any) -> Any:
        done = copy(*given)
        copied.append(given[1])
        if len(copied) == 1:
            publish(runner, "2")
        return done

    monkeypatch.setattr(trees, "write_beneath", copy_and_publish)
    runner.request("b", study, "table")
    runner.passes(12, seconds=10)
    assert copied == ["output/a.csv", "output/b.csv"] * 2
    assert runner.medium("sum.txt").read_text() == "22"


def test_an_altered_input_is_told_and_not_used(runner: Runner, study: str) -> None:
    place = runner.high("output/b.csv")
    place.write_text("forged")
    runner.request("b", study, "table")
    runner.passes(3)
    assert runner.job("table").reason is Reason.RETRY
    runner.passes(MAX_TRIES + 5, seconds=100)
    table = runner.job("table")
    assert (table.code, table.reason) == (StatusCode.JOB_ERROR, Reason.CHANGED_INPUT)
    place.write_text("1")
    runner.request("c", study, "table")
    runner.passes(6)
    assert runner.medium("sum.txt").read_text() == "11"
