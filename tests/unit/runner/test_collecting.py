"""Many files: patterns, progress, and a manifest of which only what is new is written again."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.runner.ending import GOOD, HIGH, MODERATE, Ending
from tests.unit.runner.test_verdicts import output

from sallyport_common.manifests import ManifestError, WorkspaceManifest, workspace
from sallyport_common.protocol import StatusCode
from sallyport_disclosure.engine import check_file
from sallyport_runner.models import Reason
from sallyport_runner.services.outputs import manifest as manifests
from sallyport_runner.services.outputs import scan, stager
from sallyport_runner.services.outputs.manifest import Manifest, Manifests
from sallyport_runner.services.outputs.matching import Matcher
from sallyport_study.patterns import matches

PARTS = st.sampled_from(["output", "a.csv", "b.csv", "metadata", "a", "*", "*.csv", "a*", "a*v"])
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(st.lists(PATHS, max_size=8, unique=True), PATHS)
def test_the_index_of_patterns_agrees_with_the_patterns(patterns: list[str], path: str) -> None:
    assert Matcher(patterns).of(path) == [p for p in patterns if matches(p, path)]


def test_the_first_of_several_patterns_decides_and_each_counts_as_matched(tmp_path: Path) -> None:
    ending = Ending(tmp_path)
    outputs = {"output/a*.csv": HIGH, "output/*.csv": MODERATE, "output/b.csv": HIGH, "c.csv": HIGH}
    job = ending.job(1, outputs)
    for name in ("a1", "b"):
        ending.write(job, f"output/{name}.csv")
    outcome = ending.end(job)
    assert outcome.files == {"output/a1.csv": HIGH, "output/b.csv": MODERATE}
    assert outcome.unmatched == ["c.csv"]


@pytest.mark.parametrize("limit", [2, 3])
def test_files_that_are_too_many_are_not_passed_over_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(scan, "MAX_FILES", limit)
    ending = Ending(tmp_path)
    job = ending.job(1, {"*.csv": HIGH})
    ending.write(job, "a.csv")
    ending.write(job, "folder/b.csv")
    ending.end(job)
    assert ("Not all files were looked at" in ending.record(job)["hint"]) == (limit == 2)


def test_digests_of_what_is_kept_are_in_the_record(tmp_path: Path) -> None:
    ending = Ending(tmp_path)
    job = ending.job(1, {"output/*.csv": MODERATE})
    large = "age\n" + "40\n" * 600_000  # copied in the kernel
    for name, content in (("a", GOOD), ("patients", "patient_id\n1\n"), ("large", large)):
        ending.write(job, f"output/{name}.csv", content)
    ending.write(job, "output/odd\u202e.csv")
    ending.end(job)
    record, digests = ending.record(job), ending.files()
    assert record["outputs_sha256"] == {
        path: digests[f"high/workspaces/ws1/{path}"] for path in record["outputs"]
    }
    assert set(record["outputs"]) == {f"output/{n}.csv" for n in ("a", "patients", "large")}
    kept = {path: e.content_hash for path, e in ending.manifest().items() if path in digests}
    assert kept.items() <= record["outputs_sha256"].items()
    assert ending.high("output/a.csv").stat().st_mode & 0o777 == 0o640
    assert ending.high("output/large.csv").read_text() == large


def test_progress_can_be_asked_for_while_files_are_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, reached, gate = Ending(tmp_path), threading.Event(), threading.Event()

    def hold(name: str, *arguments: Any) -> Any:
        if name == "output/2.csv":
            reached.set()
            gate.wait(30)
        return check_file(name, *arguments)

    monkeypatch.setattr(stager, "check_file", hold)
    job = ending.job(1, {"output/*.csv": MODERATE})
    for number in range(5):
        ending.write(job, f"output/{number}.csv")
    assert ending.finaliser.progress(job.id) is None
    worker = threading.Thread(target=ending.end, args=[job])
    worker.start()
    try:
        assert reached.wait(30)
        assert ending.finaliser.progress(job.id) == (2, 5)
        other = ending.job(2, {"output/x.csv": HIGH}, workspace="ws2")
        ending.write(other, "output/x.csv")
        assert ending.end(other).files  # nobody waits for another workspace
    finally:
        gate.set()
        worker.join(30)
    assert ending.finaliser.progress(job.id) is None
    assert ending.record(job)["status_code"] == "succeeded"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(st.dictionaries(TEXTS, TEXTS, max_size=5), TEXTS)
def test_a_manifest_is_written_as_its_type_writes_it(rows: dict[str, str], action: str) -> None:
    made = Manifest(Path("/none"), "ws")
    made.record(action, {path: output(action, message=text) for path, text in rows.items()})
    for actions in ([], [action]):
        made.flag_actions(actions)
        assert (
            made.to_json()
            == WorkspaceManifest(workspace="ws", outputs=dict(made.outputs)).to_json()
        )


def test_an_entry_that_no_reader_takes_is_not_written(tmp_path: Path) -> None:
    made = Manifest(tmp_path, "ws")
    made.record("make", {"a": output("make")})
    made.save()
    made.record("make", {"b": output("make", size=-1)})
    with pytest.raises(ManifestError, match="number of bytes"):
        made.save()
    assert set(Manifest(tmp_path, "ws").outputs) == {"a"}


def test_a_manifest_in_memory_is_that_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Manifests(tmp_path)
    first = kept.take("ws")
    first.record("make", {"a": output("make")})
    first.save()
    kept.keep("ws", first)
    assert kept.take("ws") is first
    assert kept.take("ws") is not first  # whoever took it may have changed it
    kept.keep("ws", first)
    changed = Manifest(tmp_path / "ws", "ws")
    changed.record("make", {"b": output("make")})
    changed.save()
    assert set(kept.take("ws").outputs) == {"a", "b"}
    monkeypatch.setattr(manifests, "REMEMBERED", 1)
    kept.keep("ws", changed)  # too many entries
    assert kept.take("ws") is not changed


def test_a_workspace_with_too_many_outputs_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = Ending(tmp_path)
    ending.end(ending.job(1, {}))
    text = ending.medium("metadata/manifest.json").read_bytes()
    broken = ending.job(2, {"a.csv": HIGH})
    ending.write(broken, "a.csv")
    monkeypatch.setattr(workspace, "LONGEST", len(text) + 10)
    outcome = ending.end(broken)
    assert (outcome.code, outcome.reason) == (StatusCode.JOB_ERROR, Reason.FULL_WORKSPACE)
    assert outcome.files == {}
    assert "more files than the backend can list" in ending.record(broken)["status_message"]
    assert ending.medium("metadata/manifest.json").read_bytes() == text
    assert not ending.high("a.csv").exists()
    monkeypatch.undo()
    again = ending.job(3, {"a.csv": HIGH})
    ending.write(again, "a.csv")
    assert ending.end(again).code is StatusCode.SUCCEEDED
    assert set(ending.manifest()) == {"a.csv"}


def test_a_long_manifest_forgets_what_earlier_runs_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = Ending(tmp_path)
    for number, name in enumerate(("old.csv", "new.csv"), start=1):
        one = ending.job(number, {"*.csv": HIGH})
        ending.write(one, name)
        ending.end(one)
    assert set(ending.manifest()) == {"old.csv", "new.csv"}
    size = ending.medium("metadata/manifest.json").stat().st_size
    monkeypatch.setattr(workspace, "LONGEST", size - 10)
    last = ending.job(3, {"*.csv": HIGH})
    ending.write(last, "new.csv", "another\n")
    assert ending.end(last).code is StatusCode.SUCCEEDED
    assert set(ending.manifest()) == {"new.csv"}
