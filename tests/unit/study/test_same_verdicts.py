"""What the job server accepts, the others accept: each name goes through all that judge it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sallyport_common.errors import SallyportError
from sallyport_common.manifests import WorkspaceManifest, workspace
from sallyport_common.problems import Problem
from sallyport_job_server.services import checks
from sallyport_job_server.services.repositories import Repositories
from sallyport_proxy.models import ClientRequest, Refusal
from sallyport_proxy.policy import GitPolicy, GitRule, Policy
from sallyport_proxy.services.git_rules import authorise
from sallyport_release_hatch.storage.workspaces import Workspaces
from sallyport_runner.models import JobRequest
from sallyport_runner.services.git import CodeError, code_of
from sallyport_study import places
from sallyport_study.places import InvalidNameError, Repository

FORGES = {"github.com": "https://github.com", "code.example": "https://git.internal"}
OWNERS = ("demo-org", "mona_acme", "x" * 39)
SHA = "a" * 40
URL = "https://github.com/demo-org/study"
CA = Path("/etc/ssl/certs/ca-certificates.crt")


def job_server(url: str, branch: str) -> str | None:
    """Return the canonical URL that the job server signs, or None."""
    try:
        checks.branch(branch)
        return Repositories(FORGES, OWNERS, CA, 20).check(url)
    except Problem:
        return None


def runner(url: str, branch: str) -> str | None:
    """Return the path that the runner fetches from the proxy, or None."""
    request = JobRequest(
        identifier="a" * 16,
        payload_digest="",
        workspace="heart",
        repo=url,
        branch=branch,
        sha=SHA,
        requested_actions=["make"],
    )
    try:
        return code_of(request, OWNERS).repository.path
    except CodeError:
        return None


def proxy(path: str) -> str | None:
    """Return the name of the mirror that the proxy serves for a path, or None."""
    git = GitPolicy("proxy", FORGES, tuple(GitRule(owner, "*") for owner in OWNERS))
    policy = Policy(1, git)
    target = f"/{path}/info/refs?service=git-upload-pack"
    try:
        return authorise(policy, git, ClientRequest("GET", "proxy", target, {}, "10.0.0.1")).name
    except Refusal:
        return None


def proxy_path(url: str) -> str:
    """Return the path at the proxy for any URL, valid or not, without the grammar."""
    return url.removeprefix("https://").removeprefix("github.com/").removesuffix("/")


REPOSITORIES = {
    URL: True,
    f"{URL}.git": True,
    f"{URL}/": True,
    "https://github.com/Demo-Org/study": True,
    "https://github.com/demo-org/.github": True,
    "https://github.com/demo-org/a.b-c_D": True,
    "https://github.com/mona_acme/x": True,
    f"https://github.com/{'x' * 39}/{'y' * 100}": True,
    "https://code.example/demo-org/study": True,
    "https://code.example/demo-org/.github.git": True,
    "https://other.example/demo-org/study": False,
    "https://github.com/other-org/study": False,
    "https://github.com/my.org/study": False,
    "https://github.com/a--b/study": False,
    f"https://github.com/{'x' * 40}/study": False,
    "https://github.com/demo-org/..": False,
    "https://github.com/demo-org/.": False,
    "https://github.com/demo-org/a b": False,
    "https://github.com/demo-org/größe": False,
    "https://github.com/demo-org/study.git.git": False,
    f"https://github.com/demo-org/{'y' * 101}": False,
    "https://github.com/demo-org/study/more": False,
    "https://github.com/demo-org": False,
    "https://github.com/demo-org/study?x": False,
    "https://github.com/demo-org/study%20": False,
}


@pytest.mark.parametrize(("url", "valid"), REPOSITORIES.items())
def test_repositories(url: str, valid: bool) -> None:
    signed = job_server(url, "main")
    assert (signed is not None) is valid
    fetched = runner(signed or url, "main")
    assert (fetched is not None and proxy(fetched) is not None) is valid
    assert (proxy(proxy_path(url)) is not None) is valid
    if signed:
        path = runner(signed, "main")
        assert path == Repository.parse(signed).path
        assert proxy(path or "") is not None


BRANCHES = {
    "main": True, "feature+x": True, "fix/#12": True, "user@x": True, "größe/日本": True,
    "_x": True, "a,b=c&d": True, "x" * 244: True, "@": True, "refs/heads/main": True,
    "": False, "-x": False, ".hidden": False, "a..b": False, "a b": False, "a:b": False,
    "a~1": False, "a^": False, "a?": False, "a*": False, "a[0]": False, "a\\b": False,
    "a/": False, "/a": False, "a//b": False, "a.lock": False, "a.lock/b": False, "a.": False,
    "a@{1}": False, "HEAD": False, "a\x7f": False, "x" * 245: False,
}  # fmt: skip


@pytest.mark.parametrize(("branch", "valid"), BRANCHES.items())
def test_branches(branch: str, valid: bool) -> None:
    assert (job_server(URL, branch) is not None) is valid
    assert (runner(URL, branch) is not None) is valid


WORKSPACES = {
    "heart": True, "heart-2": True, "_draft": True, "0": True, "a" * 100: True, "a_b-c": True,
    "": False, "-a": False, "a.b": False, "a/b": False, "a b": False, "größe": False,
    "a" * 101: False, "..": False, "a\n/": False,
}  # fmt: skip


@pytest.mark.parametrize(("name", "valid"), WORKSPACES.items())
def test_workspaces(tmp_path: Path, name: str, valid: bool) -> None:
    judges: dict[str, Callable[[str], object]] = {
        "job server": checks.workspace,
        "runner": places.check_workspace,
        "manifest": lambda name: WorkspaceManifest(workspace=name).to_json(),
        "hatch": lambda name: hatch(tmp_path, name),
    }
    verdicts = {}
    for component, check in judges.items():
        try:
            check(name)
        except SallyportError:
            verdicts[component] = False
        else:
            verdicts[component] = True
    assert set(verdicts.values()) == {valid}, verdicts


def hatch(folder: Path, name: str) -> None:
    """List a workspace of this name, as it would be on disk, if the file system takes it."""
    manifest = folder / name / workspace.FILE
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_bytes(WorkspaceManifest(workspace="any").to_json())
    assert Workspaces(folder).index(name) == []


def test_the_grammar_itself_decides() -> None:
    """A URL that the grammar rejects is rejected by all three, whatever they allow."""
    for url in ("ssh://github.com/demo-org/study", "https://u@github.com/demo-org/study"):
        with pytest.raises(InvalidNameError):
            Repository.parse(url)
        assert (job_server(url, "main"), runner(url, "main"), proxy(proxy_path(url))) == (None,) * 3
