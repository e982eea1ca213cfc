"""A fault of one file withholds that file, with the reason, and the others are published."""

from __future__ import annotations

import logging
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.runner.ending import GOOD, HIGH, MODERATE, Ending

from sallyport_common.protocol import StatusCode
from sallyport_disclosure.engine import check_file
from sallyport_disclosure.policy import Policy
from sallyport_runner.models import Reason
from sallyport_runner.services.outputs import stager

TOO_LARGE = "It is larger than the file system allows; write several smaller files."
LONG = "a" * 251 + ".csv"
PATTERNS = {"output/*.csv": MODERATE, "output/raw/*.bin": HIGH}


def folder_in_the_high_tree(ending: Ending) -> str:
    """Put a folder where the file belongs."""
    (ending.high("output/bad.csv") / "inner").mkdir(parents=True)
    return "bad.csv"


def folder_in_the_medium_tree(ending: Ending) -> str:
    """Put a folder where the copy for reviewers belongs."""
    (ending.medium("output/bad.csv") / "inner").mkdir(parents=True)
    return "bad.csv"


def folder_in_place_of_the_note(ending: Ending) -> str:
    """Leave no room for the note of a file that fails its checks."""
    (ending.medium("output/patients.csv.txt") / "inner").mkdir(parents=True)
    return "patients.csv"


def nothing(name: str) -> Callable[[Ending], str]:
    """Return a preparation that leaves the trees as they are."""
    return lambda _ending: name


CASES = [
    (folder_in_the_high_tree, "has a folder of this name", False),
    (folder_in_the_medium_tree, "has a folder of this name", True),
    (folder_in_place_of_the_note, "patient_id", True),
    (nothing("patients.csv"), "patient_id", True),
    (nothing(LONG), "more than 251 bytes", True),
    (nothing("a\u202evsc.csv"), "not printable", False),
    (nothing("two\nlines.csv"), "not printable", False),
    (nothing("back\\slash.csv"), "backslash", False),
    (nothing(os.fsdecode(b"latin-\xe9.csv")), "not printable", False),
]


