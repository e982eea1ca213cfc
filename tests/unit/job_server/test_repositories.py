"""Study repositories: git is asked with care, and what it says becomes a sentence."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from tests.unit.job_server.rig import PROJECT, REPO, Study

from sallyport_job_server.models import Problem
from sallyport_job_server.services import repositories
from sallyport_job_server.services.repositories import Repositories
from sallyport_study import LARGEST_PROJECT_FILE

CA = Path("/etc/ssl/certs/ca-certificates.crt")
UPSTREAM = {"github.com": "https://forge.example/", "code.example": "https://code.example"}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Give a study on a forge that is a folder."""
    return Study(tmp_path)


@pytest.fixture
def local(study: Study) -> Repositories:
    """Give repositories that read from that folder."""
    forge = study.folder.parents[1]
    return Repositories({"github.com": f"file://{forge}"}, ("demo-org",), CA, 20)


def remote(organisations: tuple[str, ...] = ("demo-org",)) -> Repositories:
    """Return repositories on forges that are never asked."""
    return Repositories(UPSTREAM, organisations, CA, 20)


def fake_git(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Put a script in git's place; return the file in which it keeps how it was called."""
    program, calls = folder / "git", folder / "calls"
    program.write_text(
        "#!/usr/bin/python3\nimport json, os, sys, time\n"
        f"with open({str(calls)!r}, 'a') as kept:\n"
        "    print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]), file=kept)\n"
        f"{script}\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(repositories, "GIT", str(program))
    return calls


def test_the_head_of_a_branch_is_its_commit_and_project(local: Repositories, study: Study) -> None:
    first = local.head(REPO, "main")
    assert (first.sha, first.project_yaml) == (study.sha, PROJECT)
    second = study.commit(PROJECT + "# more\n")
    assert local.head(f"{REPO}/", "main").sha == second != first.sha


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (REPO, REPO),
        (f" {REPO}/ ", REPO),
        ("https://code.example/demo-org/a.b-c_D", "https://code.example/demo-org/a.b-c_D"),
        (f"{REPO}.git", f"{REPO}.git"),
    ],
)
def test_an_allowed_address_is_kept_in_its_plain_form(given: str, kept: str) -> None:
    assert remote().check(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "", "demo-org/study", "http://github.com/demo-org/study", "ssh://github.com/demo-org/study",
        "https://user@github.com/demo-org/study", "https://github.com:443/demo-org/study",
        "https://github.com/demo-org", "https://github.com/demo-org/study/more",
        "https://github.com/demo-org/study?x", "https://github.com/demo-org/study#x",
        "https://github.com/-org/study", "https://github.com/demo-org/..", "file:///etc/passwd",
        "ext::sh -c id", "https://GITHUB.com/demo-org/study", "https://github.com/demo-org/a b",
        "https://github.com/demo-org/study\nhttps://github.com/demo-org/x", f"{REPO}\0",
    ],
)  # fmt: skip
def test_an_address_of_another_form_is_refused(given: str) -> None:
    with pytest.raises(Problem, match=r"A repository looks like https://github\.com/ORG"):
        remote().check(given)
    assert remote().check(REPO) == REPO


def test_what_is_declared_is_named_in_the_refusal() -> None:
    with pytest.raises(Problem, match=r"'evil\.example' is not a declared forge; declared: github"):
        remote().check("https://evil.example/demo-org/study")
    with pytest.raises(Problem, match=r"'Demo-Org' is not allowed here; allowed: demo-org, other"):
        remote(("demo-org", "other")).check("https://github.com/Demo-Org/study")
    with pytest.raises(Problem, match=r"allowed: none\."):
        remote(()).check(REPO)
    nowhere = Repositories({}, ("demo-org",), CA, 20)
    with pytest.raises(Problem, match=r"declared: none\."):
        nowhere.check(REPO)


