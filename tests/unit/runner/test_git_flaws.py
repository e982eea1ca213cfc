"""Old flaws of commits that public forges serve do not stop a fetch; all others do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.unit.runner.rig import Study
from tests.unit.runner.test_git import code, start

from sallyport_common.closed_git import process
from sallyport_runner.services.git import CodeError

GOOD_LINE = b"author A <a@example.org> 1700000000 +0000"
FLAWS = {
    "badTimezone": b"author A <a@example.org> 1700000000 +51800",
    "badDate": b"author A <a@example.org> x +0000",
    "badDateOverflow": b"author A <a@example.org> 99999999999999999999999 +0000",
    "zeroPaddedDate": b"author A <a@example.org> 01700000000 +0000",
    "missingSpaceBeforeDate": b"author A <a@example.org>1700000000 +0000",
    "missingSpaceBeforeEmail": b"author A<a@example.org> 1700000000 +0000",
    "missingEmail": b"author A 1700000000 +0000",
    "missingNameBeforeEmail": b"author <a@example.org> 1700000000 +0000",
    "badEmail": b"author A <a@example.org 1700000000 +0000",
    "badName": b"author A> <a@example.org> 1700000000 +0000",
    "multipleAuthors": GOOD_LINE + b"\n" + GOOD_LINE,
}
"""The line of a commit's author that makes git report the flaw."""


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Give a study on a forge that is a folder."""
    made = Study(tmp_path / "forge")
    made.make()
    return made


def odd_commit(study: Study, folder: Path, flaw: str) -> str:
    """Put a commit with one flaw on the branch `odd`; return it."""
    tree, ending = study.git("rev-parse", "HEAD^{tree}"), b"odd\n"
    if flaw == "zeroPaddedFilemode":
        blob = bytes.fromhex(study.git("rev-parse", "HEAD:make.py"))
        tree = literal(study, folder, "tree", b"0100644 make.py\0" + blob)
    if flaw == "nulInCommit":
        ending = b"o\0dd\n"
    author = FLAWS.get(flaw, GOOD_LINE) if flaw != "missingAuthor" else b"writer A"
    committer = GOOD_LINE.replace(b"author", b"committer")
    text = b"tree %s\n%s\n%s\n\n%s" % (tree.encode(), author, committer, ending)
    odd = literal(study, folder, "commit", text)
    study.git("update-ref", "refs/heads/odd", odd)
    return odd


def literal(study: Study, folder: Path, kind: str, content: bytes) -> str:
    """Write an object as it is, without git's checks."""
    (folder / kind).write_bytes(content)
    return study.git("hash-object", "-t", kind, "-w", "--literally", str(folder / kind))


def reported(study: Study) -> str:
    """Return what a strict fsck of the forge's repository prints."""
    command = ["git", "-C", str(study.path), "fsck", "--strict"]
    return subprocess.run(command, check=False, capture_output=True, text=True).stderr


@pytest.mark.parametrize("flaw", process.HARMLESS)
def test_a_harmless_flaw_does_not_stop_a_fetch(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flaw: str
) -> None:
    git = start(tmp_path)
    assert flaw not in reported(study)
    odd = odd_commit(study, tmp_path, flaw)
    assert f"{flaw}: " in reported(study), "git itself has this flaw under this name"
    others = [pair for pair in process.CONFIGURATION if pair[0] != f"fetch.fsck.{flaw}"]
    with monkeypatch.context() as context:
        context.setattr(process, "CONFIGURATION", others)
        with pytest.raises(CodeError, match="an object that git rejects as unsafe"):
            git.fetch(code(odd, "odd"))
    target = tmp_path / "out"
    target.mkdir()
    git.check_out(git.fetch(code(odd, "odd")), odd, target)
    assert (target / "make.py").read_text() == "pass\n"


def test_a_flaw_that_is_not_harmless_stops_a_fetch(study: Study, tmp_path: Path) -> None:
    odd = odd_commit(study, tmp_path, "missingAuthor")
    assert "missingAuthor: " in reported(study)
    with pytest.raises(CodeError, match="an object that git rejects as unsafe"):
        start(tmp_path).fetch(code(odd, "odd"))
