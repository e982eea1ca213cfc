"""Real git through the proxy: fetching works in every form, pushing and all else does not."""

from __future__ import annotations

import gzip
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from tests.unit.proxy.rig import Rig, git, policy_data, write_policy

from sallyport_proxy.services.git_backend import CONFIGURATION

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("study")]
STUDY = "/demo-org/demo-study"
PACK = {"Content-Type": "application/x-git-upload-pack-request"}
LS_REFS = b"0014command=ls-refs\n0000"


@pytest.mark.parametrize(("version", "suffix"), [("0", ".git"), ("2", "")])
def test_a_clone_works(rig: Rig, tmp_path: Path, version: str, suffix: str) -> None:
    url = rig.url("git", STUDY + suffix)
    git("-c", f"protocol.version={version}", "clone", "--quiet", url, tmp_path / "copy")
    assert (tmp_path / "copy/file.txt").read_text() == "first"


@pytest.mark.parametrize("version", ["0", "2"])
def test_one_commit_is_fetched_as_the_runner_does(rig: Rig, tmp_path: Path, version: str) -> None:
    older = rig.upstreams.study.commit("older")
    rig.upstreams.study.commit("newer")
    git("init", "--quiet", "--bare", tmp_path / "runner.git")
    fetch = ["fetch", "--quiet", "--depth", "1", rig.url("git", STUDY), older]
    git("-C", tmp_path / "runner.git", "-c", f"protocol.version={version}", *fetch)
    shown = git("-C", tmp_path / "runner.git", "show", f"{older}:file.txt")
    assert shown.stdout == "older"


def test_a_new_commit_is_there_at_once(rig: Rig, tmp_path: Path) -> None:
    git("clone", "--quiet", rig.url("git", STUDY), tmp_path / "copy")
    rig.upstreams.study.commit("second")
    git("-C", tmp_path / "copy", "pull", "--quiet")
    assert (tmp_path / "copy/file.txt").read_text() == "second"


def test_the_default_branch_follows_the_forge(rig: Rig, tmp_path: Path) -> None:
    git("clone", "--quiet", rig.url("git", STUDY), tmp_path / "before")
    rig.upstreams.study.commit("renamed", branch="trunk")
    git("-C", rig.upstreams.study.bare, "symbolic-ref", "HEAD", "refs/heads/trunk")
    git("-C", rig.upstreams.study.bare, "update-ref", "-d", "refs/heads/main")
    git("clone", "--quiet", rig.url("git", STUDY), tmp_path / "after")
    assert (tmp_path / "after/file.txt").read_text() == "renamed"


def test_a_push_is_refused_in_words_and_nothing_reaches_the_forge(rig: Rig, tmp_path: Path) -> None:
    git("clone", "--quiet", rig.url("git", STUDY), tmp_path / "copy")
    rig.upstreams.forge.seen.clear()
    git("-C", tmp_path / "copy", "commit", "--quiet", "--allow-empty", "--message", "mine")
    pushed = git("-C", tmp_path / "copy", "push", "origin", "main", check=False)
    assert pushed.returncode != 0
    assert "a push through this proxy is refused" in pushed.stderr
    assert rig.upstreams.saw_nothing()
    assert rig.raw("git", "POST", f"{STUDY}/git-receive-pack", b"0000")[0] == 403
    assert rig.upstreams.saw_nothing()


def test_the_backend_itself_refuses_a_push() -> None:
    """Should the rules ever let one through, git's own switch still applies."""
    assert ("http.receivepack", "false") in CONFIGURATION
    assert ("http.getanyfile", "false") in CONFIGURATION


def test_hidden_references_are_not_shown_and_not_copied(rig: Rig, tmp_path: Path) -> None:
    secret = rig.upstreams.study.commit("pull request", branch="proposal")
    bare = rig.upstreams.study.bare
    git("-C", bare, "update-ref", "refs/pull/1/head", secret)
    git("-C", bare, "update-ref", "-d", "refs/heads/proposal")
    listing = git("ls-remote", rig.url("git", STUDY)).stdout
    assert "refs/heads/main" in listing
    assert "refs/pull" not in listing
    git("init", "--quiet", "--bare", tmp_path / "runner.git")
    fetch = git("-C", tmp_path / "runner.git", "fetch", rig.url("git", STUDY), secret, check=False)
    assert fetch.returncode != 0
    assert git("-C", tmp_path / "runner.git", "fetch", rig.url("git", STUDY), "main")


