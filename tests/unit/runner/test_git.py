"""Where the code of a study may come from, and how it is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.runner.rig import Study

from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.git import MAX_FILE, Code, CodeError, Git, _judge, check

ORGANISATIONS = ("demo-org",)
GOOD = ("https://github.com/demo-org/study", "main", "a" * 40)


@pytest.mark.parametrize(
    ("place", "value", "part"),
    [
        (0, "http://github.com/demo-org/study", "must be https://github.com/"),
        (0, "https://github.com/demo-org", "must be https://github.com/"),
        (0, "https://github.com/demo-org/study/x", "must be https://github.com/"),
        (0, "https://github.com/demo-org/study//", "must be https://github.com/"),
        (0, "https://github.com/demo-org/..", "must be https://github.com/"),
        (0, "https://github.com/demo-org/a b", "must be https://github.com/"),
        (0, "https://github.com/demo-org/study?x", "must be https://github.com/"),
        (0, "https://user@github.com/demo-org/study", "must be https://github.com/"),
        (0, "https://github.com:443/demo-org/study", "must be https://github.com/"),
        (0, "https://github.com.evil/demo-org/study", "must be https://github.com/"),
        (0, "https://github.com/demo-org/study\n", "must be https://github.com/"),
        (0, "/srv/study", "must be https://github.com/"),
        (0, "https://github.com/Demo-Org/study", "'Demo-Org' is not allowed"),
        (0, "https://github.com/other/study", "'other' is not allowed"),
        (1, "", "branch is not valid"),
        (1, "-x", "branch is not valid"),
        (1, "a..b", "branch is not valid"),
        (1, "a b", "branch is not valid"),
        (1, "a:b", "branch is not valid"),
        (1, "+a", "branch is not valid"),
        (1, "refs*", "branch is not valid"),
        (2, "", "40 hexadecimal"),
        (2, "a" * 39, "40 hexadecimal"),
        (2, "A" * 40, "40 hexadecimal"),
        (2, "a" * 40 + "\n", "40 hexadecimal"),
        (2, "HEAD", "40 hexadecimal"),
    ],
)
def test_places_of_code_are_checked_in_form(place: int, value: str, part: str) -> None:
    repo, branch, sha = (value if at == place else good for at, good in enumerate(GOOD))
    with pytest.raises(CodeError, match=part):
        check(repo, branch, sha, ORGANISATIONS)
    assert check(*GOOD, ORGANISATIONS)


@pytest.mark.parametrize("branch", ["main", "a/b", "a.b-c_d", "_x", "1"])
def test_good_places(branch: str) -> None:
    code = check("https://github.com/demo-org/study.git/", branch, "a" * 40, ORGANISATIONS)
    assert (code.organisation, code.name, code.branch) == ("demo-org", "study.git", branch)
    with pytest.raises(CodeError, match="not allowed"):
        check("https://github.com/demo-org/study", branch, "a" * 40, ())


# --- fetching ---


@pytest.fixture
def source(tmp_path: Path) -> tuple[Git, list[float]]:
    """Give a git that notes its pauses, over a folder for a forge."""
    pauses: list[float] = []
    made = Git(tmp_path / "repos", f"file://{tmp_path}/forge", tmp_path / "ca.pem", pauses.append)
    return made, pauses


def code(sha: str, branch: str = "main") -> Code:
    """Return a place in the study of the tests."""
    return Code("demo-org", "study", branch, sha)


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("fatal: remote error: upload-pack: not our ref 00", "does not have this commit"),
        ("error: Server does not allow request for unadvertised object 00", "not have this commit"),
        ("fatal: unable to access: The requested URL returned error: 403", "does not exist, or"),
        ("fatal: The requested URL returned error: 404", "does not exist, or"),
        ("fatal: repository 'x' not found", "does not exist, or"),
        ("fatal: unable to access: The requested URL returned error: 503", ""),
        ("fatal: unable to access: Could not resolve host: proxy", ""),
        ("error: RPC failed; curl 56 GnuTLS recv error (-9)", ""),
        ("", ""),
    ],
)
def test_only_answers_that_cannot_change_are_final(said: str, part: str) -> None:
    if part:
        with pytest.raises(CodeError, match=part):
            _judge(said)
    else:
        _judge(said)


def test_a_proxy_that_is_away_is_left_to_the_run_loop(tmp_path: Path) -> None:
    pauses: list[float] = []
    away = Git(tmp_path / "repos", "http://127.0.0.1:9", tmp_path / "ca.pem", pauses.append)
    with pytest.raises(TransientError, match="git ls-remote ended with 128"):
        away.fetch(code("0" * 40))
    assert pauses == []  # the run loop tries again


def test_another_scheme_than_the_proxys_is_never_spoken(tmp_path: Path) -> None:
    study = Study(tmp_path / "forge")
    sha = study.make()
    other = Git(tmp_path / "repos", f"file://{tmp_path}/forge", tmp_path / "ca.pem")
    other._environment["GIT_ALLOW_PROTOCOL"] = "https"
    with pytest.raises(TransientError):
        other._git(["ls-remote", other._url(code(sha))])
    other._environment["GIT_ALLOW_PROTOCOL"] = "file"  # the control
    assert sha in other._git(["ls-remote", other._url(code(sha))]).decode()


def test_files_of_a_commit_are_text_of_sensible_size(
    source: tuple[Git, list[float]], tmp_path: Path
) -> None:
    git, pauses = source
    study = Study(tmp_path / "forge")
    study.make()
    (study.path / "binary").write_bytes(b"\xff\xfe")
    sha = study.commit({"large": "x" * (MAX_FILE + 1), "good": "é\n"})
    repository = git.fetch(code(sha))
    assert git.read(repository, sha, "good") == "é\n"
    for name, part in (("none", "There is no"), ("large", "too large"), ("binary", "not text")):
        with pytest.raises(CodeError, match=part):
            git.read(repository, sha, name)
    with pytest.raises(CodeError, match="no branch 'other'"):
        git.fetch(code(sha, "other"))
    assert pauses == []


def test_an_interrupted_fetch_is_made_again(
    source: tuple[Git, list[float]], tmp_path: Path
) -> None:
    git, _pauses = source
    sha = Study(tmp_path / "forge").make()
    (tmp_path / "repos/demo-org__study.git").mkdir(parents=True)  # made, and never initialised
    repository = git.fetch(code(sha))
    git._git(["tag", "--delete", f"fetched/{sha}"], repository)  # fetched, and never marked
    git.fetch(code(sha))
    target = tmp_path / "out"
    target.mkdir()
    git.check_out(repository, sha, target)
    assert (target / "make.py").read_text() == "pass\n"
    assert not (target / ".git").exists()


def test_hooks_and_settings_of_a_study_have_no_effect(
    source: tuple[Git, list[float]], tmp_path: Path
) -> None:
    git, _pauses = source
    study = Study(tmp_path / "forge")
    study.make()
    (study.path / "link").symlink_to("/etc/hostname")
    sha = study.commit({".gitattributes": "*.py filter=evil export-ignore\n", ".lfsconfig": "x\n"})
    target = tmp_path / "out"
    target.mkdir()
    git.check_out(git.fetch(code(sha)), sha, target)
    assert (target / "link").is_symlink()
    assert (target / "make.py").read_text() == "pass\n"
