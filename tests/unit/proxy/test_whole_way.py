"""Job server, proxy and runner read one study: private, on another forge, and with odd names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.proxy.doubles import Reply
from tests.unit.proxy.rig import Rig, git, policy_data, write_policy

from sallyport_common.problems import Problem
from sallyport_job_server.services.repositories import Repositories
from sallyport_runner.services.git import CodeError, Git, check

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("study")]
CA = Path("/etc/ssl/certs/ca-certificates.crt")
PROJECT = "version: '3.0'\n"


class Site:
    """A site whose forge asks for a password; `credentials` maps its key to the secret file."""

    def __init__(self, folder: Path, rig: Rig, host: str, key: str) -> None:
        forge = rig.upstreams.forge
        forge.password = "needed"
        (folder / "secrets/git").write_text("reader:c4nary")
        section = policy_data(rig.upstreams)["git"] | {"forges": {host: forge.origin}}
        write_policy(
            rig.settings.policy, rig.upstreams, git=section | {"credentials": {key: "git"}}
        )
        files = {key: str(folder / "secrets/git")}
        self.url = f"https://{host}/demo-org/demo-study"
        self.job_server = Repositories({host: forge.origin}, ("demo-org",), CA, 20, files)
        self.runner = Git(folder / "repos", rig.front.origins["git"], CA, 20)


def commit(rig: Rig, branch: str) -> str:
    """Give the study a project.yaml on a branch; return the commit."""
    work = rig.upstreams.study.work
    (work / "project.yaml").write_text(PROJECT)
    git("-C", work, "add", "project.yaml")
    return rig.upstreams.study.commit(f"on {branch}", branch)


@pytest.mark.parametrize("host", ["github.com", "code.example"])
@pytest.mark.parametrize("branch", ["main", "feature+x", "fix/#12", "größe"])
def test_a_private_study_is_read_the_whole_way(
    start_rig: Callable[..., Rig], tmp_path: Path, host: str, branch: str
) -> None:
    rig = start_rig()
    sha = commit(rig, branch)
    site = Site(tmp_path, rig, host, f"{host}/demo-org")
    url = site.job_server.check(f"{site.url}.git")
    site.job_server.check_readable(url)
    source = site.job_server.head(url, branch)
    assert (source.sha, source.project_yaml) == (sha, PROJECT)
    code = check(url, branch, source.sha, ("demo-org",))
    repository = site.runner.fetch(code)
    assert site.runner.read(repository, sha, "project.yaml") == PROJECT.encode()


def test_without_its_credential_every_program_names_the_log_in(
    start_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = start_rig()
    sha = commit(rig, "main")
    site = Site(tmp_path, rig, "github.com", "github.com/other-org")
    for read in (site.job_server.check_readable, lambda url: site.job_server.head(url, "main")):
        with pytest.raises(Problem, match="The forge asks for a log-in"):
            read(site.url)
    with pytest.raises(CodeError, match="The forge asks for a log-in"):
        site.runner.fetch(check(site.url, "main", sha, ("demo-org",)))


@pytest.mark.parametrize("moved", [True, False])
def test_a_repository_that_moved_names_its_new_url_in_job_server_and_runner(
    start_rig: Callable[..., Rig], tmp_path: Path, moved: bool
) -> None:
    rig = start_rig()
    sha = commit(rig, "main")
    site = Site(tmp_path, rig, "code.example", "code.example/demo-org")
    forge = rig.upstreams.forge
    if not moved:  # the control: the same repository where it was
        assert site.runner.fetch(check(site.url, "main", sha, ("demo-org",)))
        return
    location = f"{forge.origin}/new-org/study.git/info/refs?service=git-upload-pack"
    forge.answer = Reply(301, {"Location": location})
    sentence = "has moved to https://code.example/new-org/study. Use the new URL."
    with pytest.raises(Problem, match=sentence):
        site.job_server.check_readable(site.url)
    with pytest.raises(CodeError, match=f"The repository {sentence}"):
        site.runner.fetch(check(site.url, "main", sha, ("demo-org",)))