def test_references_that_a_mirror_holds_beyond_branches_and_tags_stay_hidden(rig: Rig) -> None:
    git("ls-remote", rig.url("git", STUDY))
    mirror = rig.settings.state_directory / "mirrors/demo-org/demo-study.git"
    git("-C", mirror, "update-ref", "refs/pull/1/head", "refs/heads/main")
    assert "refs/pull" not in git("ls-remote", rig.url("git", STUDY)).stdout


def test_the_last_good_copy_serves_while_the_forge_is_down(rig: Rig, tmp_path: Path) -> None:
    git("clone", "--quiet", rig.url("git", STUDY), tmp_path / "before")
    rig.upstreams.forge.down = True
    git("clone", "--quiet", rig.url("git", STUDY), tmp_path / "after")
    assert (tmp_path / "after/file.txt").read_text() == "first"


def test_without_a_copy_a_forge_that_is_down_is_said_plainly(rig: Rig) -> None:
    rig.upstreams.forge.down = True
    answer = git("ls-remote", rig.url("git", STUDY), check=False)
    assert answer.returncode != 0
    status, _, text = rig.raw("git", "GET", f"{STUDY}/info/refs?service=git-upload-pack")
    assert (status, "upstream_error" in text) == (502, True)
    rig.upstreams.forge.down = False
    assert git("ls-remote", rig.url("git", STUDY)).stdout


def test_a_repository_that_the_forge_does_not_have_is_not_found(rig: Rig) -> None:
    address = "/demo-org/demo-missing/info/refs?service=git-upload-pack"
    status, _, text = rig.raw("git", "GET", address)
    assert (status, "not_found" in text) == (404, True)
    assert not list((rig.settings.state_directory / "mirrors").rglob("demo-missing*"))


