"""The folder in which somebody submits, compared with what runs."""

from __future__ import annotations

from pathlib import Path

from sallyport_common.errors import SallyportError
from sallyport_study.local_actions import user_git


def other_commit(folder: Path, sha: str) -> str:
    """Return the commit of a folder if it is not the one that runs, as before a push.

    Nothing is returned for a folder of another repository, which does not have the commit.
    """
    head = _commit(folder, "HEAD")
    return head if sha and head != sha and _commit(folder, sha) else ""


def _commit(folder: Path, name: str) -> str:
    try:
        found = user_git(
            "-C", str(folder), "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"
        )
    except SallyportError:  # no repository, no such commit, or no git
        return ""
    return found.decode().strip()
