"""The keys of an inventory's files, with their lines: repeated ones, and those of variables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml


def tree(text: str) -> Any:
    """Return the nodes of a YAML text, or None where it is empty or cannot be read."""
    try:
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None


def duplicate_keys(path: Path, root: Any) -> list[tuple[str, str]]:
    """Return `file:line` and name of every key that a file has twice in one mapping."""
    return [(f"{path}:{line}", name) for line, name in repeated(root)]


def defined_names(path: Path, root: Any) -> list[tuple[str, str]]:
    """Return `file:line` and name of every key of a file's outermost mapping."""
    entries = root.value if isinstance(root, yaml.MappingNode) else []
    return [(f"{path}:{key.start_mark.line + 1}", str(key.value)) for key, _ in entries]


def repeated(node: Any) -> Iterator[tuple[int, str]]:
    """Give line and name of repeated keys below a node."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(getattr(key, "value", ""))
            if name in seen and name != "<<":
                yield key.start_mark.line + 1, name
            seen.add(name)
            yield from repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from repeated(part)
