"""What this backend runs: rules of the site that hold for every way in which work comes."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from sallyport_common.errors import SallyportError
from sallyport_runner.services.keeping import archives
from sallyport_runner.settings import Settings

DATABASES = frozenset({"default"})


class RequestError(SallyportError):
    """A request cannot be run as it is; the text is a sentence for its author."""


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a name matches a pattern; unlike in paths, `*` is any text."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def check_live(settings: Settings, workspace: str) -> None:
    """Raise RequestError for a workspace whose files are not where jobs look for them."""
    since = archives.archived(settings, workspace)
    if since == "":
        raise RequestError(
            f"The workspace '{workspace}' is being archived or restored; submit again later."
        )
    if since:
        raise RequestError(
            f"The workspace '{workspace}' was archived on {since[:10]}; ask an administrator of "
            "this backend to restore it, and submit again."
        )


def check_branch(settings: Settings, branch: str) -> None:
    """Raise RequestError for a branch that may not run."""
    if not fits(branch, settings.allowed_branches):
        raise RequestError(
            f"The branch '{branch}' may not run on this backend; use another one, or "
            "ask the backend's administrators."
        )


def check_database(settings: Settings, name: str) -> None:
    """Raise RequestError for a database that this backend does not know."""
    if not settings.dummy_data and name not in DATABASES:
        raise RequestError(
            f"The database '{name}' is not known to this backend; submit the request to another "
            "one, or ask the backend's administrators."
        )


def check_database_workspace(settings: Settings, workspace: str) -> None:
    """Raise RequestError for a workspace whose jobs may not use the database."""
    if not settings.dummy_data and not fits(workspace, settings.database_workspaces):
        raise RequestError(
            f"The workspace '{workspace}' may not use the database of this backend; "
            "ask the backend's administrators."
        )
