"""Code of studies: real git through the proxy, one bare repository for each project."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.errors import SallyportError
from sallyport_runner.services.executor import TransientError
from sallyport_study import LARGEST_PROJECT_FILE

log = logging.getLogger(__name__)
PUBLIC = "https://github.com/"
_REPOSITORY = re.compile(
    r"https://github\.com/([A-Za-z0-9][A-Za-z0-9-]*)/([A-Za-z0-9_.-]*[A-Za-z0-9_-])/?"
)
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
TIMEOUT = 300
ATTEMPTS = 1
FIRST_PAUSE = 4.0
MAX_FILE = LARGEST_PROJECT_FILE
ALL_HISTORY = 2**31 - 1


class CodeError(SallyportError):
    """Repository, branch or commit of a request are not acceptable."""


class CodeUnavailableError(TransientError):
    """The code could not be fetched now; the text is a fixed sentence, as in CodeError."""


@dataclass(frozen=True)
class Code:
    """Where a study's code is: public address, branch and commit, all checked in form."""

    organisation: str
    name: str
    branch: str
    sha: str


def check(repo: str, branch: str, sha: str, organisations: tuple[str, ...]) -> Code:
    """Return the place of a study's code; raise CodeError naming what is wrong."""
    match = _REPOSITORY.fullmatch(repo)
    if not match:
        raise CodeError("The repository must be https://github.com/ORGANISATION/NAME.")
    if match[1] not in organisations:
        raise CodeError(f"The organisation '{match[1]}' is not allowed on this backend.")
    if not _BRANCH.fullmatch(branch) or ".." in branch:
        raise CodeError("The name of the branch is not valid.")
    if not _COMMIT.fullmatch(sha):
        raise CodeError("The commit must be 40 hexadecimal characters.")
    return Code(match[1], match[2], branch, sha)


class Git:
    """Fetches commits that are on a branch, reads files of them and checks them out."""

    def __init__(
        self,
        folder: Path,
        proxy: str,
        ca_file: Path,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._folder, self._proxy, self._pause = folder, proxy.rstrip("/"), pause
        scheme = proxy.partition(":")[0]
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C",
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "echo",
            "GIT_ALLOW_PROTOCOL": scheme,
            "GIT_SSL_CAINFO": str(ca_file),
        }
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def fetch(self, code: Code) -> Path:
        """Return a repository that holds the commit; raise CodeError if no branch has it.

        A tag `fetched/<sha>` marks a complete fetch. The branch is asked every time.
        """
        repository = self._folder / f"{code.organisation}__{code.name}.git"
        with self._locks[repository.name]:
            if not (repository / "HEAD").exists():
                repository.mkdir(parents=True, exist_ok=True)
                self._git(["init", "--quiet", "--bare", str(repository)])
            head = self._branch_head(code)
            if not self._has(repository, f"refs/tags/fetched/{code.sha}"):
                self._network(
                    repository, ["fetch", *_FETCH, "--depth=1", self._url(code), code.sha]
                )
                self._git(["tag", "--force", f"fetched/{code.sha}", code.sha], repository)
            if head != code.sha:
                self._check_ancestor(repository, code, head)
        return repository

    def read(self, repository: Path, sha: str, path: str) -> str:
        """Return a text file of a commit; raise CodeError when there is none of sensible size."""
        name = f"{sha}:{path}"
        size = self._try(["cat-file", "-s", name], repository)
        if size is None:
            raise CodeError(f"There is no {path} in this commit.")
        if int(size) > MAX_FILE:
            raise CodeError(f"The file {path} is too large.")
        try:
            return self._git(["cat-file", "blob", name], repository).decode("utf-8")
        except UnicodeDecodeError as error:
            raise CodeError(f"The file {path} is not text in UTF-8.") from error

    def check_out(self, repository: Path, sha: str, target: Path) -> None:
        """Write the files of a commit into an empty folder; links stay links."""
        with tempfile.TemporaryDirectory(prefix="index-") as folder:
            self._git(
                [f"--work-tree={target}", "checkout", "--quiet", "--force", sha, "--", "."],
                repository,
                {"GIT_INDEX_FILE": f"{folder}/index"},
            )

    def _url(self, code: Code) -> str:
        return f"{self._proxy}/{code.organisation}/{code.name}"

    def _branch_head(self, code: Code) -> str:
        answer = self._network(None, ["ls-remote", self._url(code), f"refs/heads/{code.branch}"])
        head = answer.decode("ascii", "replace").split()
        if not head:
            raise CodeError(f"The repository has no branch '{code.branch}'.")
        return head[0]

    def _check_ancestor(self, repository: Path, code: Code, head: str) -> None:
        reference = f"refs/heads/{code.branch}"
        for depth in (10, ALL_HISTORY):
            options = [*_FETCH, f"--depth={depth}", self._url(code), f"+{reference}:{reference}"]
            self._network(repository, ["fetch", *options])
            if (
                self._try(["merge-base", "--is-ancestor", code.sha, reference], repository)
                is not None
            ):
                return
        log.warning("commit is not on its branch", extra={"sha": code.sha, "head": head})
        raise CodeError(f"The commit is not on the branch '{code.branch}'.")

    def _has(self, repository: Path, reference: str) -> bool:
        return self._try(["rev-parse", "--verify", "--quiet", reference], repository) is not None

    def _network(self, repository: Path | None, arguments: list[str]) -> bytes:
        """Run a command that needs the proxy; faults are tried again, with growing pauses."""
        wait = FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._git(arguments, repository)
            except TransientError:
                if attempt == ATTEMPTS:
                    raise
                self._pause(wait)
                wait *= 2
        raise AssertionError

    def _try(self, arguments: list[str], repository: Path) -> bytes | None:
        try:
            return self._git(arguments, repository)
        except (TransientError, CodeError):
            return None

    def _git(
        self,
        arguments: list[str],
        repository: Path | None = None,
        extra: dict[str, str] | None = None,
    ) -> bytes:
        place = [f"--git-dir={repository}"] if repository else []
        command = ["/usr/bin/git", *_CONFIGURATION, *place, *arguments]
        with subprocess.Popen(
            command,
            env=self._environment | (extra or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                output, errors = process.communicate(timeout=TIMEOUT)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                raise TransientError("git took too long") from error
        if process.returncode == 0:
            return output
        _judge(errors.decode("utf-8", "replace"))
        raise TransientError(f"git {arguments[0]} ended with {process.returncode}")


_CONFIGURATION = [
    "-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=true", "-c", "gc.auto=0",
    "-c", "safe.directory=*", "-c", "transfer.fsckObjects=true", "-c", "http.followRedirects=false",
    "-c", "advice.detachedHead=false", "-c", "maintenance.auto=false",
]  # fmt: skip
_FETCH = ["--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"]
_DENIED = ("error: 403", "error: 404", "not found", "does not appear to be a git repository")
_NO_COMMIT = ("not our ref", "unadvertised object", "no such remote ref")


def _judge(errors: str) -> None:
    """Raise CodeError for answers that another try cannot change; log what git said."""
    log.warning("git failed", extra={"output": errors[-2000:]})
    text = errors.lower()
    if any(part in text for part in _NO_COMMIT):
        raise CodeError("The repository does not have this commit.")
    if any(part in text for part in _DENIED):
        raise CodeError("The repository does not exist, or the proxy does not allow it.")
