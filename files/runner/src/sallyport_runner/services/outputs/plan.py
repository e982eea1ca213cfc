"""The plan that study code was compiled to: untrusted, and only its list of inputs is read."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from sallyport_common.paths import UnsafePathError, check_relative, open_beneath

NAME = "plan.json"
MAX_BYTES = 64 * 1024**2
_SHA256 = re.compile(r"(sha256:)?([0-9a-f]{64})")


class PlanError(Exception):
    """The plan is missing, too large or malformed."""


def read_plan(folder: Path) -> bytes:
    """Return the plan's bytes: a regular file with one link, below the size limit."""
    try:
        with open_beneath(folder, NAME) as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, UnsafePathError) as error:
        raise PlanError("there is no plan") from error
    if len(data) > MAX_BYTES:
        raise PlanError("the plan is too large")
    return data


def digest(folder: Path) -> str:
    """Return the SHA-256 of the plan in hexadecimal."""
    return hashlib.sha256(read_plan(folder)).hexdigest()


def read_inputs(folder: Path) -> list[tuple[str, str]]:
    """Return path and SHA-256 of each data file that the plan names."""
    try:
        plan = json.loads(read_plan(folder))
        entries = [(entry["path"], _digest(entry)) for entry in plan.get("inputs", [])]
        for path, _sha256 in entries:
            check_relative(path, hidden=True)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PlanError("the plan is malformed") from error
    except UnsafePathError as error:
        raise PlanError("the plan names a file outside the workspace") from error
    return entries


def _digest(entry: dict[str, str]) -> str:
    match = _SHA256.fullmatch(entry.get("sha256") or entry["digest"])
    if match is None:
        raise ValueError("not a SHA-256")
    return match[2]
