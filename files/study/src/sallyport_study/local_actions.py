"""Reusable actions on a researcher's machine, read with the git and the access of its user."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from sallyport_common.closed_git import Fault, GitError, classify
from sallyport_common.errors import SallyportError
from sallyport_study.action_git import ActionGit
from sallyport_study.places import Repository
from sallyport_study.site import Site

TIMEOUT = 300
"""Seconds for one call of git."""


class OfflineError(SallyportError):
    """The forge does not answer, and what is asked for was never read before."""


class LocalActions(ActionGit):
    """Keeps what it reads in a folder, and uses that where the forge does not answer.

    `tell` gets a sentence when it does.
    """

    def __init__(self, site: Site, folder: Path, tell: Callable[[str], None]) -> None:
        if site.actions is None:
            raise ValueError("this site has no reusable actions")
        self._clones, self._kept, self._tell = site.folder, folder, tell
        super().__init__(site.actions, site.branch, folder, _run, self._address)

    def _address(self, repository: Repository) -> str:
        return str(self._clones / repository.name) if self._clones else repository.url

    def tags(self, repository: Repository) -> Mapping[str, str]:
        """See ActionSource; raise OfflineError."""
        self._kept.mkdir(exist_ok=True)
        kept = self._kept / f"{repository.name}.json"
        try:
            tags = super().tags(repository)
        except GitError as error:
            return self._before(repository, kept, error)
        kept.write_text(json.dumps(dict(tags)))
        return tags

    def _before(self, repository: Repository, kept: Path, error: GitError) -> Mapping[str, str]:
        try:
            tags: Mapping[str, str] = json.loads(kept.read_text())
        except (OSError, ValueError):
            raise OfflineError(_offline(repository, error)) from error
        self._tell(f"{repository.url} cannot be reached; its copy of an earlier run is used")
        return tags

    def read(self, repository: Repository, commit: str) -> bytes:
        """See ActionSource; raise OfflineError."""
        try:
            return super().read(repository, commit)
        except GitError as error:
            raise OfflineError(_offline(repository, error)) from error

    def check_out(self, repository: Repository, commit: str, target: Path) -> None:
        """Write the files of a commit that was read into a new folder."""
        target.mkdir(parents=True)
        words = (f"--work-tree={target}", "checkout", "--quiet", "--force", commit, "--", ".")
        _run(repository, self.copy(repository), words)


def _offline(repository: Repository, error: GitError) -> str:
    return (
        f"The reusable action {repository.url} could not be read. {error} Without a network, name "
        "a folder with clones of the actions you use: --action-folder."
    )


def _run(_repository: Repository, folder: Path | None, words: tuple[str, ...]) -> bytes:
    return user_git(*([f"--git-dir={folder}"] if folder else []), *words)


def user_git(*words: str) -> bytes:
    """Return what git prints for its user, who is never asked; raise GitError or OfflineError."""
    command = ["git", *words]
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, check=False, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired:
        raise GitError(Fault.TIMEOUT) from None
    except OSError:
        raise OfflineError("Reusable actions need git on this machine; install it.") from None
    if done.returncode:
        raise GitError(classify(done.stderr.decode("utf-8", "replace")))
    return done.stdout
