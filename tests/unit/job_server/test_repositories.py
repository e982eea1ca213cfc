"""Study repositories: git is asked with care, and what it says becomes a sentence."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.job_server.rig import CSRF, PROJECT, REPO, Rig, Study
from tests.unit.proxy.doubles import Forge, Reply

from sallyport_common.closed_git import process
from sallyport_common.problems import Problem
from sallyport_job_server.services import repositories
from sallyport_job_server.services.directory import Directory
from sallyport_job_server.services.repositories import Repositories

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
        "    print(json.dumps([sys.argv[1:], dict(os.environ)]), file=kept)\n"
        f"{script}\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(process, "GIT", str(program))
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
        (f"{REPO}.git", REPO),
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
    with pytest.raises(Problem, match=r"'third' is not allowed here; allowed: demo-org, other"):
        remote(("demo-org", "other")).check("https://github.com/third/study")
    assert remote(("demo-org", "other")).check("https://github.com/Demo-Org/study")
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
    verbs = [next(word for word in words if word[0] != "-") for words, _environment in seen]
    assert verbs == ["init", "fetch", "rev-parse", "cat-file", "cat-file"]
    fetch = seen[1][0]
    assert fetch[-2:] == ["https://forge.example/demo-org/study", "refs/heads/feature/a"]
    assert "--depth=1" in fetch
    for words, environment in seen:
        assert environment["GIT_ALLOW_PROTOCOL"] == "https"
        assert environment["GIT_SSL_CAINFO"] == str(CA)
        assert not {"GIT_SSH_COMMAND", "JOB_SERVER_SECRET_KEY_FILE", "HTTPS_PROXY"} & set(
            environment
        )
        folders = [word.removeprefix("--git-dir=") for word in words if "--git-dir=" in word]
        assert not any(Path(folder).parent.exists() for folder in folders)
    assert all("--git-dir=" in words[0] for words, _environment in seen[1:])


# --- a forge that speaks HTTP ---


@pytest.fixture
def forge(study: Study) -> Iterator[Forge]:
    """Give the forge of the study as a server, as a public one is."""
    double = Forge(study.folder.parents[1])
    git = study.folder / ".git"
    git.rename(study.folder.parent / "study.git")  # as forges serve it
    yield double
    double.close()


def over_http(forge: Forge, **credentials: str) -> Repositories:
    """Return repositories that read from that server."""
    files = {key.replace("__", "/").replace("_", "."): value for key, value in credentials.items()}
    forges = {"github.com": forge.origin, "code.example": "https://code.example"}
    return Repositories(forges, ("demo-org",), CA, 20, files)


ANSWERS = [
    (401, "The forge asks for a log-in (401)", False),
    (403, "The forge denies access to the repository (403)", False),
    (404, "The forge has no such repository (404)", False),
    (301, "The repository has moved. Use its new URL.", False),
    (429, "The forge limits how often this site may ask it (429)", True),
    (500, "The forge reports an internal error (5xx)", True),
    (503, "The forge reports an internal error (5xx)", True),
]


@pytest.mark.parametrize(("status", "sentence", "later"), ANSWERS)
def test_each_answer_of_a_forge_has_its_sentence(
    forge: Forge, status: int, sentence: str, later: bool
) -> None:
    repositories = over_http(forge)
    assert repositories.head(REPO, "main").sha
    repositories.check_readable(REPO)
    forge.answer = Reply(status, {"Location": "https://elsewhere.example/x"})
    with pytest.raises(Problem) as caught:
        repositories.head(REPO, "main")
    assert str(caught.value).startswith(f"{REPO} could not be read. {sentence}")
    if later:
        repositories.check_readable(REPO)  # a workspace is made although it is unavailable
    else:
        with pytest.raises(Problem, match=REPO):
            repositories.check_readable(REPO)


PERMANENT = [(status, sentence) for status, sentence, later in ANSWERS if not later]


@pytest.mark.parametrize(("status", "sentence"), PERMANENT)
def test_a_workspace_of_an_unreadable_repository_is_refused_with_the_reason(
    rig: Rig, forge: Forge, monkeypatch: pytest.MonkeyPatch, status: int, sentence: str
) -> None:
    """On the page and by the API; as soon as the forge gives the repository, it is created."""
    directory = Directory(rig.services.database, over_http(forge))
    monkeypatch.setitem(rig.app.extensions, "sallyport", replace(rig.services, directory=directory))
    form = {"name": "lungs", "repo": REPO, "branch": "main"}
    body, url = form | {"project": "cardiology"}, "/projects/cardiology/workspaces/"
    browser = rig.browser("rita")
    forge.answer = Reply(status, {"Location": "https://elsewhere.example/x"})
    page = browser.send(url, form | {"csrf_token": CSRF})
    answer = rig.api("POST", "/workspaces", "rita", body)
    assert (page.status_code, answer.status_code) == (400, 400)
    assert f"{REPO} could not be read. {sentence}" in page.text
    assert (answer.json or {})["detail"].startswith(f"{REPO} could not be read. {sentence}")
    assert browser.get("/workspaces/lungs/").status_code == 404
    forge.answer = None
    assert browser.send(url, form | {"csrf_token": CSRF}).status_code == 302
    assert rig.api("POST", "/workspaces", "rita", body | {"name": "hearts"}).status_code == 201
    assert browser.get("/workspaces/lungs/").status_code == 200


def test_a_forge_that_is_away_is_said(forge: Forge) -> None:
    repositories = over_http(forge)
    forge.close()
    with pytest.raises(Problem, match=r"The forge could not be reached\. Try again later\."):
        repositories.head(REPO, "main")


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("{origin}/demo-org/renamed.git/info/refs", "https://github.com/demo-org/renamed"),
        ("https://code.example/new/place/info/refs?x=1", "https://code.example/new/place"),
    ],
)
def test_a_moved_repository_names_its_new_url(forge: Forge, location: str, named: str) -> None:
    forge.answer = Reply(301, {"Location": location.format(origin=forge.origin)})
    with pytest.raises(Problem) as caught:
        over_http(forge).head(REPO, "main")
    assert str(caught.value) == f"{REPO} has moved to {named}. Use the new URL."


@pytest.mark.parametrize("key", ["github_com__demo-org", "github_com__Demo-Org", "github_com"])
def test_a_private_repository_is_read_with_the_credential_of_the_site(
    forge: Forge, tmp_path: Path, key: str
) -> None:
    forge.password = "needed"
    (tmp_path / "secret").write_text("reader:c4nary")
    repositories = over_http(forge, **{key: str(tmp_path / "secret")})
    repositories.check_readable(REPO)
    assert repositories.head(REPO, "main").project_yaml == PROJECT
    assert "Basic cmVhZGVyOmM0bmFyeQ==" in {
        seen.headers.get("authorization") for seen in forge.seen
    }
    for other in ({}, {"code_example": str(tmp_path / "secret")}):
        with pytest.raises(Problem, match="private and this site has no valid credential"):
            over_http(forge, **other).head(REPO, "main")


def test_a_forge_that_does_not_answer_is_given_up(forge: Forge) -> None:
    forge.gate.clear()
    slow = Repositories({"github.com": forge.origin}, ("demo-org",), CA, 1)
    with pytest.raises(Problem, match=r"The forge did not answer in time\."):
        slow.head(REPO, "main")


def test_a_project_file_that_is_missing_or_too_large_is_said(
    local: Repositories, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repositories, "LARGEST_PROJECT_FILE", 1000)
    study.commit("#" * 1000)
    assert len(local.head(REPO, "main").project_yaml) == 1000
    study.commit("#" * 1001)
    with pytest.raises(Problem, match=r"project\.yaml is larger than 4 MiB\."):
        local.head(REPO, "main")
    study.remove_project()
    with pytest.raises(
        Problem, match=r"has no project\.yaml at the head of 'main' \([0-9a-f]{7}\)"
    ):
        local.head(REPO, "main")


def test_a_tag_is_not_a_branch(local: Repositories, study: Study) -> None:
    tags = study.folder / ".git/refs/tags"
    tags.mkdir(parents=True, exist_ok=True)
    (tags / "v1").write_text(f"{study.sha}\n")
    with pytest.raises(Problem, match="has no branch 'v1'"):
        local.head(REPO, "v1")
    assert local.head(REPO, "main").sha == study.sha
