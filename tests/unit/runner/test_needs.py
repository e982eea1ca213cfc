"""What a job says about the actions that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.runner.lost import hear, lose, started
from tests.unit.runner.rig import Container, Runner

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Reason, Stop

AGAIN = "submit again if it is still needed"
NOW = "2026-11-24T00:00:00Z"


def study(runner: Runner, actions: dict[str, list[str]]) -> str:
    """Commit a study whose actions need each other as named; return the commit."""
    text = "version: 5\nactions:\n"
    for name, needs in actions.items():
        text += f"  {name}:\n    run: python:v2 {name}.py\n    needs: {needs}\n"
        text += f"    outputs: {{highly_sensitive: {{f: output/{name}.csv}}}}\n"
    return runner.study.commit({"project.yaml": text})


def posted(runner: Runner, action: str) -> str:
    """Return the last message that the job server was sent about an action."""
    runner.reporter.step()
    rows = [row for body in runner.server.bodies for row in body if row["action"] == action]
    return str(rows[-1]["status_message"])


def write(container: Container) -> int:
    """Write what an action of `study` declares."""
    return container.write(f"output/{container.spec.labels['action']}.csv", "x\n")


def fail(_container: Container) -> int:
    return 1


def test_a_waiting_job_names_what_it_waits_for_and_no_more(runner: Runner) -> None:
    needs = ["a", "b", "c", "d", "e"]
    sha = study(runner, {name: [] for name in needs} | {"all": needs, "one": ["a"]})
    runner.executor.programs = dict.fromkeys([*needs, "all", "one"], write)
    runner.executor.held = True
    runner.request("a", sha, "all", "one")
    runner.passes(2)
    assert posted(runner, "one") == "Waiting on dependencies: a"
    assert posted(runner, "all") == "Waiting on dependencies: a, b, c and 2 more"
    revision = runner.job("all").revision
    for name in ("a", "b"):
        runner.executor.go_on(runner.job(name).container)
    runner.passes(60)  # a minute later all that has not ended is reported
    assert posted(runner, "all") == "Waiting on dependencies: c, d and e"
    assert runner.job("all").revision == revision


@pytest.mark.parametrize(
    ("failing", "message"),
    [
        ("a", "'a' failed"),
        ("ab", "'a' and 'b' failed"),
        ("abcd", "'a', 'b', 'c' and 'd' failed"),
        ("abcde", "'a', 'b', 'c' and 2 more failed"),
    ],
)
def test_a_job_that_was_not_started_names_what_failed(
    tmp_path: Path, failing: str, message: str
) -> None:
    runner = Runner(tmp_path, max_workers=8)
    sha = study(runner, {name: [] for name in "abcde"} | {"all": list("abcde"), "last": ["all"]})
    runner.executor.programs = dict.fromkeys("abcde", write) | dict.fromkeys(failing, fail)
    runner.executor.held = True
    runner.request("a", sha, "last")
    runner.passes(2)
    for name in "abcde":
        runner.executor.go_on(runner.job(name).container)
    runner.passes(3)
    assert posted(runner, "all") == f"Not started because {message}; correct that and submit again"
    assert posted(runner, "last") == f"Not started because 'all' was not started; {AGAIN}"


@pytest.mark.parametrize("killed", [True, False])
def test_what_a_person_stopped_is_not_called_failed(runner: Runner, killed: bool) -> None:
    sha = study(runner, {"a": [], "b": ["a"]})
    runner.executor.held = True
    request = runner.request("a", sha, "b")
    runner.passes(3)
    if killed:
        runner.store.update(runner.job("a").id, stop=Stop.ADMIN)
    else:
        runner.store.cancel(request.identifier, ["a"], NOW)
    runner.passes(4)
    end = "stopped by an administrator" if killed else "cancelled"
    assert posted(runner, "b") == f"Not started because 'a' was {end}; {AGAIN}"


WITHHELD = """
version: 5
actions:
  make:
    run: python:v2 make.py
    outputs: {moderately_sensitive: {all: output/*.csv}}
  table:
    run: python:v2 table.py
    needs: [make]
    outputs: {moderately_sensitive: {table: output/sum.txt}}
"""


@pytest.mark.parametrize("lost", [False, True])
def test_what_is_withheld_from_reviewers_is_an_input_and_what_is_in_no_tree_is_none(
    runner: Runner, lost: bool
) -> None:
    def make(container: Container) -> int:
        container.write("output/patients.csv", "patient_id\n1\n")
        return container.write("output/two\nlines.csv", "n\n10\n")

    def table(container: Container) -> int:
        folder = container.folder("/workspace") / "output"
        assert [path.name for path in folder.glob("*.csv")] == ["patients.csv"]
        return container.write("output/sum.txt", "10\n")

    runner.executor.programs = {"make": make, "table": table}
    sha = runner.study.commit({"project.yaml": WITHHELD})
    runner.request("a", sha, "make")
    runner.passes(5)
    job = runner.job("make")
    assert (job.code, job.reason) == (StatusCode.SUCCEEDED, Reason.WITHHELD)
    assert not runner.medium("output/patients.csv").exists()
    if lost:
        lose(runner)
        hear(runner)
    runner.request("b", sha, "table")
    runner.passes(5)
    assert runner.job("table").code is StatusCode.SUCCEEDED
    assert started(runner) == ["make", "table"]
