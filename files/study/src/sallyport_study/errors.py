"""What is wrong in a project.yaml, each finding one sentence for the study's author."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from sallyport_common.errors import SallyportError
from sallyport_common.strict_yaml import Finding

MOST_PROBLEMS = 100


class ProjectError(SallyportError):
    """A project.yaml is refused, or an action asked for is not in it.

    `findings` have line and column, both from 1, or 0 where there is no place; `problems` are the
    same as text, `line 12, column 5: The action …`.
    """

    def __init__(self, problems: Sequence[str | Finding]) -> None:
        self.findings = tuple(
            Finding(0, 0, problem) if isinstance(problem, str) else problem for problem in problems
        )
        self.problems = tuple(map(str, self.findings))
        super().__init__("\n".join(self.problems))


def shortened(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of the file, each once; of very many the first."""
    ordered = sorted(set(findings), key=lambda one: (not one.line, one))
    rest = len(ordered) - MOST_PROBLEMS
    if rest <= 0:
        return ordered
    return [*ordered[:MOST_PROBLEMS], Finding(0, 0, f"There are {rest} more problems.")]


MOST_COMPARED, LONGEST_COMPARED = 100, 250


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the name that is most like a word, None if none is.

    Comparing is slow: of many names only those that start like the word are compared, and no name
    is as long as some words.
    """
    candidates = list(names) if len(word) < LONGEST_COMPARED else []
    if len(candidates) > MOST_COMPARED:
        alike = [name for name in candidates if name[:3] == word[:3]]
        candidates = alike[:MOST_COMPARED]
    near = difflib.get_close_matches(word, candidates, n=1)
    return near[0] if near else None


def suggestion(word: str, names: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest name, or a full stop."""
    near = nearest(word, names)
    return f"; did you mean '{near}'?" if near else "."


MOST_QUOTED = 10
LONGEST_QUOTED = 120


def quoted(words: Iterable[str]) -> str:
    """Return the words of a list in quotes, separated by commas and `and`; of many the first."""
    names = [f"'{word}'" for word in words]
    if len(names) > MOST_QUOTED:
        names = [*names[:MOST_QUOTED], f"{len(names) - MOST_QUOTED} more"]
    return listed(names)


def listed(words: Sequence[str]) -> str:
    """Return words or clauses separated by commas and `and`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def cut(text: str) -> str:
    """Return a value as a sentence can quote it: one line that is not too long."""
    line = " ".join(text.split()) if "\n" in text else text
    return line if len(line) <= LONGEST_QUOTED else f"{line[:LONGEST_QUOTED]}…"
