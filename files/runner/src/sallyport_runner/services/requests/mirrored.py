"""Repositories of reusable actions, as this backend's git sees them through the proxy."""

from __future__ import annotations

from collections.abc import Mapping

from sallyport_common.closed_git import Fault
from sallyport_runner.services.checkouts import Checkouts
from sallyport_runner.services.git import Code, CodeError, Git, NotOnBranchError
from sallyport_study.action_file import FILE
from sallyport_study.action_git import ABSENT
from sallyport_study.places import Repository
from sallyport_study.reusable import (
    Home,
    NoActionFileError,
    NoSuchActionError,
    NotMergedError,
    UnreadableError,
)


class MirroredActions:
    """Implements ActionSource; CodeUnavailableError, which a later try may end, passes."""

    def __init__(self, home: Home, branch: str, source: Git, checkouts: Checkouts) -> None:
        self.home, self.branch = home, branch
        self._source, self._checkouts = source, checkouts

    def tags(self, repository: Repository) -> Mapping[str, str]:
        """See ActionSource."""
        try:
            return self._source.tags(repository)
        except CodeError as error:
            if error.fault in ABSENT:
                raise NoSuchActionError(repository.url) from error
            raise UnreadableError(str(error)) from error

    def read(self, repository: Repository, commit: str) -> bytes:
        """See ActionSource."""
        try:
            copy = self._checkouts.check(Code(repository, self.branch, commit))
            return self._source.read(copy, commit, FILE)
        except NotOnBranchError as error:
            raise NotMergedError(commit) from error
        except CodeError as error:
            if error.fault is Fault.NO_FILE:
                raise NoActionFileError(commit) from error
            if error.fault is Fault.NO_BRANCH:
                raise UnreadableError(f"It has no branch '{self.branch}'.") from error
            raise UnreadableError(str(error)) from error
