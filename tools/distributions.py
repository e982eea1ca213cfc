"""What `files/` holds: our distributions, what they depend on, what version they have."""

from __future__ import annotations

import hashlib
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from console import ROOT

OURS = re.compile(r"sallyport-([a-z-]+)(?:\[([a-z,]+)\])?")
LIBRARIES = ("common", "records", "study", "disclosure")
WITHOUT_HOST = {
    "client": "people install it on their own machines",
    "ehrql_alias": "part of the databuilder image",
}
"""Distributions that no role deploys, and why."""


@cache
def project(name: str) -> dict[str, Any]:
    """Return the `[project]` table of a distribution, by its folder's name."""
    text = (ROOT / "files" / name / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


def names(root: Path = ROOT) -> list[str]:
    """Return the folder names of all distributions."""
    return sorted(path.parent.name for path in root.glob("files/*/pyproject.toml"))


def components() -> list[str]:
    """Return the folder names of what is installed on its own."""
    return [name for name in names() if name not in LIBRARIES]


def deployed(root: Path = ROOT) -> list[str]:
    """Return the folder names of the components that have a role."""
    return [name for name in names(root) if name not in {*LIBRARIES, *WITHOUT_HOST}]


def _libraries(name: str) -> dict[str, set[str]]:
    """Return the libraries that a distribution names, each with the extras it asks for."""
    matches = [OURS.match(text) for text in project(name).get("dependencies", [])]
    return {
        match[1].replace("-", "_"): set(filter(None, (match[2] or "").split(",")))
        for match in matches
        if match
    }


def own_parts(name: str) -> list[str]:
    """Return a component's folder and those of the libraries that it needs, directly or not."""
    parts = [name]
    for library in _libraries(name):
        parts += [part for part in own_parts(library) if part not in parts]
    return parts


def third_party(name: str) -> list[str]:
    """Return the third-party requirements of a component, of its libraries and of their extras."""
    parts = own_parts(name)
    requirements = [text for part in parts for text in project(part).get("dependencies", [])]
    for part in parts:
        for library, extras in _libraries(part).items():
            optional = project(library).get("optional-dependencies", {})
            requirements += [text for extra in extras for text in optional[extra]]
    return sorted({text for text in requirements if not OURS.match(text)})


def sources(name: str) -> list[Path]:
    """Return the files of a distribution that decide what its wheel holds."""
    folder = ROOT / "files" / name
    inside = (path for path in (folder / "src").rglob("*") if path.is_file())
    kept = [p for p in inside if "__pycache__" not in p.parts and ".egg-info" not in str(p)]
    return [folder / "pyproject.toml", *sorted(kept)]


def release(name: str, python_tag: str) -> str:
    """Return a component's release version: its number and a digest of all that is in it."""
    digest = hashlib.sha256(python_tag.encode())
    digest.update((ROOT / "files" / name / "requirements.txt").read_bytes())
    for part in own_parts(name):
        for path in sources(part):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return f"{project(name)['version']}+{digest.hexdigest()[:12]}"
