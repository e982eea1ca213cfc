"""What `files/` holds: our distributions, what they depend on, what version they have."""

from __future__ import annotations

import hashlib
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from console import ROOT

OURS = "sallyport-"
LIBRARIES = ("common", "records", "study", "disclosure")


@cache
def project(name: str) -> dict[str, Any]:
    """Return the `[project]` table of a distribution, by its folder's name."""
    text = (ROOT / "files" / name / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


def names() -> list[str]:
    """Return the folder names of all distributions."""
    return sorted(path.parent.name for path in ROOT.glob("files/*/pyproject.toml"))


def components() -> list[str]:
    """Return the folder names of what is deployed on its own."""
    return [name for name in names() if name not in LIBRARIES]


def _split(name: str) -> tuple[list[str], list[str]]:
    ours, theirs = [], []
    for requirement in project(name).get("dependencies", []):
        if requirement.startswith(OURS):
            word = re.split(r"[=<>~! ]", requirement)[0]
            ours.append(word.removeprefix(OURS).replace("-", "_"))
        else:
            theirs.append(requirement)
    return ours, theirs


def own_parts(name: str) -> list[str]:
    """Return a component's folder and those of the libraries that it needs, directly or not."""
    found = [name]
    for library in _split(name)[0]:
        found += [part for part in own_parts(library) if part not in found]
    return found


def third_party(name: str) -> list[str]:
    """Return the third-party requirements of a component and of its libraries."""
    return sorted({item for part in own_parts(name) for item in _split(part)[1]})


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
