"""A workspace is archived and restored whole, or left as it is, whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tests.unit.runner.killed import moments
from tests.unit.runner.rig import Runner, empty_store

from sallyport_common.protocol import ERROR_ACTION, StatusCode
from sallyport_runner import cli
from sallyport_runner.services.keeping.archives import ArchiveError, Archives

pytestmark = pytest.mark.live


@pytest.fixture
def done(runner: Runner, sha: str) -> Runner:
    """Give a runner whose workspace `ws` has the outputs of both actions."""
    runner.request("a", sha, "table")
    runner.passes(8)
    assert runner.job("table").code is StatusCode.SUCCEEDED
    return runner


def live(runner: Runner) -> dict[str, str]:
    """Return the digest of every file of the workspace, in both trees."""
    return {
        str(path.relative_to(runner.base)): hashlib.sha256(path.read_bytes()).hexdigest()
        for tree in ("high", "medium")
        for path in sorted((runner.base / tree / "workspaces/ws").rglob("*"))
        if path.is_file()
    }


def archives(runner: Runner) -> Archives:
    """Return the archives as another process has them."""
    return Archives(runner.settings, empty_store(runner.settings.workdir))


def test_a_workspace_comes_back_as_it_was(done: Runner, sha: str) -> None:
    before = live(done)
    assert len(before) > 5
    answer = done.parts.archives.archive("ws", "ada")
    assert answer["files"] == len(before)
    assert live(done) == {}
    assert not done.high("").exists()
    content = json.loads((done.base / "high/archives/ws/archive.json").read_text())
    listed = {
        f"{tree}/workspaces/ws/{path}": digest
        for tree, files in content["trees"].items()
        for path, digest in files.items()
    }
    assert listed == before
    done.parts.archives.restore("ws", "ada")
    assert live(done) == before
    assert done.parts.archives.all() == []
    done.request("b", sha, "table")
    done.passes(8)
    actions = [spec.labels["action"] for spec in done.executor.started]
    assert actions == ["make", "table", "table"], "what had succeeded is built on"


def test_the_next_request_says_what_happened(done: Runner, sha: str) -> None:
    done.parts.archives.archive("ws", "ada")
    done.request("b", sha, "table")
    done.request("c", sha, "make", workspace="other")
    done.passes(6)
    job = done.job(ERROR_ACTION)
    assert job.code is StatusCode.INVALID_REQUEST
    assert job.problem.startswith("The workspace 'ws' was archived on 20")
    assert "ask an administrator of this backend to restore it" in job.problem
    assert live(done) == {}
    assert done.job("make").code is StatusCode.SUCCEEDED, "another workspace goes on"


def test_a_request_meanwhile_is_told_to_come_later(done: Runner, sha: str) -> None:
    (done.base / "high/archives/ws.packing").mkdir(parents=True)
    done.request("b", sha, "table")
    done.passes(3)
    assert "being archived or restored; submit again later" in done.job(ERROR_ACTION).problem


def test_it_is_refused_while_a_job_or_a_request_is_active(done: Runner, sha: str) -> None:
    before = live(done)
    done.executor.held = True
    request = done.request("b", sha, "table")
    with pytest.raises(ArchiveError, match="a request that is new"):
        done.parts.archives.archive("ws", "ada")
    done.passes(4)
    with pytest.raises(ArchiveError, match=done.job("table", request).id):
        done.parts.archives.archive("ws", "ada")
    assert live(done) == before
    done.executor.go_on(done.job("table", request).container)
    done.passes(5)
    assert done.parts.archives.archive("ws", "ada")["files"]


def test_what_cannot_be_done_is_said(done: Runner) -> None:
    parts = done.parts.archives
    with pytest.raises(ArchiveError, match="no workspace 'none'"):
        parts.archive("none", "ada")
    with pytest.raises(ArchiveError, match="no archive of the workspace 'ws'"):
        parts.restore("ws", "ada")
    done.high("output/link").symlink_to("raw.csv")
    with pytest.raises(ArchiveError, match="is a link or not a file"):
        parts.archive("ws", "ada")
    assert not (done.base / "high/archives/ws.packing").exists()
    done.high("output/link").unlink()
    parts.archive("ws", "ada")
    with pytest.raises(ArchiveError, match="archived already"):
        parts.archive("ws", "ada")


def test_a_damaged_archive_is_not_restored(done: Runner) -> None:
    done.parts.archives.archive("ws", "ada")
    path = done.base / "high/archives/ws/high.tar.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveError, match=r"high\.tar\.gz cannot be read"):
        done.parts.archives.restore("ws", "ada")
    assert live(done) == {}
    path.write_bytes(whole)
    done.parts.archives.restore("ws", "ada")
    assert live(done)


def test_a_lost_database_does_not_make_an_archived_workspace_live(done: Runner, sha: str) -> None:
    done.parts.archives.archive("ws", "ada")
    for path in done.settings.workdir.glob("runner.sqlite3*"):
        path.unlink()
    done.restart()
    with pytest.raises(ArchiveError, match="does not know its jobs yet"):
        done.parts.archives.restore("ws", "ada")
    done.request("b", sha, "table")
    done.passes(3)
    assert "was archived on" in done.job(ERROR_ACTION).problem


def test_killed_at_any_moment_it_is_live_or_archived(done: Runner) -> None:
    before = live(done)
    ends = set()
    for _moment in moments(lambda: archives(done).archive("ws", "ada"), every=3):
        archives(done).settle()
        found = archives(done).all()
        ends.add(bool(found))
        assert live(done) == ({} if found else before)
        if found:
            archives(done).restore("ws", "ada")
        assert live(done) == before
        assert list((done.base / "high").glob("archives/*")) == []
    assert ends == {True, False}


def test_killed_while_it_is_restored_it_is_live_or_archived(done: Runner) -> None:
    before = live(done)
    done.parts.archives.archive("ws", "ada")
    ends = set()
    for _moment in moments(lambda: archives(done).restore("ws", "ada"), every=3):
        archives(done).settle()
        found = archives(done).all()
        ends.add(bool(found))
        assert live(done) == ({} if found else before)
        if not found:
            archives(done).archive("ws", "ada")
    assert ends == {True, False}


def test_an_operator_types_it(done: Runner, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def say(*words: str) -> str:
        assert cli.main(["--socket", str(path), *words]) == 0
        return capsys.readouterr().out

    number = len(live(done))
    assert say("archive", "ws", "--dry-run") == f"ws: {number} files would be archived.\n"
    assert live(done)
    assert say("archive", "ws") == f"ws: {number} files archived.\n"
    (listed,) = json.loads(say("archives", "--json"))["archives"]
    assert (listed["workspace"], listed["files"]) == ("ws", number)
    assert "WORKSPACE" in say("archives")
    assert json.loads(say("restore", "ws", "--json"))["workspace"] == "ws"
    assert len(live(done)) == number
    assert say("archives") == ""
    with pytest.raises(cli.AdminError, match="no workspace 'none'"):
        say("archive", "none")
    with pytest.raises(cli.AdminError, match="A workspace's name"):
        say("archive", "a workspace")
