"""A page of a list: what is on it, and whether there is more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
SIZE = 50
"""Rows of a page."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """The rows of page `number`, which begins with 1, and whether more follow."""

    rows: list[T]
    number: int
    more: bool

    @classmethod
    def of(cls, number: int, read: Callable[[int, int], list[T]], size: int = SIZE) -> Page[T]:
        """Return a page, for which `read` is given the most rows and how many come before."""
        rows = read(size + 1, (number - 1) * size)
        return cls(rows[:size], number, len(rows) > size)
