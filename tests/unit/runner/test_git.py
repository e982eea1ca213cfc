"""Where the code of a study may come from, and how it is fetched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.unit.proxy.doubles import Forge, Reply
from tests.unit.runner.rig import Study

from sallyport_common.closed_git import Fault
from sallyport_runner.services import git as module
from sallyport_runner.services.git import Code, CodeError, CodeUnavailableError, Git, check
from sallyport_study.places import Repository

ORGANISATIONS = ("demo-org",)
GOOD = ("https://github.com/demo-org/study", "main", "a" * 40)
STUDY = Repository.parse(GOOD[0])


@pytest.mark.parametrize(
    ("place", "value", "part"),
    [
        (0, "http://github.com/demo-org/study", "The URL needs https, a host, an organisation"),
        (0, "https://github.com/demo-org/..", "A repository's name has"),
        (0, "https://github.com:443/demo-org/study", "without a user name or a port"),
        (0, "https://github.com/-x/study", "An organisation's name has"),
        (0, "https://github.com/other/study", "does not run repositories of this organisation"),
        (1, "a..b", "The name of the branch must not contain"),
        (1, "-x", "The name of the branch must not start with '-'"),
        (2, "HEAD", "A commit is named by 40 hexadecimal digits"),
    ],
)
def test_where_code_is_from_is_checked_in_form(place: int, value: str, part: str) -> None:
    repo, branch, sha = (value if at == place else good for at, good in enumerate(GOOD))
    with pytest.raises(CodeError, match=part) as caught:
        check(repo, branch, sha, ORGANISATIONS)
    assert value not in str(caught.value), "the sentences are fixed, as they may leave"
    assert check(*GOOD, ORGANISATIONS) == Code(STUDY, "main", "a" * 40)
    with pytest.raises(CodeError, match="does not run repositories"):
        check(*GOOD, ())


# --- fetching ---


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Give a study on a forge that is a folder."""
    made = Study(tmp_path / "forge")
    made.make()
    return made


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """Give a git over that folder."""
    return start(tmp_path)


def start(folder: Path, proxy: str = "") -> Git:
    """Return a git as a new process of the runner has it."""
    return Git(folder / "repos", proxy or f"file://{folder}/forge", folder / "ca.pem", 30)


def code(sha: str, branch: str = "main") -> Code:
    """Return a commit of the study of the tests."""
    return Code(STUDY, branch, sha)


def copy_of(folder: Path) -> Path:
    """Return where the runner keeps the study."""
    return folder / "repos/demo-org/study.git"


def test_a_proxy_that_is_away_is_a_fault_for_later_and_nothing_sleeps(tmp_path: Path) -> None:
    away = start(tmp_path, "http://127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(CodeUnavailableError, match="The forge could not be reached"):
        away.fetch(code("0" * 40))
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    ("status", "body", "kind", "fault"),
    [
        (401, "", CodeError, Fault.LOGIN_REQUIRED),
        (403, "", CodeError, Fault.FORBIDDEN),
        (404, "", CodeError, Fault.NOT_FOUND),
        (301, "", CodeError, Fault.MOVED),
        (429, "", CodeUnavailableError, Fault.RATE_LIMITED),
        (502, "", CodeUnavailableError, Fault.SERVER_ERROR),
        (403, "Sallyport proxy: x (login_required)\n", CodeError, Fault.LOGIN_REQUIRED),
        (410, "Sallyport proxy: x (moved)\n", CodeError, Fault.MOVED),
        (502, "Sallyport proxy: x (unsafe_objects)\n", CodeError, Fault.UNSAFE),
        (502, "Sallyport proxy: x (upstream_tls)\n", CodeUnavailableError, Fault.TLS),
        (403, "Sallyport proxy: x (org_not_allowed)\n", CodeError, Fault.ORG_NOT_ALLOWED),
        (403, "Sallyport proxy: x (forge_unknown)\n", CodeError, Fault.FORGE_UNKNOWN),
        (403, "Sallyport proxy: x (client_unknown)\n", CodeError, Fault.CLIENT_UNKNOWN),
    ],
)
def test_each_answer_of_the_proxy_has_its_sentence(
    tmp_path: Path, status: int, body: str, kind: type[Exception], fault: Fault
) -> None:
    proxy = Forge(tmp_path / "forge")
    try:
        headers = {"Content-Type": "text/plain; charset=utf-8", "Location": "https://a.example/"}
        proxy.answer = Reply(status, headers, body.encode())
        with pytest.raises(kind) as caught:
            start(tmp_path, proxy.origin).fetch(code("0" * 40))
        assert str(caught.value) == fault.sentence
    finally:
        proxy.close()


