"""Reads repositories of reusable actions with git, where no mirror of them is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from sallyport_common.closed_git import Fault, GitError
from sallyport_study.action_file import FILE, LARGEST, TOO_LARGE
from sallyport_study.places import Repository
from sallyport_study.reusable import (
    Home,
    NoActionFileError,
    NoSuchActionError,
    NotMergedError,
    UnreadableError,
    commits_of_tags,
)

Run = Callable[[Repository, Path | None, tuple[str, ...]], bytes]
"""Runs git with some words, in a bare repository if one is given; raises GitError."""
ABSENT = frozenset({Fault.NOT_FOUND, Fault.LOGIN_REQUIRED, Fault.REPO_NOT_ALLOWED})
"""What forges answer about a repository that does not exist, or is not shown."""
HEAD = "refs/heads/checked"


class ActionGit:
    """Implements ActionSource; `folder` is where bare repositories are put.

    `url` returns where a repository is read. GitError for a transient fault passes.
    """

    def __init__(
        self, home: Home, branch: str, folder: Path, run: Run, url: Callable[[Repository], str]
    ) -> None:
        self.home, self.branch = home, branch
        self._folder, self._run, self._url = folder, run, url

    def tags(self, repository: Repository) -> Mapping[str, str]:
        """See ActionSource."""
        try:
            words = ("ls-remote", self._url(repository), "refs/tags/*")
            return commits_of_tags(self._run(repository, None, words))
        except GitError as error:
            if error.fault in ABSENT:
                raise NoSuchActionError(repository.url) from error
            raise _translated(error) from error

    def read(self, repository: Repository, commit: str) -> bytes:
        """See ActionSource."""
        copy = self.copy(repository)
        try:
            if not copy.exists():
                self._run(repository, None, ("init", "--quiet", "--bare", str(copy)))
            if not self._is_merged(repository, copy, commit):
                self._fetch(repository, copy)
                if not self._is_merged(repository, copy, commit):
                    raise NotMergedError(commit)
            return self._file(repository, copy, commit)
        except GitError as error:
            raise _translated(error) from error

    def copy(self, repository: Repository) -> Path:
        """Return the bare repository that holds what was read."""
        return self._folder / f"{repository.name}.git"

    def _fetch(self, repository: Repository, copy: Path) -> None:
        branch = f"+refs/heads/{self.branch}:{HEAD}"
        words = ("fetch", "--quiet", "--no-tags", self._url(repository), branch)
        self._run(repository, copy, words)

    def _is_merged(self, repository: Repository, copy: Path, commit: str) -> bool:
        with contextlib.suppress(GitError):  # not there, or not an ancestor
            self._run(repository, copy, ("merge-base", "--is-ancestor", commit, HEAD))
            return True
        return False

    def _file(self, repository: Repository, copy: Path, commit: str) -> bytes:
        name = f"{commit}:{FILE}"
        try:
            size = int(self._run(repository, copy, ("cat-file", "-s", name)))
        except GitError as error:
            raise NoActionFileError(commit) from error
        if size > LARGEST:
            raise UnreadableError(TOO_LARGE)
        return self._run(repository, copy, ("cat-file", "blob", name))


def _translated(error: GitError) -> Exception:
    return error if error.fault.transient else UnreadableError(str(error))
