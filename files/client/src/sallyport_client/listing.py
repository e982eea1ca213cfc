"""The commands that list what there is on a job server, and fetch what was released."""

from __future__ import annotations

import argparse
import difflib
import hashlib
from collections.abc import Callable
from typing import Any

from sallyport_client import screen
from sallyport_client.api import JobServer, ServerError
from sallyport_client.asking import server
from sallyport_common.errors import SallyportError
from sallyport_common.paths import check_relative

MANY = 1000
"""Workspaces among which a misspelt one is looked for."""
FEW = 3
"""Actions that a line of a list names."""


def list_requests(options: argparse.Namespace) -> int:
    """List job requests, newest first."""
    asked = server()
    given = {
        "workspace": options.workspace,
        "state": options.state,
        "backend": options.backend,
        "person": asked.user if options.mine else options.person,
        "since": options.since,
        "search": options.search,
    }
    filters = {name: value for name, value in given.items() if value}
    found = asked.job_requests(options.limit, **filters)
    if not found and options.workspace:
        _check_workspace(asked, options.workspace)
    titles = ("Request", "State", "Workspace", "Actions", "Backend", "By", "Asked for")
    _print(options, found, titles, _request_line)
    return 0


def _request_line(one: dict[str, Any]) -> tuple[str, ...]:
    actions = ", ".join(one["requested_actions"][:FEW])
    more = len(one["requested_actions"]) - FEW
    if more > 0:
        actions += f" and {more} more"
    return (
        one["identifier"], one["status"], one["workspace"], actions, one["backend"],
        one["created_by"], screen.moment(one["created_at"]),
    )  # fmt: skip


def list_workspaces(options: argparse.Namespace) -> int:
    """List workspaces."""
    found = server().workspaces(options.limit, options.search)
    titles = ("Workspace", "Project", "Branch", "Repository")
    names = ("name", "project", "branch", "repo")
    _print(options, found, titles, lambda one: tuple(str(one[name]) for name in names))
    return 0


def list_backends(options: argparse.Namespace) -> int:
    """List the backends that the person may use."""

    def line(one: dict[str, Any]) -> tuple[str, ...]:
        seen = one["last_seen_at"]
        return one["slug"], one["name"], screen.moment(seen) if seen else "never"

    _print(options, server().backends(), ("Backend", "Name", "Heard of"), line)
    return 0


def _check_workspace(asked: JobServer, name: str) -> None:
    """Raise SallyportError where a person sees no workspace of a name."""
    if name not in _names(asked, name):
        names = _names(asked, "")
        near = difflib.get_close_matches(name, names, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise SallyportError(f"there is no workspace '{name}' that you may see{hint}")


def _names(asked: JobServer, part: str) -> list[str]:
    return [str(one["name"]) for one in asked.workspaces(MANY, part)]


def list_releases(options: argparse.Namespace) -> int:
    """List the released files of a workspace."""

    def line(file: dict[str, Any]) -> tuple[str, ...]:
        at = file["released_at"]
        return file["release"], file["sha256"][:12], file["name"], screen.moment(at) if at else ""

    found = _released(server(), options.workspace)
    _print(options, found, ("Release", "SHA-256", "File", "Released"), line)
    return 0


def _print(
    options: argparse.Namespace,
    found: list[dict[str, Any]],
    titles: tuple[str, ...],
    line: Callable[[dict[str, Any]], tuple[str, ...]],
) -> None:
    if options.json:
        screen.as_json(found)
    elif found:
        screen.rows(titles, map(line, found))
    else:
        screen.warn("Nothing found.")


def _released(asked: JobServer, workspace: str) -> list[dict[str, Any]]:
    """Return the released files of a workspace, each with its release and when that was made."""
    return [
        file | {"release": release["id"], "released_at": release.get("created_at", "")}
        for release in asked.releases(workspace)
        for file in release["files"]
    ]


def download(options: argparse.Namespace) -> int:
    """Write every released file below a folder; raise ServerError where the digest differs."""
    asked = server()
    found = _released(asked, options.workspace)
    if not found:
        screen.warn(f"Nothing was released from {options.workspace} yet.")
    for file in found:
        target = options.into / file["release"] / check_relative(file["name"])
        content = asked.file(file["id"])
        if hashlib.sha256(content).hexdigest() != file["sha256"]:
            raise ServerError(f"{file['name']} is not what was released; its digest differs")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        print(target)
    return 0
