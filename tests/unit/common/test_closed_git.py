"""git for programs: what it is told, how it ends, and what its messages mean."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from sallyport_common.closed_git import ClosedGit, Copies, Credential, Fault, GitError, classify
from sallyport_common.closed_git import process as module
from sallyport_common.closed_git.repair import State, heal

URL = "https://forge.example/demo-org/study/"
ACCESS = f"fatal: unable to access '{URL}': "
RETURNED = f"{ACCESS}The requested URL returned error: "

MESSAGES = [
    (f"{RETURNED}401", Fault.LOGIN_REQUIRED),
    ("fatal: could not read Username for 'https://forge.example': terminal prompts disabled",
     Fault.LOGIN_REQUIRED),
    (f"fatal: Authentication failed for '{URL}'", Fault.LOGIN_REQUIRED),
    (f"{RETURNED}403", Fault.FORBIDDEN),
    (f"{RETURNED}451", Fault.FORBIDDEN),
    (f"fatal: repository '{URL}' not found", Fault.NOT_FOUND),
    (f"{RETURNED}410", Fault.NOT_FOUND),
    ("fatal: '/x' does not appear to be a git repository\nfatal: Could not read from remote "
     "repository.", Fault.NOT_FOUND),
    (f"{RETURNED}301", Fault.MOVED),
    (f"{RETURNED}308", Fault.MOVED),
    ("fatal: unable to update url base from redirection:", Fault.MOVED),
    (f"{RETURNED}429", Fault.RATE_LIMITED),
    ("error: RPC failed; HTTP 429 curl 22 The requested URL returned error: 429",
     Fault.RATE_LIMITED),
    (f"{RETURNED}500", Fault.SERVER_ERROR),
    (f"{RETURNED}503", Fault.SERVER_ERROR),
    (f"{RETURNED}504", Fault.TIMEOUT),
    (f"{ACCESS}Operation too slow. Less than 100 bytes/sec transferred the last 120 seconds",
     Fault.TIMEOUT),
    (f"{ACCESS}Failed to connect to forge.example port 443: Connection timed out", Fault.TIMEOUT),
    (f"{ACCESS}Could not resolve host: forge.example", Fault.UNAVAILABLE),
    (f"{ACCESS}Failed to connect to forge.example port 443: Connection refused",
     Fault.UNAVAILABLE),
    (f"{ACCESS}gnutls_handshake() failed: The TLS connection was non-properly terminated.",
     Fault.UNAVAILABLE),
    ("error: RPC failed; curl 56 GnuTLS recv error (-9)\nfatal: early EOF", Fault.UNAVAILABLE),
    ("fatal: the remote end hung up unexpectedly", Fault.UNAVAILABLE),
    (f"{ACCESS}server certificate verification failed. CAfile: x", Fault.TLS),
    (f"{ACCESS}SSL certificate problem: certificate has expired", Fault.TLS),
    ("fatal: couldn't find remote ref refs/heads/x", Fault.NO_BRANCH),
    ("fatal: remote error: upload-pack: not our ref 00", Fault.NO_COMMIT),
    ("error: Server does not allow request for unadvertised object 00", Fault.NO_COMMIT),
    ("fatal: path 'x' does not exist in '00'", Fault.NO_FILE),
    ("error: object 00: zeroPaddedFilemode: contains zero-padded file modes\n"
     "fatal: fsck error in packed object\nfatal: fetch-pack: invalid index-pack output",
     Fault.UNSAFE),
    ("fatal: Unable to create '/r/shallow.lock': File exists.\n\nAnother git process seems to be "
     "running in this repository", Fault.LOCKED),
    ("error: cannot lock ref 'refs/heads/main': Unable to create '/r/refs/heads/main.lock': File "
     "exists.", Fault.LOCKED),
    ("error: cannot lock ref 'refs/heads/main': unable to resolve reference 'refs/heads/main': "
     "reference broken", Fault.DAMAGED),
    ("error: object file /r/objects/ab/cd is empty\nfatal: loose object abcd (stored in /r) is "
     "corrupt", Fault.DAMAGED),
    ("fatal: not a git repository: '/r'", Fault.DAMAGED),
    ("fatal: bad config line 1 in file /r/config", Fault.DAMAGED),
    ("error: wrong index v2 file size in /r/x.idx\nfatal: reference is not a tree: 00",
     Fault.DAMAGED),
    ("error: git upload-pack: git-pack-objects died with error.", Fault.DAMAGED),
    ("fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output",
     Fault.DISK_FULL),
    ("fatal: transport 'ftp' not allowed", Fault.UNKNOWN),
    ("", Fault.UNKNOWN),
    # Words of the server, and names that look like messages, do not count.
    (f"remote: not our ref\nremote: certificate\n{RETURNED}404", Fault.NOT_FOUND),
    ("fatal: unable to access 'https://f.example/o/certificate/': The requested URL returned "
     "error: 503", Fault.SERVER_ERROR),
    # The proxy's own reason counts most.
    (f"remote: Sallyport proxy: the upstream asks (login_required)\n{RETURNED}403",
     Fault.LOGIN_REQUIRED),
    (f"remote: Sallyport proxy: it has moved: https://a.example/b/c (moved)\n{RETURNED}410",
     Fault.MOVED),
    (f"remote: Sallyport proxy: a reason of its own (path_shape)\n{RETURNED}403",
     Fault.FORBIDDEN),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fault"), MESSAGES)
def test_each_message_of_git_has_its_fault(text: str, fault: Fault) -> None:
    assert classify(text) is fault


def test_every_fault_has_a_sentence_and_the_unknown_is_retried() -> None:
    for fault in Fault:
        assert fault.sentence.endswith("."), fault
        assert "{" not in fault.sentence, "a sentence is fixed"
    assert {fault for _text, fault in MESSAGES} | {
        Fault.ORG_NOT_ALLOWED, Fault.REPO_NOT_ALLOWED, Fault.FORGE_UNKNOWN, Fault.CLIENT_UNKNOWN,
    } == set(Fault)  # fmt: skip
    assert Fault.UNKNOWN.transient
    assert not Fault.MOVED.transient


def git(folder: Path, timeout: float = 20) -> ClosedGit:
    """Return a git that may read files only."""
    return ClosedGit(folder / "ca.pem", timeout, ("file",))


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a script in git's place."""
    path = folder / "git"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(module, "GIT", str(path))