def test_parallel_clients_cause_one_more_fetch_at_most(rig: Rig) -> None:
    git("ls-remote", rig.url("git", STUDY))
    rig.upstreams.forge.seen.clear()
    rig.upstreams.forge.gate.clear()
    threads = [
        threading.Thread(target=git, args=("ls-remote", rig.url("git", STUDY))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    while not rig.upstreams.forge.seen:
        pass
    threading.Event().wait(0.15)
    rig.upstreams.forge.gate.set()
    for thread in threads:
        thread.join()
    fetches_and_head_look_ups = 2 * 2
    assert rig.upstreams.forge.fetches() <= fetches_and_head_look_ups


class TestCredential:
    """The proxy's own credential goes to the forge; the client's goes nowhere."""

    @pytest.fixture
    def private(self, start_rig: Callable[..., Rig], tmp_path: Path) -> Rig:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets/demo").write_text("reader:c4nary")
        rig = start_rig()
        section = policy_data(rig.upstreams)["git"] | {
            "credentials": {"github.com/demo-org": "demo"}
        }
        write_policy(rig.settings.policy, rig.upstreams, git=section)
        rig.upstreams.forge.password = "needed"
        return rig

    def test_a_private_repository_is_fetched(self, private: Rig, tmp_path: Path) -> None:
        git("clone", "--quiet", private.url("git", STUDY), tmp_path / "copy")
        used = {seen.headers.get("authorization") for seen in private.upstreams.forge.seen}
        assert used == {None, "Basic cmVhZGVyOmM0bmFyeQ=="}

    def test_a_client_credential_is_dropped(self, private: Rig, tmp_path: Path) -> None:
        url = private.url("git", STUDY).replace("://", "://someone:theirs@")
        git("clone", "--quiet", url, tmp_path / "copy")
        assert "c29tZW9uZTp0aGVpcnM=" not in str(private.upstreams.forge.seen)

    def test_without_a_credential_the_log_in_is_named_and_nobody_is_asked(self, rig: Rig) -> None:
        rig.upstreams.forge.password = "needed"
        status, headers, text = rig.raw("git", "GET", f"{STUDY}/info/refs?service=git-upload-pack")
        assert (status, "(login_required)" in text) == (403, True)
        assert "WWW-Authenticate" not in headers

    def test_it_is_written_nowhere(self, private: Rig, tmp_path: Path) -> None:
        git("clone", "--quiet", private.url("git", STUDY), tmp_path / "copy")
        for folder in (private.settings.state_directory, private.settings.cache_directory):
            for path in folder.rglob("*"):
                assert not path.is_file() or b"c4nary" not in path.read_bytes()

    def test_a_redirect_is_not_followed(self, private: Rig) -> None:
        other = private.upstreams.archive
        private.upstreams.forge.redirect = other.origin
        status, _, text = private.raw("git", "GET", f"{STUDY}/info/refs?service=git-upload-pack")
        assert (status, "(moved)" in text) == (410, True)
        assert not other.seen


class TestBodies:
    """What a client may send in a fetch."""

    def test_gzip_is_understood(self, rig: Rig) -> None:
        headers = PACK | {"Content-Encoding": "gzip", "Git-Protocol": "version=2"}
        plain = rig.raw(
            "git", "POST", f"{STUDY}/git-upload-pack", LS_REFS, PACK | {"Git-Protocol": "version=2"}
        )
        packed = rig.raw("git", "POST", f"{STUDY}/git-upload-pack", gzip.compress(LS_REFS), headers)
        assert plain[0] == packed[0] == 200
        assert plain[2] == packed[2]
        assert "refs/heads/main" in packed[2]

    @pytest.mark.parametrize(
        ("body", "status", "reason"),
        [
            (b"x" * (256 * 1024 + 1), 413, "body_limit"),
            (gzip.compress(b"0" * 2_000_000), 413, "body_limit"),
            (b"not gzip", 403, "body_parse"),
            (gzip.compress(LS_REFS)[:-4], 403, "body_parse"),
            (gzip.compress(LS_REFS) + b"more", 403, "body_parse"),
        ],
        ids=["large", "bomb", "not gzip", "cut", "trailing"],
    )
    def test_others_are_refused(self, rig: Rig, body: bytes, status: int, reason: str) -> None:
        headers = PACK | {"Content-Encoding": "gzip", "Git-Protocol": "version=2"}
        answer = rig.raw("git", "POST", f"{STUDY}/git-upload-pack", body, headers)
        assert (answer[0], reason in answer[2]) == (status, True)
        good = gzip.compress(LS_REFS)
        assert rig.raw("git", "POST", f"{STUDY}/git-upload-pack", good, headers)[0] == 200

    def test_chunked_is_understood(self, rig: Rig) -> None:
        headers = PACK | {"Git-Protocol": "version=2"}
        url = rig.url("git", f"{STUDY}/git-upload-pack")
        with requests.Session() as client:
            pieces = iter([LS_REFS[:9], LS_REFS[9:]])
            answer = client.post(url, data=pieces, headers=headers, timeout=20)
            assert "refs/heads/main" in answer.text
            too_much = (b"x" * 65536 for _ in range(5))
            answer = client.post(url, data=too_much, headers=headers, timeout=20)
            assert (answer.status_code, "body_limit" in answer.text) == (413, True)

    def test_a_long_lived_repository_still_negotiates(self, rig: Rig, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        git("clone", "--quiet", rig.url("git", STUDY), copy)
        for number in range(40):
            git("-C", copy, "commit", "--quiet", "--allow-empty", "--message", f"own {number}")
        rig.upstreams.study.commit("upstream moved")
        git("-C", copy, "fetch", "--quiet", "origin")
        moved = git("-C", copy, "log", "-1", "--format=%s", "origin/main").stdout.strip()
        assert moved == "upstream moved"


def test_mirrors_survive_a_restart(start_rig: Callable[..., Rig]) -> None:
    first = start_rig()
    git("ls-remote", first.url("git", STUDY))
    second = start_rig()
    second.upstreams.forge.down = True
    assert "refs/heads/main" in git("ls-remote", second.url("git", STUDY)).stdout
    shutil.rmtree(second.settings.state_directory / "mirrors/demo-org")
    assert git("ls-remote", second.url("git", STUDY), check=False).returncode != 0