def test_git_is_called_with_nothing_of_the_machine_and_over_one_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch /tmp/x")
    monkeypatch.setenv("JOB_SERVER_SECRET_KEY_FILE", "/etc/secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    calls = fake_git(tmp_path, monkeypatch, "print('0' * 40 if 'rev-parse' in sys.argv else '5')")
    assert remote().head(REPO, "feature/a").sha == "0" * 40
    seen = [json.loads(line) for line in calls.read_text().splitlines()]
    verbs = [words[4] for words, _environment, _folder in seen]
    assert verbs == ["init", "fetch", "rev-parse", "cat-file", "cat-file"]
    fetch = seen[1][0]
    assert fetch[-2:] == ["https://forge.example/demo-org/study", "refs/heads/feature/a"]
    assert "--depth=1" in fetch
    assert "http.followRedirects=false" in fetch
    for _words, environment, folder in seen:
        assert environment["GIT_ALLOW_PROTOCOL"] == "https"
        assert environment["GIT_SSL_CAINFO"] == str(CA)
        assert environment["GIT_CONFIG_SYSTEM"] == environment["GIT_CONFIG_GLOBAL"] == "/dev/null"
        assert environment["GIT_TERMINAL_PROMPT"] == "0"
        assert not {"GIT_SSH_COMMAND", "JOB_SERVER_SECRET_KEY_FILE", "HTTPS_PROXY"} & set(
            environment
        )
        assert not Path(folder).exists()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("fatal: couldn't find remote ref refs/heads/x", r"has no branch 'x'\."),
        ("fatal: repository 'https://a/' not found", r"does not exist, or is not readable here\."),
        ("fatal: could not read Username", r"does not exist, or is not readable here\."),
        (
            "fatal: '/x' does not appear to be a git repository",
            "does not exist, or is not readable",
        ),
        ("SSL certificate problem: unable to get", r"The certificate of the forge of .* cannot be"),
        ("server certificate verification failed", r"The certificate of the forge of .* cannot be"),
        ("fatal: Failed to connect to 10.0.0.1", r"The forge of .* cannot be reached\."),
        ("", r"The forge of .* cannot be reached\."),
    ],
)
def test_what_git_says_becomes_a_sentence_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, sentence: str
) -> None:
    fails = f"if 'fetch' in sys.argv: print({said!r}, file=sys.stderr); sys.exit(128)"
    fake_git(tmp_path, monkeypatch, fails)
    with pytest.raises(Problem, match=sentence) as caught:
        remote().head(REPO, "x")
    assert "10.0.0.1" not in str(caught.value)


def test_a_forge_that_does_not_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(tmp_path, monkeypatch, "if 'fetch' in sys.argv: time.sleep(60)")
    slow = Repositories(UPSTREAM, ("demo-org",), CA, 1)
    with pytest.raises(Problem, match=r"The forge did not answer within 1 seconds\."):
        slow.head(REPO, "main")


def test_a_project_file_that_is_missing_or_too_large_is_said(
    local: Repositories, study: Study
) -> None:
    study.commit("#" * LARGEST_PROJECT_FILE)
    assert len(local.head(REPO, "main").project_yaml) == LARGEST_PROJECT_FILE
    study.commit("#" * (LARGEST_PROJECT_FILE + 1))
    with pytest.raises(Problem, match="is larger than 4194304 bytes"):
        local.head(REPO, "main")
    study.remove_project()
    with pytest.raises(
        Problem, match=r"has no project\.yaml at the head of 'main' \([0-9a-f]{7}\)"
    ):
        local.head(REPO, "main")


def test_a_tag_is_no_branch(local: Repositories, study: Study) -> None:
    tags = study.folder / ".git/refs/tags"
    tags.mkdir(parents=True, exist_ok=True)
    (tags / "v1").write_text(f"{study.sha}\n")
    with pytest.raises(Problem, match="has no branch 'v1'"):
        local.head(REPO, "v1")
    assert local.head(REPO, "main").sha == study.sha