MOVED = "The repository has moved to https://code.example/new-org/study. Use the new URL."
LONG = "https://code.example/new-org/"


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("https://code.example/new-org/study", MOVED),
        ("https://code.example/new-org/study.git/", MOVED),
        ("http://code.example/new-org/study", ""),
        ("https://user:word@code.example/new-org/study", ""),
        ("https://user@code.example/new-org/study", ""),
        ("https://code.example:8443/new-org/study", ""),
        ("https://code.example/new-org/study?token=x", ""),
        ("https://code.example/new-org/study#x", ""),
        ("https://code.example/new-org/<b>", ""),
        ("https://code.example/new-org/stu\x1bdy", ""),
        ("https://code.example/new-org/stu\u2028dy", ""),
        ("https://code.example/new-org/study x", ""),
        (f"{LONG}{'x' * 100}", f"The repository has moved to {LONG}{'x' * 100}. Use the new URL."),
        (f"{LONG}{'x' * 101}", ""),
        (f"https://{'x' * 201}/new-org/study", ""),
    ],
)
def test_a_moved_repository_names_its_new_url_if_it_is_one(
    tmp_path: Path, location: str, sentence: str
) -> None:
    proxy = Forge(tmp_path / "forge")
    try:
        body = f"Sallyport proxy: it has moved; use its new URL: {location} (moved)\n"
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        proxy.answer = Reply(410, headers, body.encode())
        with pytest.raises(CodeError) as caught:
            start(tmp_path, proxy.origin).fetch(code("0" * 40))
        assert str(caught.value) == (sentence or Fault.MOVED.sentence)
    finally:
        proxy.close()


def test_another_scheme_than_the_proxys_is_never_spoken(tmp_path: Path, study: Study) -> None:
    other = start(tmp_path)
    other._proxy = f"http://127.0.0.1:9/{tmp_path}"
    with pytest.raises(CodeUnavailableError, match="a reason that is not known"):
        other.fetch(code(study.head))
    assert start(tmp_path).fetch(code(study.head))


def test_files_of_a_commit_are_of_sensible_size(
    git: Git, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FILE", 1000)
    sha = study.commit({"large": "x" * 1001, "good": "é\n", "full": "x" * 1000})
    repository = git.fetch(code(sha))
    assert git.read(repository, sha, "good").decode() == "é\n"
    assert len(git.read(repository, sha, "full")) == 1000
    for name, part in (("none", "does not contain the file"), ("large", "larger than 4 MiB")):
        with pytest.raises(CodeError, match=part):
            git.read(repository, sha, name)


def test_the_branch_is_compared_by_its_whole_name(git: Git, study: Study) -> None:
    study.git("checkout", "--quiet", "-b", "refs/heads/z")
    other = study.commit({"x": "1"})
    study.git("checkout", "--quiet", "-b", "z", "main")
    sha = study.commit({"x": "2"})
    assert git.fetch(code(sha, "z"))
    with pytest.raises(CodeError, match="The commit is not on the branch"):
        git.fetch(code(other, "z"))
    with pytest.raises(CodeError, match="does not have this branch"):
        git.fetch(code(sha, "other"))


@pytest.mark.parametrize("branch", ["feature+x", "fix/#12", "user@x", "größe", "日本"])
def test_a_branch_of_any_valid_name_is_fetched(git: Git, study: Study, branch: str) -> None:
    study.git("checkout", "--quiet", "-b", branch)
    first = study.commit({"x": "1"})
    study.commit({"x": "2"})
    assert git.fetch(code(first, branch))


def test_a_branch_may_take_the_place_of_a_folder_of_branches(git: Git, study: Study) -> None:
    first = study.head
    study.git("checkout", "--quiet", "-b", "a")
    study.commit({"x": "1"})
    assert git.fetch(code(first, "a"))
    study.git("branch", "-m", "a", "a/b")
    assert git.fetch(code(first, "a/b"))


def test_another_forge_has_another_path_at_the_proxy(tmp_path: Path) -> None:
    study = Study(tmp_path / "forge/code.example")
    sha = study.make()
    elsewhere = Repository.parse("https://code.example/demo-org/study")
    assert start(tmp_path).fetch(Code(elsewhere, "main", sha))
    assert (tmp_path / "repos/code.example/demo-org/study.git/HEAD").exists()


# --- leftovers and damage ---


@pytest.mark.parametrize(
    "leftover",
    ["shallow.lock", "packed-refs.lock", "HEAD.lock", "config.lock", "index.lock",
     "refs/heads/checked.lock", "refs/tags/fetched/{sha}.lock", "objects/pack/tmp_pack_x"],
)  # fmt: skip
@pytest.mark.parametrize("restarted", [True, False])
def test_what_a_killed_git_left_is_removed(
    git: Git, study: Study, tmp_path: Path, leftover: str, restarted: bool
) -> None:
    git.fetch(code(study.head))
    first = study.commit({"x": "1"})
    study.commit({"x": "2"})
    path = copy_of(tmp_path) / leftover.format(sha=first)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert (start(tmp_path) if restarted else git).fetch(code(first))
    assert not path.exists()


@pytest.mark.live
def test_a_git_that_outlives_a_killed_runner_keeps_its_lock(tmp_path: Path, study: Study) -> None:
    """The runner is killed while its git fetches from a forge that has stopped answering."""
    proxy = Forge(tmp_path / "forge")
    proxy.gate.clear()
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from tests.unit.runner.test_git import code, start\n"
        "from sallyport_common.closed_git import repair\n"
        "runner = start(Path(sys.argv[1]), sys.argv[2])\n"
        "with runner._copies.hold('demo-org/study') as copy:\n"
        "    print(flush=True)\n"
        "    runner._git.run('ls-remote', sys.argv[2] + '/demo-org/study', lock=copy.lock)\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path), proxy.origin]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    try:
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=env) as killed:
            assert killed.stdout
            killed.stdout.readline()
            while not proxy.seen:
                time.sleep(0.02)
            killed.send_signal(signal.SIGKILL)
        again = Git(tmp_path / "repos", f"file://{tmp_path}/forge", tmp_path / "ca.pem", 0.5)
        with pytest.raises(CodeUnavailableError, match="locked by another git process"):
            again.fetch(code(study.head))
        proxy.gate.set()
        assert start(tmp_path).fetch(code(study.head))
    finally:
        proxy.close()


