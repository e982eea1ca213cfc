#!/usr/bin/python3 -B
"""Drop the scratch tables of jobs that are not running any more.

A job drops its own. One that was killed, or whose database died under it, could not; it does so
when it is started again. What is left then belongs to nobody, and goes here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import container

NAME = "data-builder-clean"
LEFT = re.compile(r"left over: sp_([a-z0-9]+)_")
ACTIVE = '{{.Label "org.sallyport.job"}}'


def owners(told: str) -> set[str]:
    """Return the jobs, as tables are called after them, whose tables were found."""
    return set(LEFT.findall(told))


def active() -> set[str]:
    """Return the jobs that have a container, as their tables are called."""
    words = [container.DOCKER, "ps", "--all", "--filter=label=org.sallyport.job"]
    done = subprocess.run(
        [*words, f"--format={ACTIVE}"], check=True, capture_output=True, text=True
    )
    return {re.sub(r"[^a-z0-9]", "", line.lower())[:32] for line in done.stdout.split()}


def clean(config: Mapping[str, Any]) -> int:
    """Look for tables first and for containers then: a table's job had its container before it."""
    words = ["clean-scratch", "--backend", config["backend"]]
    looked = container.run(config, NAME, [*words, "--all", "--dry-run"], stderr=subprocess.PIPE)
    if looked.returncode:
        sys.stderr.write(looked.stderr)
        return looked.returncode
    gone = sorted(owners(looked.stderr) - active())
    if not gone:
        sys.stdout.write("nothing is left over\n")
        return 0
    return container.run(config, NAME, [*words, *(f"--job={job}" for job in gone)]).returncode


def main() -> int:
    """Clean once; a database that cannot be reached now is cleaned the next time."""
    try:
        code = clean(container.configuration())
    except container.NotStartedError as error:
        sys.stderr.write(f"{error}\n")
        code = error.code
    return 0 if code == container.UNREACHABLE else code


if __name__ == "__main__":
    sys.exit(main())
