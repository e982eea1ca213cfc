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
"""Commands of ours that are not always installed, and the distribution of each."""


class NotInstalledError(SallyportError):
    """A command belongs to a distribution that is not installed."""


def add(commands: argparse._SubParsersAction[Any], word: str) -> None:
    """Add what is installed; raise NotInstalledError if `word` is a command that is not."""
    installed = entry_points(group=GROUP)
    for entry in installed:
        entry.load()(commands)
    if word in ELSEWHERE and word not in installed.names:
        raise NotInstalledError(
            f"'{word}' needs the package {ELSEWHERE[word]} in the environment of sallyport."
        )
