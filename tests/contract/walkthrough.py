"""docs/operators/install.md as data: what an operator types and writes, in the page's order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from repository import ROOT

PAGE = ROOT / "docs/operators/install.md"
HEADING = re.compile(r"^#{2,3} (.+)$")
FENCE = re.compile(r"^```(\w*)$")
ALTERNATIVES = {
    "With an existing OpenSAFELY job server": "tests/contract/test_inventories.py deploys with one",
    "From a registry": "the site of the test has the stand-in; a test of its own pushes",
}
"""Sections that describe another way to the same end, and what tests them instead."""
LAST = "Later"
"""The section with which the installation is over."""


@dataclass(frozen=True)
class Step:
    """One block of the page: commands for a shell, or values for a file of the inventory."""

    section: str
    kind: str
    text: str

    @property
    def file(self) -> str:
        """Return the file that a block of values names in its first line."""
        return self.text.splitlines()[0].removeprefix("# ")

    @property
    def values(self) -> dict[str, Any]:
        """Return the values of a block."""
        return dict(yaml.safe_load(self.text))


def steps(page: Path = PAGE, end: str | None = None) -> Iterator[Step]:
    """Yield every fenced block of the page, up to the section `end`."""
    section, kind, lines = "", "", list[str]()
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence, heading = FENCE.match(line), HEADING.match(line)
        if fence and inside:
            yield Step(section, kind, "\n".join(lines))
        if fence:
            inside, kind, lines = not inside, fence[1], []
        elif inside:
            lines.append(line)
        elif heading and heading[1] == end:
            return
        elif heading:
            section = heading[1]


def installation() -> list[Step]:
    """Return the steps from nothing to the first published table, without the alternatives."""
    found = []
    for step in steps(page=PAGE, end=LAST):
        if step.section not in ALTERNATIVES:
            found.append(step)
    return found


def merged(old: Any, new: Any) -> Any:
    """Return values with others put over them; only mappings are merged, all else is replaced."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: merged(old.get(key), value) for key, value in new.items()}
    return new
