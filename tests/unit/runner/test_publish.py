"""Outputs on their way into the privacy trees: cut-off copies and names without room."""

from __future__ import annotations

import pytest
from tests.unit.runner.rig import PROJECT, Container, Runner, make

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Reason

pytestmark = pytest.mark.live


def test_copies_that_were_cut_off_are_removed_at_the_start(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "table")
    runner.passes(8)
    left = [runner.base / tree / "staging/job1/1" for tree in ("high", "medium")]
    kept = [runner.high("output/.x.part"), runner.high("output/a.part")]
    for path in left + kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1,40\n")
    runner.restart()
    assert [path.exists() for path in left + kept] == [False, False, True, True]
    assert runner.medium("output/table.csv").exists()


@pytest.mark.parametrize(("length", "withheld"), [(251, False), (252, True), (255, True)])
def test_a_name_without_room_for_a_note_is_withheld(
    runner: Runner, length: int, withheld: bool
) -> None:
    name = "a" * (length - 4) + ".csv"

    def program(container: Container) -> int:
        return container.write(f"output/{name}", "age,n\n40,10\n") + make(container)

    runner.executor.programs["make"] = program
    more = "raw: output/raw.csv}, moderately_sensitive: {a: output/a*.csv}"
    text = PROJECT.replace("raw: output/raw.csv}", more)
    runner.request("a", runner.study.commit({"project.yaml": text}), "make")
    runner.passes(6)
    job = runner.job("make")
    assert (job.code, job.reason is Reason.WITHHELD) == (StatusCode.SUCCEEDED, withheld)
    assert runner.high(f"output/{name}").exists()
    assert runner.medium(f"output/{name}").exists() != withheld
    log = (runner.record(job) / "logs.txt").read_text()
    assert ("more than 251 bytes" in log) == withheld