def test_git_has_a_fixed_environment_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", "x")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    (tmp_path / "secret").write_text("reader:c4nary")
    program(tmp_path, monkeypatch, 'printf "%s\\n" "$@"; env')
    credential = Credential("https://forge.example", tmp_path / "secret")
    shown = git(tmp_path).run("ls-remote", URL, credential=credential).decode()
    assert "c4nary" not in shown
    assert f"SALLYPORT_CREDENTIAL={tmp_path}/secret" in shown
    assert "GIT_SSH_COMMAND" not in shown
    assert "GIT_DIR" not in shown
    lines = {
        "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0",
        "GIT_ALLOW_PROTOCOL=file", "HOME=/nonexistent", "LC_ALL=C",
    }  # fmt: skip
    assert lines <= set(shown.splitlines())
    for value in ("transfer.credentialsInUrl", "core.hooksPath", "fetch.fsck.badTimezone"):
        assert f"={value}" in shown


def test_a_credential_in_a_url_is_refused(tmp_path: Path) -> None:
    secure = ClosedGit(tmp_path / "ca.pem", 20, ("http",))
    with pytest.raises(GitError) as caught:
        secure.run("ls-remote", "http://user:word@127.0.0.1:9/x")
    assert caught.value.fault is Fault.UNKNOWN, "git ends before it connects"
    with pytest.raises(GitError) as caught:
        secure.run("ls-remote", "http://127.0.0.1:9/x")
    assert caught.value.fault is Fault.UNAVAILABLE


def test_the_time_limit_ends_the_children_of_git_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, f"sleep 60 & echo $! > {tmp_path}/child; wait")
    started = time.monotonic()
    with pytest.raises(GitError) as caught:
        git(tmp_path, timeout=0.5).run("fetch")
    assert caught.value.fault is Fault.TIMEOUT
    assert time.monotonic() - started < 10
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}/stat").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{child}/stat").exists()


