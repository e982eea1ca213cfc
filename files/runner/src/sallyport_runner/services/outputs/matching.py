"""Which of a job's patterns a file matches, without trying them all on each file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sallyport_study.patterns import matches


class Matcher:
    """The patterns of a job by what decides them: the whole name, or else the folder."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = list(patterns)
        self._names: dict[str, int] = {}
        self._folders: dict[str, list[int]] = defaultdict(list)
        self._others: list[int] = []
        for number, pattern in enumerate(self._patterns):
            folder = pattern.rpartition("/")[0]
            if "*" not in pattern:
                self._names[pattern] = number
            elif "*" in folder:
                self._others.append(number)
            else:
                self._folders[folder].append(number)

    def of(self, path: str) -> list[str]:
        """Return the patterns that a path matches, in their order."""
        numbers = [*self._folders.get(path.rpartition("/")[0], ()), *self._others]
        if path in self._names:
            numbers.append(self._names[path])
        patterns = (self._patterns[number] for number in sorted(numbers))
        return [pattern for pattern in patterns if matches(pattern, path)]