@pytest.mark.parametrize("name", ["HEAD", "config", "refs/tags/fetched/{sha}", "objects", "all"])
def test_a_damaged_repository_is_made_again(
    git: Git, study: Study, tmp_path: Path, name: str
) -> None:
    sha = study.head
    git.fetch(code(sha))
    repository = copy_of(tmp_path)
    if name == "objects":
        damaged = [path for path in (repository / "objects").rglob("*") if path.is_file()]
    else:
        damaged = [repository / name.format(sha=sha)] if name != "all" else []
    for path in damaged:
        path.chmod(0o644)
        path.write_bytes(b"")
    if name == "all":
        (repository / "HEAD").unlink()
    again = start(tmp_path)
    assert again.read(again.fetch(code(sha)), sha, "make.py") == b"pass\n"


def test_an_object_that_breaks_while_the_runner_runs_is_fetched_again(
    git: Git, study: Study, tmp_path: Path
) -> None:
    sha = study.head
    repository = git.fetch(code(sha))
    for path in (repository / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:-9])
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(CodeUnavailableError, match="damaged and has to be fetched again"):
        git.check_out(repository, sha, target)
    git.check_out(git.fetch(code(sha)), sha, target)
    assert (target / "make.py").read_text() == "pass\n"


def test_an_interrupted_fetch_is_repeated(git: Git, study: Study, tmp_path: Path) -> None:
    sha = study.head
    copy_of(tmp_path).mkdir(parents=True)  # made, and never initialised
    repository = git.fetch(code(sha))
    (repository / f"refs/tags/fetched/{sha}").unlink()  # fetched, and never marked
    git.fetch(code(sha))
    target = tmp_path / "out"
    target.mkdir()
    git.check_out(repository, sha, target)
    assert (target / "make.py").read_text() == "pass\n"
    assert not (target / ".git").exists()


def test_hooks_and_settings_of_a_study_have_no_effect(
    git: Git, study: Study, tmp_path: Path
) -> None:
    (study.path / "link").symlink_to("/etc/hostname")
    sha = study.commit({".gitattributes": "*.py filter=evil export-ignore\n", ".lfsconfig": "x\n"})
    target = tmp_path / "out"
    target.mkdir()
    git.check_out(git.fetch(code(sha)), sha, target)
    assert (target / "link").is_symlink()
    assert (target / "make.py").read_text() == "pass\n"
