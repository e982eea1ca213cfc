"""The hint in the log of a job whose patterns matched nothing."""

from __future__ import annotations

import pytest
from tests.unit.runner.rig import Runner

from sallyport_runner.services.outputs.hints import hint, links, nearest
from sallyport_runner.services.requests import outgoing


@pytest.mark.parametrize(
    ("pattern", "files", "near"),
    [
        ("output/raw.csv", ["output/rwa.csv"], "output/rwa.csv"),
        ("output/raw.csv", ["other.txt", "raw.csv"], "raw.csv"),
        ("output/raw.csv", ["output/Raw.CSV", "output/raw2.csv"], "output/Raw.CSV"),
        ("output/raw.csv", ["output/raw.csv.gz"], "output/raw.csv.gz"),
        ("output/table_*.csv", ["output/tabel_1.csv"], "output/tabel_1.csv"),
        ("output/raw.csv", ["scratch/model.bin"], None),
        ("output/raw.csv", [], None),
    ],
)
def test_the_nearest_file_of_a_pattern(pattern: str, files: list[str], near: str | None) -> None:
    assert nearest(pattern, files) == near


def test_the_hint_names_the_nearest_file_then_all_of_them() -> None:
    assert hint(["output/raw.csv", "x/y.json"], ["output/rwa.csv", "z.bin"]) == (
        "output/rwa.csv was written; the pattern is output/raw.csv. "
        "Files that were written and match nothing: output/rwa.csv, z.bin"
    )
    assert hint(["output/raw.csv"], []) == "The job wrote no files beside its outputs."


def test_links_that_match_are_named_and_no_others() -> None:
    assert links(["other/link.csv"], ["output/*.csv"]) == ""
    assert links(["a", "output/a\nb.csv", "output/c.csv"], ["output/*.csv"]) == (
        "Only files are taken, and no links: write a copy in place of output/a<U+000A>b.csv, "
        "output/c.csv."
    )
    many = [f"output/{number}.csv" for number in range(20)]
    assert links(many, ["output/*.csv"]).endswith(", output/9.csv and others.")


def test_the_hint_is_in_the_log_and_does_not_leave(runner: Runner, sha: str) -> None:
    runner.executor.programs["make"] = lambda container: container.write("output/rwa.csv", "x\n")
    runner.request("a", sha, "make")
    runner.passes(6)
    job = runner.job("make")
    log = (runner.record(job) / "logs.txt").read_text()
    assert "output/rwa.csv was written; the pattern is output/raw.csv." in log
    message = outgoing.job_row(job)["status_message"]
    assert message.endswith(": output/raw.csv")
    assert "rwa" not in message
