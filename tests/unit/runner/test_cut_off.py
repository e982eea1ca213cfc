"""A finaliser that is killed at any step leaves no half of anything, and a second call ends it."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runner.ending import GOOD, HIGH, MODERATE, Ending, described

from sallyport_runner.models import Outcome
from sallyport_runner.services.executor import TransientError

STEPS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}
OLD = {"output/same.csv": GOOD, "output/bad.csv": GOOD, "output/gone.csv": GOOD, "raw/x.bin": "1"}
NEW = {
    "output/same.csv": "age,n\n50,20\n",
    "output/bad.csv": "patient_id\n1\n",
    "output/new/new.csv": GOOD,
    "raw/x.bin": "2",
    "raw/\u202e.bin": "3",
}
PATTERNS = {"output/*.csv": MODERATE, "output/new/*.csv": MODERATE, "raw/*.bin": HIGH}
JOB = described(2, PATTERNS)


def prepare(base: Path) -> None:
    """Make a workspace with the outputs of one run, and the volume of a second one that ended."""
    ending = Ending(base)
    for number, files in ((1, OLD), (2, NEW)):
        job = ending.job(number, PATTERNS)
        for path, content in files.items():
            ending.write(job, path, content)
        if number == 1:
            ending.end(job)


def killed_at(step: int, base: Path) -> bool:
    """End the job in a process that is killed before its nth step; return whether it was."""
    ending = Ending(base)
    child = os.fork()
    if not child:
        left = step

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            made = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
            if event in STEPS or made:
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            ending.end(JOB)
        finally:
            os._exit(0)
    _pid, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def digest(text: str) -> str:
    """Return the SHA-256 of a string."""
    return hashlib.sha256(text.encode()).hexdigest()


def check(ending: Ending) -> None:
    """Nothing is half: every name has whole bytes, and no file is shown that did not pass."""
    for path in sorted(ending.high().rglob("*.csv")) + sorted(ending.high().rglob("*.bin")):
        name = str(path.relative_to(ending.high()))
        assert path.read_text() in {OLD.get(name), NEW.get(name)}
    for path in ending.medium().rglob("*.csv"):
        name = str(path.relative_to(ending.medium()))
        passed = {OLD.get(name), None if name == "output/bad.csv" else NEW.get(name)}
        assert path.read_text() in passed - {None}
    entries = ending.manifest()  # it can be read, so it is whole
    makers = {entry.job_id for entry in entries.values() if not entry.out_of_date_output}
    assert makers in ({"job1"}, {"job2"})
    if makers == {"job2"}:  # everything is in place once it is listed
        for listed, entry in entries.items():
            if not entry.excluded and not entry.out_of_date_output:
                place = ending.medium(listed) if entry.level == MODERATE else ending.high(listed)
                assert digest(place.read_text()) == entry.content_hash


def test_a_kill_at_every_step(tmp_path: Path) -> None:
    prepare(tmp_path / "prepared")
    shutil.copytree(tmp_path / "prepared", tmp_path / "undisturbed")
    undisturbed = Ending(tmp_path / "undisturbed")
    undisturbed.end(JOB)
    wanted = undisturbed.files()
    assert not [path for path in wanted if "staging" in path]
    step, killed = 0, True
    while killed:
        step += 1
        base = tmp_path / "now"
        shutil.copytree(tmp_path / "prepared", base)
        killed = killed_at(step, base)
        ending = Ending(base)  # its start sweeps
        assert not [path for path in ending.files() if "staging" in path]
        check(ending)
        ending.end(JOB)
        assert ending.files() == wanted
        shutil.rmtree(base)
    assert step > 30


def refused_at(
    step: int, kind: int, ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> Outcome | None:
    """End the job while its nth rename fails; return None where it has to wait for a retry."""
    left, rename = step, os.rename

    def refuse(*arguments: Any, **folders: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise OSError(kind, os.strerror(kind))
        rename(*arguments, **folders)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", refuse)
        try:
            outcome = ending.end(JOB)
        except TransientError:
            return None
    if left > 0:
        raise StopIteration
    return outcome


@pytest.mark.parametrize("kind", [errno.ENOSPC, errno.EDQUOT])
def test_a_fault_at_every_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: int
) -> None:
    prepare(tmp_path / "prepared")
    shutil.copytree(tmp_path / "prepared", tmp_path / "undisturbed")
    undisturbed = Ending(tmp_path / "undisturbed")
    undisturbed.end(JOB)
    wanted, withheld = undisturbed.files(), undisturbed.record(JOB)["level4_excluded_files"]
    waited, went_on = 0, 0
    for step in itertools.count(1):
        base = tmp_path / "now"
        shutil.copytree(tmp_path / "prepared", base)
        ending = Ending(base)
        try:
            outcome = refused_at(step, kind, ending, monkeypatch)
        except StopIteration:
            break
        check(ending)
        if outcome is None:
            waited += 1
            ending.end(JOB)
            assert ending.files() == wanted
        else:  # one file has a fault: an output, its note or a copy of the log
            went_on += 1
            more = ending.record(JOB)["level4_excluded_files"].items() - withheld.items()
            assert len(more) <= 1
            assert len(wanted.keys() - ending.files().keys()) <= 2
        shutil.rmtree(base)
    assert waited >= 3  # manifest, log and record are needed
    assert (went_on > 5) == (kind == errno.EDQUOT)