@pytest.mark.parametrize(("prepare", "reason", "kept"), CASES)
def test_one_file_is_withheld_and_the_others_are_not(
    tmp_path: Path,
    prepare: Callable[[Ending], str],
    reason: str,
    kept: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    ending = Ending(tmp_path)
    name = prepare(ending)
    job = ending.job(1, PATTERNS)
    ending.write(job, f"output/{name}", "patient_id\n1\n" if name == "patients.csv" else GOOD)
    ending.write(job, "output/good.csv")
    ending.write(job, "output/raw/x.bin", b"\0\1")
    outcome = ending.end(job)
    record = ending.record(job)
    assert (outcome.code, outcome.reason) == (StatusCode.SUCCEEDED, Reason.WITHHELD)
    ((label, said),) = record["level4_excluded_files"].items()
    assert reason in said
    entry = ending.manifest()[label]
    assert (entry.excluded, entry.message) == (True, said)
    notes = [path for path in ending.medium("output").glob("*.txt") if path.is_file()]
    assert all(note.name == f"{Path(label).name}.txt" for note in notes)
    assert all(reason in note.read_text() for note in notes)
    room = len(name) < 252 and prepare is not folder_in_place_of_the_note
    assert len(notes) == room
    assert (label in outcome.files) == kept == ending.high(label).is_file()
    assert not ending.medium(label).is_file()
    # the others, and nothing raw in what people read
    assert set(outcome.files) - {label} == {"output/good.csv", "output/raw/x.bin"}
    assert ending.medium("output/good.csv").read_text() == GOOD
    assert not ending.manifest()["output/good.csv"].excluded
    log = ending.high("metadata/act.log").read_text()
    assert label in log
    for text in (label, log.replace("\n", ""), caplog.text.replace("\n", "")):
        assert text.isprintable()


def test_a_copy_of_an_earlier_run_is_withdrawn(tmp_path: Path) -> None:
    ending = Ending(tmp_path)
    for number, content in ((1, GOOD), (2, "patient_id\n1\n"), (3, GOOD)):
        job = ending.job(number, PATTERNS)
        ending.write(job, "output/t.csv", content)
        ending.write(job, "output/raw/x.bin", b"x")
        ending.end(job)
        shown = ending.medium("output/t.csv").exists(), ending.medium("output/t.csv.txt").exists()
        assert shown == ((False, True) if number == 2 else (True, False))
        assert ending.high("output/t.csv").read_text() == content
    job = ending.job(4, {"output/*.csv": HIGH, "output/raw/*.bin": HIGH})
    ending.write(job, "output/t.csv")
    ending.write(job, "output/raw/x.bin", b"x")
    ending.end(job)
    assert [path.name for path in ending.medium("output").iterdir()] == []


def test_a_note_never_takes_the_place_of_an_output(tmp_path: Path) -> None:
    ending = Ending(tmp_path)
    job = ending.job(1, {"output/*.*": MODERATE})
    ending.write(job, "output/t.csv", "patient_id\n1\n")
    ending.write(job, "output/t.csv.txt", "a file of the study\n")
    ending.end(job)
    assert ending.medium("output/t.csv.txt").read_text() == "a file of the study\n"
    assert "patient_id" in str(ending.manifest()["output/t.csv"].message)


def test_what_the_checks_break_on_is_withheld(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(name: str, data: bytes, policy: Policy) -> object:
        if name == "output/bad.csv":
            raise RecursionError
        return check_file(name, data, policy)

    monkeypatch.setattr(stager, "check_file", broken)
    ending = Ending(tmp_path)
    job = ending.job(1, {"output/*.csv": MODERATE})
    for name in ("bad", "good"):
        ending.write(job, f"output/{name}.csv")
    assert ending.end(job).reason is Reason.WITHHELD
    shown = {path.name for path in ending.medium("output").iterdir()}
    assert shown == {"bad.csv.txt", "good.csv"}
    assert "RecursionError" in caplog.text


@pytest.mark.parametrize("level", [HIGH, MODERATE])
@pytest.mark.parametrize("size", [2**20, 2**20 + 1])
def test_a_file_above_the_largest_size_of_the_system_is_withheld(
    tmp_path: Path, level: str, size: int
) -> None:
    """The limit of a process stands for that of a file system or of a quota."""
    ending = Ending(tmp_path)
    job = ending.job(1, {"output/*.txt": level})
    ending.write(job, "output/large.txt", b"x" * size)
    ending.write(job, "output/small.txt", b"x")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    try:
        outcome = ending.end(job)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    fits = size <= 2**20
    assert ("output/large.txt" in outcome.files) == fits == ending.high("output/large.txt").exists()
    assert "output/small.txt" in outcome.files
    withheld = ending.record(job)["level4_excluded_files"]
    assert withheld == ({} if fits else {"output/large.txt": TOO_LARGE})


def test_two_names_that_look_the_same_are_told_apart(tmp_path: Path) -> None:
    ending = Ending(tmp_path)
    job = ending.job(1, {"output/*.csv": MODERATE})
    ending.write(job, "output/a\u202e.csv")
    ending.write(job, "output/a<U+202E>.csv")
    ending.end(job)
    entries = ending.manifest()
    assert {path: entry.excluded for path, entry in entries.items()} == {
        "output/a<U+202E>.csv": False,
        "output/a<U+202E>.csv~": True,
    }


def test_an_action_whose_log_has_no_room_ends_all_the_same(tmp_path: Path) -> None:
    ending = Ending(tmp_path)
    job = ending.job(1, {"output/*.csv": MODERATE}, action="a" * 252)
    ending.write(job, "output/t.csv")
    assert ending.end(job).code is StatusCode.SUCCEEDED
    assert [path.name for path in ending.medium("metadata").glob("*.*")] == ["manifest.json"]
    assert (ending.base / "high/logs/2026-11/os-job-job1/logs.txt").exists()


def test_a_volume_that_is_gone_matches_nothing(tmp_path: Path) -> None:
    ending = Ending(tmp_path)
    job = ending.job(1, {"output/*.csv": MODERATE})
    ending.volumes.of(job.id).remove()
    outcome = ending.end(job)
    assert (outcome.code, outcome.unmatched) == (StatusCode.UNMATCHED_PATTERNS, ["output/*.csv"])
