"""The files of a commit are written once, and copied for each job as they are."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.unit.runner.rig import Runner

from sallyport_runner.services import checkouts
from sallyport_runner.services.checkouts import Checkouts
from sallyport_runner.services.git import Code, Git
from sallyport_study.places import Repository

pytestmark = pytest.mark.live


@pytest.fixture
def made(runner: Runner) -> tuple[Checkouts, Code]:
    """Return checkouts, and a commit with a program, a folder and links."""
    study = runner.study
    (study.path / "deep/er").mkdir(parents=True)
    (study.path / "out").symlink_to("/etc/passwd")
    (study.path / "loop").symlink_to(".")
    (study.path / "run.sh").write_text("true\n")
    (study.path / "run.sh").chmod(0o755)
    sha = study.commit({"deep/er/data.csv": "a\n" * 100_000})
    source = Git(runner.settings.workdir / "repos", runner.settings.github_proxy, Path("/x"))
    repository = Repository.parse("https://github.com/demo-org/study")
    return Checkouts(runner.settings.workdir / "code", source), Code(repository, "main", sha)


def test_a_copy_has_files_modes_and_links(made: tuple[Checkouts, Code], tmp_path: Path) -> None:
    kept, code = made
    for name in ("one", "two"):
        target = tmp_path / name
        target.mkdir()
        kept.copy(code, target)
        assert (target / "deep/er/data.csv").read_text() == "a\n" * 100_000
        assert os.access(target / "run.sh", os.X_OK)
        assert (target / "out").readlink() == Path("/etc/passwd")
        assert (target / "loop").readlink() == Path()
    (tmp_path / "one/run.sh").write_text("false\n")
    assert (tmp_path / "two/run.sh").read_text() == "true\n", "no job sees another's change"


def test_a_commit_is_written_once(
    made: tuple[Checkouts, Code], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, code = made
    written: list[str] = []
    check_out = Git.check_out

    def seen(source: Git, repository: Path, sha: str, target: Path) -> None:
        written.append(sha)
        check_out(source, repository, sha, target)

    monkeypatch.setattr(Git, "check_out", seen)
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        kept.copy(code, tmp_path / name)
    assert written == [code.sha]


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSPC])
def test_what_the_kernel_cannot_copy_between_file_systems_is_copied_by_hand(
    made: tuple[Checkouts, Code], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(_source: int, _target: int, _count: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "copy_file_range", refused)
    kept, code = made
    target = tmp_path / "one"
    target.mkdir()
    if number == errno.ENOSPC:
        with pytest.raises(OSError, match="No space left") as caught:
            kept.copy(code, target)
        assert caught.value.errno == errno.ENOSPC
    else:
        kept.copy(code, target)
        assert (target / "run.sh").read_text() == "true\n"


def test_old_commits_go_when_there_are_many(
    made: tuple[Checkouts, Code], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, code = made
    monkeypatch.setattr(checkouts, "KEPT", 1)
    folder = next(iter(tmp_path.glob("work"))) / "code/demo-org--study"
    for name, age in (("old", 3), ("young", 0.5)):
        (folder / name).mkdir(parents=True)
        moment = folder.stat().st_mtime - age * checkouts.DAY
        os.utime(folder / name, (moment, moment))
    (tmp_path / "one").mkdir()
    kept.copy(code, tmp_path / "one")
    assert {path.name for path in folder.iterdir()} == {"young", code.sha}