# --- copies ---


def bare(path: Path) -> Path:
    """Make a repository with one commit on `main`."""
    work = path.parent / f"{path.name}-work"
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (
        ["init", "--quiet", "--initial-branch=main", str(work)],
        ["-C", str(work), *identity, "commit", "--quiet", "--allow-empty", "-m", "x"],
        ["clone", "--quiet", "--bare", str(work), str(path)],
    ):
        subprocess.run(["git", *words], check=True, capture_output=True)
    (path / "refs/heads/loose").write_text((work / ".git/refs/heads/main").read_text())
    return path


@pytest.mark.parametrize(
    "name",
    ["HEAD.lock", "config.lock", "index.lock", "packed-refs.lock", "shallow.lock",
     "refs/heads/a/b.lock", "objects/pack/x.lock", "objects/pack/tmp_pack_x",
     "objects/pack/.tmp-1-pack-x.pack", "objects/00/tmp_obj_x", "objects/tmp_objdir-in-x/y"],
)  # fmt: skip
def test_leftovers_are_removed(tmp_path: Path, name: str) -> None:
    repository = bare(tmp_path / "r.git")
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert heal(repository, thorough=True) is State.SOUND
    assert not path.exists()


@pytest.mark.parametrize("name", ["refs/heads/tmp_x", "refs/tags/tmp-1", "refs/heads/block"])
def test_a_reference_that_looks_like_a_leftover_stays(tmp_path: Path, name: str) -> None:
    repository = bare(tmp_path / "r.git")
    (repository / name).write_bytes((repository / "refs/heads/loose").read_bytes())
    assert heal(repository, thorough=True) is State.SOUND
    assert (repository / name).exists()


@pytest.mark.parametrize(
    ("name", "content", "state"),
    [
        ("HEAD", b"", State.DAMAGED),
        ("HEAD", b"\0\0\0\0", State.DAMAGED),
        ("config", b"", State.DAMAGED),
        ("shallow", b"", State.DAMAGED),
        ("objects/pack/x.pack", b"", State.DAMAGED),
        ("objects/00/" + "1" * 38, b"", State.DAMAGED),
        ("objects/pack/x.keep", b"", State.SOUND),
        ("refs/heads/loose", b"", State.SOUND),
        ("refs/heads/loose", b"\0" * 41, State.SOUND),
        ("refs/heads/loose", b"ref: refs/heads/main\n", State.SOUND),
    ],
)
def test_what_a_power_cut_leaves_is_seen(
    tmp_path: Path, name: str, content: bytes, state: State
) -> None:
    repository = bare(tmp_path / "r.git")
    assert heal(repository, thorough=True) is State.SOUND
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    assert heal(repository, thorough=True) is state
    if name.startswith("refs/"):
        assert path.exists() is content.startswith(b"ref:"), "a broken reference is removed"


def test_a_missing_part_is_damage_and_nothing_is_absence(tmp_path: Path) -> None:
    repository = bare(tmp_path / "r.git")
    assert heal(tmp_path / "none.git", thorough=False) is State.ABSENT
    (repository / "HEAD").unlink()
    assert heal(repository, thorough=False) is State.DAMAGED


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = Copies(tmp_path, 5), Copies(tmp_path, 0.3)
    with first.hold("demo-org/study") as copy:
        assert copy.state is State.ABSENT
        with pytest.raises(GitError) as caught, second.hold("Demo-Org/Study"):
            pass
        assert caught.value.fault is Fault.LOCKED
        with second.hold("demo-org/other"):
            pass
    with second.hold("demo-org/study"):
        pass


def test_a_scratch_folder_in_use_is_not_swept(tmp_path: Path) -> None:
    copies = Copies(tmp_path, 5)
    (tmp_path / ".new-left").mkdir()
    with copies.scratch() as folder:
        Copies(tmp_path, 5)
        assert folder.exists()
    assert not (tmp_path / ".new-left").exists()
    assert not folder.exists()
