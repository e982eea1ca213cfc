"""What a killed git leaves in a mirror heals by itself; what a live git holds stays."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.proxy.rig import Rig, git

from sallyport_common.closed_git import Fault
from sallyport_common.closed_git.repair import exclusive
from sallyport_proxy.models import Reason
from sallyport_proxy.policy import GitPolicy
from sallyport_proxy.services.mirrors import Mirrors, _Source
from sallyport_study.places import Repository

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("study")]
STUDY = "/demo-org/demo-study"
REFS = f"{STUDY}/info/refs?service=git-upload-pack"
LEFTOVERS = [
    "shallow.lock", "packed-refs.lock", "HEAD.lock", "config.lock", "index.lock",
    "refs/heads/main.lock", "refs/heads/gone.lock", "objects/info/commit-graph.lock",
    "objects/pack/tmp_pack_x1", "objects/ab/tmp_obj_x1",
]  # fmt: skip


def mirror(rig: Rig) -> Path:
    """Return the folder of the study's mirror, after a first fetch."""
    git("ls-remote", rig.url("git", STUDY))
    return rig.settings.state_directory / "mirrors/demo-org/demo-study.git"


def plant(path: Path) -> None:
    """Leave a file as a killed git does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.mark.parametrize("leftover", LEFTOVERS)
def test_leftovers_are_removed_and_the_next_fetch_works(
    start_rig: Callable[..., Rig], leftover: str
) -> None:
    path = mirror(start_rig()) / leftover
    plant(path)
    rig = start_rig()  # a program that was killed starts again
    commit = rig.upstreams.study.commit("newer")
    assert commit in git("ls-remote", rig.url("git", STUDY)).stdout
    assert not path.exists()


@pytest.mark.parametrize("leftover", ["refs/heads/main.lock", "HEAD.lock", "packed-refs.lock"])
def test_a_lock_that_appears_while_the_proxy_runs_heals_too(rig: Rig, leftover: str) -> None:
    path = mirror(rig) / leftover
    plant(path)
    commit = rig.upstreams.study.commit("newer")
    assert commit in git("ls-remote", rig.url("git", STUDY)).stdout
    assert not path.exists()


def test_the_lock_of_a_live_git_stays(rig: Rig) -> None:
    folder = mirror(rig)
    old, new = (git("-C", folder, "rev-parse", "main").stdout.strip(), "")
    with subprocess.Popen(
        ["git", "update-ref", "--stdin"], cwd=folder, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    ) as writer:  # fmt: skip
        assert writer.stdin
        assert writer.stdout
        writer.stdin.write(f"start\nupdate refs/heads/main {old} {old}\nprepare\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "start: ok\n"
        assert writer.stdout.readline() == "prepare: ok\n"
        new = rig.upstreams.study.commit("newer")
        assert new not in git("ls-remote", rig.url("git", STUDY)).stdout
        assert (folder / "refs/heads/main.lock").exists()
        writer.stdin.write("abort\n")
        writer.stdin.close()
        assert writer.wait(20) == 0
    assert new in git("ls-remote", rig.url("git", STUDY)).stdout


def empty(path: Path) -> None:
    """Leave an empty file, as a power cut does."""
    path.chmod(0o644)
    path.write_bytes(b"")


def broken(path: Path) -> None:
    """Change bytes in the middle of a file, as a bad disk does."""
    path.chmod(0o644)
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes(byte ^ 0xFF for byte in data[middle:]))


def damage(folder: Path, kind: str) -> None:
    """Damage a mirror in one way."""
    if kind.endswith("pack"):
        git("-C", folder, "repack", "-a", "-d", "--quiet")
        spoil = {"empty": empty, "broken": broken}[kind.partition(" ")[0]]
        for path in (folder / "objects/pack").glob("*.pack"):
            spoil(path)
    elif kind.endswith("objects"):
        spoil = {"empty": empty, "broken": broken}[kind.partition(" ")[0]]
        for path in (folder / "objects").glob("??/*"):
            spoil(path)
    else:
        empty(folder / kind)


@pytest.mark.parametrize(
    "kind",
    ["HEAD", "config", "refs/heads/main", "empty objects", "empty pack", "broken objects",
     "broken pack"],
)  # fmt: skip
def test_a_damaged_mirror_is_made_again(
    start_rig: Callable[..., Rig], tmp_path: Path, kind: str
) -> None:
    damage(mirror(start_rig()), kind)
    rig = start_rig()
    git("clone", "--quiet", rig.url("git", STUDY), tmp_path / "first", check=False)
    git("clone", "--quiet", rig.url("git", STUDY), tmp_path / "second")
    assert (tmp_path / "second/file.txt").read_text() == "first"


def test_folders_of_an_interrupted_first_fetch_go_with_the_next_start(
    start_rig: Callable[..., Rig],
) -> None:
    folder = start_rig().settings.state_directory / "mirrors"
    (folder / ".new-left").mkdir()
    (folder / ".new-left/repository.git").mkdir()
    start_rig()
    assert not (folder / ".new-left").exists()


def test_a_forge_that_is_away_is_unavailable(rig: Rig) -> None:
    rig.upstreams.forge.close()
    status, _, text = rig.raw("git", "GET", REFS)
    assert (status, "(upstream_unavailable)" in text) == (502, True)


def test_another_process_with_the_mirror_is_waited_for(tmp_path: Path, rig: Rig) -> None:
    policy = GitPolicy("proxy", {"github.com": rig.upstreams.forge.origin}, ())
    mirrors = Mirrors(tmp_path / "own", tmp_path, Path("/dev/null"), 0.5)
    with exclusive(tmp_path / "own/.locks/demo-org__demo-study", 1):
        with pytest.raises(Exception, match="another process") as caught:
            mirrors.refresh(policy, "demo-org/demo-study")
        assert getattr(caught.value, "reason", None) == "locked"
    assert mirrors.refresh(policy, "demo-org/demo-study") == "replica"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.DISK_FULL, "disk_full"),
        (Fault.UNSAFE, "unsafe_objects"),
        (Fault.TLS, "upstream_tls"),
        (Fault.TIMEOUT, "upstream_timeout"),
        (Fault.UNKNOWN, "upstream_unavailable"),
        (Fault.DAMAGED, "upstream_unavailable"),
    ],
)
def test_faults_of_git_become_reasons(tmp_path: Path, fault: Fault, reason: str) -> None:
    policy = GitPolicy("proxy", {"github.com": "https://forge.example"}, ())
    repository = Repository.from_path("demo-org/demo-study")
    source = _Source(policy, repository, tmp_path, tmp_path, 1)
    assert source.refusal(fault).reason is Reason(reason)
