"""Faults of an inventory: a sentence, the hosts that it is true for, and where its value is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLOSE = 0.6


@dataclass(frozen=True)
class Fault:
    """One fault: `origin` is `file:line` or empty; `host` is empty for one of the whole site."""

    sentence: str
    host: str = ""
    origin: str = ""


def origin_of(*values: Any) -> str:
    """Return `file:line` of the first value that was read from a file, or an empty string.

    ansible-core tags what it reads from YAML since 2.19; an older one is refused by its version.
    """
    try:
        from ansible._internal._datatag._tags import Origin
    except ImportError:
        return ""
    for value in values:
        tag = Origin.get_tag(value)
        if tag is not None and tag.path:
            return ":".join([relative(tag.path), *([str(tag.line_num)] if tag.line_num else [])])
    return ""


def relative(path: str) -> str:
    """Return a path as seen from the current folder where it lies below it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def listed(words: Iterable[str], nothing: str = "none") -> str:
    """Return words separated by commas, or a given text if there are no words."""
    return ", ".join(words) or nothing


def nearest(word: str, candidates: Iterable[str], cutoff: float = CLOSE) -> str | None:
    """Return the candidate most similar to a word, or None."""
    return next(iter(difflib.get_close_matches(word, list(candidates), 1, cutoff)), None)


def rendered(faults: Iterable[Fault], hosts: list[str]) -> list[str]:
    """Return each fault once, as `file:line: sentence (hosts)`, sorted by file and line."""
    affected: dict[tuple[str, str], list[str]] = {}
    for fault in faults:
        seen = affected.setdefault((fault.origin, fault.sentence), [])
        if fault.host and fault.host not in seen:
            seen.append(fault.host)
    return [
        f"{f'{origin}: ' if origin else ''}{sentence}{suffix(seen, hosts)}"
        for (origin, sentence), seen in sorted(affected.items(), key=order)
    ]


def order(entry: tuple[tuple[str, str], list[str]]) -> tuple[str, int, str]:
    """Return the sort key of a fault: file, line as a number, sentence."""
    (origin, sentence), _ = entry
    path, _, line = origin.rpartition(":")
    return (path, int(line), sentence) if path and line.isdigit() else (origin, 0, sentence)


def suffix(affected: list[str], hosts: list[str]) -> str:
    """Return the hosts of a fault as the end of its line."""
    if not affected:
        return ""
    if len(affected) > 1 and len(affected) == len(hosts):
        return " (all hosts)"
    return f" ({'host' if len(affected) == 1 else 'hosts'} {', '.join(affected)})"
