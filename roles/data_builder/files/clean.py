#!/usr/bin/python3 -B
"""Drop the scratch tables of this host's jobs that have ended.

A job drops its own; one that was killed, or whose database died under it, could not. Only a job
whose end the runner recorded here counts: others may run on another host, or by hand.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import container

NAME = "data-builder-clean"
LEFT = re.compile(r"left over: sp_([a-z0-9]+)_")
RECORDS = "*/os-job-*/metadata.json"


def owners(told: str) -> set[str]:
    """Return the jobs, as tables are called after them, whose tables were found."""
    return set(LEFT.findall(told))


def ended(logs: Path) -> set[str]:
    """Return the jobs that the runner recorded the end of, as their tables are called."""
    names = (path.parent.name.removeprefix("os-job-") for path in logs.glob(RECORDS))
    return {re.sub(r"[^a-z0-9]", "", name.lower())[:32] for name in names}


def clean(config: Mapping[str, Any]) -> int:
    """Look for tables, and drop those of jobs that ended."""
    words = ["clean-scratch", "--backend", config["backend"]]
    looked = container.run(config, NAME, [*words, "--all", "--dry-run"], stderr=subprocess.PIPE)
    if looked.returncode:
        sys.stderr.write(looked.stderr)
        return looked.returncode
    gone = sorted(owners(looked.stderr) & ended(Path(config["logs"])))
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
