"""What to look at when patterns matched no file; it names files, so it stays in the secure zone."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

MOST_COMPARED = 20
"""Patterns that are compared with every file that was written."""


def hint(patterns: Sequence[str], files: Sequence[str]) -> str:
    """Return sentences about patterns that matched nothing, and about the files that were written.

    `files` are the paths that are newer than the job and match no pattern, as they are shown.
    """
    if not files:
        return "The job wrote no files beside its outputs."
    similar = [(pattern, nearest(pattern, files)) for pattern in patterns[:MOST_COMPARED]]
    sentences = [
        f"{path} was written; the pattern is {pattern}." for pattern, path in similar if path
    ]
    listed = ", ".join(files)
    return " ".join([*sentences, f"Files that were written and match nothing: {listed}"])


def nearest(pattern: str, files: Sequence[str]) -> str | None:
    """Return the file that is most like a pattern, None if none is.

    The same name in another folder, or in other letter case, counts most.
    """
    name = pattern.rpartition("/")[2].lower()
    for path in files:
        if path.rpartition("/")[2].lower() == name:
            return path
    lower = {path.lower(): path for path in reversed(files)}
    near = difflib.get_close_matches(pattern.lower(), lower, n=1)
    return lower[near[0]] if near else None
