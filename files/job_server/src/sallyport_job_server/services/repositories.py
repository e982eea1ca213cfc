"""Study repositories: which are allowed, and which commit is at the head of a branch.

Only declared forges are read, with real git from their upstream addresses, into a folder that is
removed afterwards.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.closed_git import ClosedGit, Credential, Fault, GitError, new_location
from sallyport_common.problems import ForbiddenError, Problem
from sallyport_study import LARGEST_PROJECT_FILE, TOO_LARGE, decode_project, places
from sallyport_study.action_git import ActionGit
from sallyport_study.places import InvalidNameError, Repository
from sallyport_study.reusable import Home

PROJECT_FILE = "project.yaml"
MOST_SEEN = 8
"""Commits that are kept, so that a person who chooses actions asks the forge once."""


@dataclass(frozen=True)
class Source:
    """The commit at a branch's head, and its project.yaml as it is there."""

    sha: str
    content: bytes

    @property
    def project_yaml(self) -> str:
        """The text of project.yaml; raise ProjectError for one that is not text."""
        return decode_project(self.content)


class Repositories:
    """Reads study repositories on declared forges.

    `forges` maps public hosts to the addresses where they are reached; `credentials` maps `FORGE`
    or `FORGE/ORGANISATION` to a file with user:password. `actions` is the organisation whose
    repositories may be read as reusable actions.
    """

    def __init__(
        self,
        forges: Mapping[str, str],
        organisations: tuple[str, ...],
        ca_file: Path,
        timeout: int,
        credentials: Mapping[str, str] | None = None,
        actions: Home | None = None,
    ) -> None:
        self._forges = {host: upstream.rstrip("/") for host, upstream in forges.items()}
        self._organisations, self._credentials = organisations, dict(credentials or {})
        self._ca_file, self._timeout, self._actions = ca_file, timeout, actions
        self._seen: dict[tuple[str, str], Source] = {}
        self._seen_lock = threading.Lock()

    def check(self, repo: str) -> str:
        """Return the URL in canonical form; raise Problem unless it is allowed."""
        return self._allowed(repo).url

    def check_readable(self, repo: str) -> None:
        """Raise Problem for a repository that can never be read; an unreachable forge passes.

        The branch may come later: a workspace is often made before the first push.
        """
        repository = self._allowed(repo)
        try:
            self._run(repository, "ls-remote", "--quiet", self._upstream(repository), "HEAD")
        except GitError as error:
            if not error.fault.transient:
                raise self._problem(repository, "", error.fault) from None

    def head(self, repo: str, branch: str) -> Source:
        """Return the head of a branch; raise Problem with a sentence for the author."""
        repository = self._allowed(repo)
        with tempfile.TemporaryDirectory(prefix="study-") as folder:
            try:
                source = self._fetch(repository, branch, Path(folder) / "study.git")
            except GitError as error:
                raise self._problem(repository, branch, error.fault) from None
        with self._seen_lock:
            self._seen[repository.url, source.sha] = source
            while len(self._seen) > MOST_SEEN:
                self._seen.pop(next(iter(self._seen)))
        return source

    def seen(self, repo: str, sha: str) -> Source | None:
        """Return what was read lately at a commit that was a head."""
        return self._seen.get((self._allowed(repo).url, sha))

    @contextlib.contextmanager
    def actions(self, home: str, branch: str) -> Iterator[ActionGit | None]:
        """Yield where reusable actions are read; None for an organisation that is not ours.

        A backend says where its actions are; it cannot make us read anything else.
        """
        own = self._actions
        if own is None or str(own) != home or own.forge not in self._forges:
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="actions-") as folder:
            yield ActionGit(own, branch, Path(folder), self._run_words, self._upstream)

    def _run_words(
        self, repository: Repository, folder: Path | None, words: tuple[str, ...]
    ) -> bytes:
        return self._run(repository, *words, folder=folder)

    def _allowed(self, repo: str) -> Repository:
        try:
            repository = Repository.parse(repo.strip())
        except InvalidNameError as error:
            host = next(iter(self._forges), "github.com")
            form = f"A repository looks like https://{host}/ORGANISATION/NAME."
            raise Problem(f"{form} {error}") from None
        if repository.forge not in self._forges:
            hosts = ", ".join(self._forges) or "none"
            raise ForbiddenError(
                f"'{repository.forge}' is not a declared forge; declared: {hosts}."
            )
        if not repository.belongs_to(self._organisations):
            raise ForbiddenError(
                f"The organisation '{repository.owner}' is not allowed here; allowed: "
                f"{', '.join(self._organisations) or 'none'}."
            )
        return repository

    def _upstream(self, repository: Repository) -> str:
        return f"{self._forges[repository.forge]}/{repository.owner}/{repository.name}"

    def _credential(self, repository: Repository) -> Credential | None:
        file = repository.credential(self._credentials)
        return Credential(self._forges[repository.forge], Path(file)) if file else None

    def _fetch(self, repository: Repository, branch: str, folder: Path) -> Source:
        self._run(repository, "init", "--quiet", "--bare", str(folder))
        source = [self._upstream(repository), f"refs/heads/{branch}"]
        self._run(repository, "fetch", "--quiet", "--depth=1", "--no-tags", *source, folder=folder)
        sha = self._run(repository, "rev-parse", "FETCH_HEAD", folder=folder).decode().strip()
        path = f"{sha}:{PROJECT_FILE}"
        try:
            size = int(self._run(repository, "cat-file", "-s", path, folder=folder))
        except GitError:
            raise Problem(
                f"{repository.url} has no {PROJECT_FILE} at the head of '{branch}' ({sha[:7]})."
            ) from None
        if size > LARGEST_PROJECT_FILE:
            raise Problem(TOO_LARGE)
        return Source(sha, self._run(repository, "cat-file", "blob", path, folder=folder))

    def _run(self, repository: Repository, *words: str, folder: Path | None = None) -> bytes:
        scheme = self._forges[repository.forge].partition(":")[0]
        git = ClosedGit(self._ca_file, self._timeout, (scheme,), "sallyport-job-server")
        return git.run(*words, repository=folder, credential=self._credential(repository))

    def _problem(self, repository: Repository, branch: str, fault: Fault) -> Problem:
        if fault is Fault.NO_BRANCH:
            return Problem(
                f"{repository.url} has no branch '{branch}'. Push it, or ask for another branch."
            )
        if fault is Fault.MOVED:
            upstream = self._upstream(repository)
            location = new_location(upstream, self._ca_file, self._credential(repository))
            new = places.at_upstream(location or "", self._forges)
            if new:
                return Problem(f"{repository.url} has moved to {new.url}. Use the new URL.")
        return Problem(f"{repository.url} could not be read. {fault.sentence}")
