"""Problems of a project.yaml, each one sentence for the study's author."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from sallyport_common.errors import SallyportError


class ProjectError(SallyportError):
    """A project.yaml is refused, or an action asked for is not in it; `problems` says why."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


MOST_COMPARED = 100


def suggestion(word: str, names: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest name, or a full stop.

    Comparing is slow: of many names only those that start like the word are compared.
    """
    candidates = list(names)
    if len(candidates) > MOST_COMPARED:
        alike = [name for name in candidates if name[:3] == word[:3]]
        candidates = alike[:MOST_COMPARED]
    near = difflib.get_close_matches(word, candidates, n=1)
    return f"; did you mean '{near[0]}'?" if near else "."


def quoted(words: Iterable[str]) -> str:
    """Return the words of a list in quotes, separated by commas."""
    return ", ".join(f"'{word}'" for word in words)
