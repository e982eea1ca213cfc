"""What contract tests read: the repository's own files, as data."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.parents[1] for path in ROOT.glob("roles/*/tasks/main.yml"))


def read(path: Path) -> Any:
    """Return the data of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file that git tracks."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return tuple(ROOT / name for name in listing.stdout.split("\0") if name)


def options_of(role: Path) -> dict[str, dict[str, Any]]:
    """Return the inputs that a role's argument specification declares."""
    specification = read(role / "meta/argument_specs.yml")["argument_specs"]
    return dict(specification["main"].get("options", {}))


def defaults_of(role: Path) -> dict[str, Any]:
    """Return a role's defaults."""
    path = role / "defaults/main.yml"
    return dict(read(path) or {}) if path.exists() else {}


def tasks_in(document: Any) -> list[dict[str, Any]]:
    """Return every task of a list of tasks or plays, blocks opened."""
    found: list[dict[str, Any]] = []
    for entry in document if isinstance(document, list) else []:
        if not isinstance(entry, dict):
            continue
        found.append(entry)
        for key in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers"):
            found.extend(tasks_in(entry.get(key, [])))
    return found
