"""Study repositories: which are allowed, and what stands at the head of a branch.

Only declared forges are asked, with real git over their upstream addresses, into a folder that
is thrown away.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport_job_server.models import Problem
from sallyport_study import LARGEST_PROJECT_FILE

_REPO = re.compile(
    r"https://(?P<host>[a-z0-9.-]{1,200})/"
    r"(?P<org>[A-Za-z0-9][A-Za-z0-9_.-]{0,99})/(?P<name>[A-Za-z0-9_.-]{1,100}?)/?"
)
GIT = "/usr/bin/git"
PROJECT_FILE = "project.yaml"


@dataclass(frozen=True)
class Source:
    """The commit at a branch's head, and its project.yaml."""

    sha: str
    project_yaml: str


class Repositories:
    """Reads study repositories on declared forges."""

    def __init__(
        self,
        forges: Mapping[str, str],
        organisations: tuple[str, ...],
        ca_file: Path,
        timeout: int,
    ) -> None:
        self._forges, self._organisations = dict(forges), organisations
        self._ca_file, self._timeout = ca_file, timeout

    def check(self, repo: str) -> str:
        """Return the address in its plain form; raise Problem unless it is allowed."""
        found = _REPO.fullmatch(repo.strip())
        if not found or ".." in repo:
            host = next(iter(self._forges), "github.com")
            raise Problem(f"A repository looks like https://{host}/ORGANISATION/NAME.")
        if found["host"] not in self._forges:
            hosts = ", ".join(self._forges) or "none"
            raise Problem(f"'{found['host']}' is not a declared forge; declared: {hosts}.")
        if found["org"] not in self._organisations:
            raise Problem(
                f"The organisation '{found['org']}' is not allowed here; allowed: "
                f"{', '.join(self._organisations) or 'none'}."
            )
        return f"https://{found['host']}/{found['org']}/{found['name']}"

    def head(self, repo: str, branch: str) -> Source:
        """Return what stands at the head of a branch; raise Problem with git's reason."""
        address = self.check(repo)
        host = address.removeprefix("https://").partition("/")[0]
        upstream = self._forges[host].rstrip("/") + address.removeprefix(f"https://{host}")
        with tempfile.TemporaryDirectory(prefix="study-") as folder:
            return self._fetch(Path(folder), upstream, repo, branch)

    def _fetch(self, folder: Path, upstream: str, repo: str, branch: str) -> Source:
        scheme = upstream.partition(":")[0]
        self._git(folder, scheme, "init", "--quiet", "--bare", ".")
        fetched = self._git(
            folder, scheme, "fetch", "--quiet", "--depth=1", "--no-tags",
            upstream, f"refs/heads/{branch}",
        )  # fmt: skip
        if fetched.returncode:
            raise Problem(_reason(fetched.stderr, repo, branch))
        sha = self._git(folder, scheme, "rev-parse", "FETCH_HEAD").stdout.strip()
        size = self._git(folder, scheme, "cat-file", "-s", f"{sha}:{PROJECT_FILE}")
        if size.returncode:
            raise Problem(f"{repo} has no {PROJECT_FILE} at the head of '{branch}' ({sha[:7]}).")
        if int(size.stdout) > LARGEST_PROJECT_FILE:
            raise Problem(
                f"The {PROJECT_FILE} of {repo} is larger than {LARGEST_PROJECT_FILE} bytes."
            )
        text = self._git(folder, scheme, "cat-file", "blob", f"{sha}:{PROJECT_FILE}").stdout
        return Source(sha, text)

    def _git(self, folder: Path, scheme: str, *words: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [GIT, "-c", "http.followRedirects=false", "-c", "gc.auto=0", *words],
                cwd=folder,
                env=self._environment(scheme),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Problem(f"The forge did not answer within {self._timeout} seconds.") from None

    def _environment(self, scheme: str) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": "/nonexistent",
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_ALLOW_PROTOCOL": scheme,
            "GIT_SSL_CAINFO": str(self._ca_file),
        }


def _reason(stderr: str, repo: str, branch: str) -> str:
    if "find remote ref" in stderr:
        return f"{repo} has no branch '{branch}'."
    if "not found" in stderr or "does not appear to be" in stderr or "could not read" in stderr:
        return f"{repo} does not exist, or is not readable here."
    if "certificate" in stderr:
        return f"The certificate of the forge of {repo} cannot be verified."
    return f"The forge of {repo} cannot be reached."
