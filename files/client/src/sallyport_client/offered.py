"""Commands that other distributions add to ours.

A distribution that offers the entry point NAME in the group `sallyport.commands` adds the command
NAME: the entry point is a function that gets the subparsers and sets `run` and `json` there.
"""

from __future__ import annotations

import argparse
from importlib.metadata import entry_points
from typing import Any

from sallyport_common.errors import SallyportError

GROUP = "sallyport.commands"
ELSEWHERE = {"run-local": "sallyport-runner"}
"""Commands that are told about where they are not installed, and the distribution of each."""


class NotInstalledError(SallyportError):
    """A command belongs to a distribution that is not installed."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the commands of what is installed, and say of the others what to install."""
    offered = {entry.name: entry for entry in entry_points(group=GROUP)}
    for entry in offered.values():
        entry.load()(commands)
    for name in ELSEWHERE.keys() - offered.keys():
        missing = commands.add_parser(name, help=f"needs {ELSEWHERE[name]}", add_help=False)
        missing.add_argument("rest", nargs=argparse.REMAINDER)
        missing.set_defaults(run=_missing)


def _missing(options: argparse.Namespace) -> int:
    distribution = ELSEWHERE[options.command]
    raise NotInstalledError(
        f"'{options.command}' needs the package {distribution} in the environment of sallyport."
    )
