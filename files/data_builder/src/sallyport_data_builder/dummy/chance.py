"""Chance that repeats itself: the same seed gives the same choices on any machine."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def repeatable(seed: bytes | int) -> Random:
    """Return a generator for rows and tests, never for secrets."""
    return Random(seed)  # noqa: S311 (repeatable on purpose)


class Chance:
    """Choices that use nothing but `random()`, the method whose numbers no version changes."""

    def __init__(self, seed: int) -> None:
        self._random = repeatable(seed)
        self.random = self._random.random

    def begin(self, seed: int) -> None:
        """Start again from a number."""
        self._random.seed(seed)

    def below(self, count: int) -> int:
        """Return a whole number from 0 up to, but not including, a count."""
        return int(self.random() * count)

    def between(self, low: int, high: int) -> int:
        """Return a whole number, both ends included."""
        return low + int(self.random() * (high - low + 1))

    def one_of(self, values: Sequence[T]) -> T:
        """Return one of several values."""
        return values[int(self.random() * len(values))]
