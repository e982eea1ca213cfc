"""What to look at when patterns matched no file; it names files, so it stays in the secure zone."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from sallyport_runner.services.outputs.matching import Matcher
from sallyport_runner.services.outputs.scan import shown

MOST_NAMED = 10
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


def links(others: Sequence[str], patterns: Iterable[str]) -> str:
    """Return a sentence about what matches a pattern and is not taken; nothing if all is.

    `others` are paths of links, files with several names, pipes and the like.
    """
    matcher = Matcher(patterns)
    found = [shown(path) for path in others if matcher.of(path)]
    if not found:
        return ""
    listed = ", ".join(found[:MOST_NAMED]) + (" and others" if len(found) > MOST_NAMED else "")
    return f"Only files are taken, and no links: write a copy in place of {listed}."


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
