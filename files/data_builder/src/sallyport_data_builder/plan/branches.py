"""The WHERE clause of a fused scan: what every branch asks for, and any of the rest (PLN-03)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sallyport_data_builder.model.nodes import Series, Where

Filters = tuple[Where, ...]


@dataclass(frozen=True)
class Both:
    """A predicate, and what is asked for beside it."""

    predicate: Series
    rest: Formula


@dataclass(frozen=True)
class Either:
    """One of several."""

    parts: tuple[Formula, ...]


Formula = Series | Both | Either


def any_of(branches: Iterable[Filters]) -> Formula | None:
    """Return the condition of rows that are in one of the branches; None if all rows are.

    Branches that begin with the same filter share it, so that an index on its column is used.
    """
    heads: dict[Where, list[Filters]] = {}
    for filters in branches:
        if not filters:
            return None
        heads.setdefault(filters[0], []).append(filters[1:])
    parts = tuple(_both(head.predicate, any_of(rests)) for head, rests in heads.items())
    return parts[0] if len(parts) == 1 else Either(parts)


def _both(predicate: Series, rest: Formula | None) -> Formula:
    return predicate if rest is None else Both(predicate, rest)


def in_common(branches: Sequence[Filters]) -> int:
    """Return how many filters all branches begin with."""
    count = 0
    for filters in zip(*branches, strict=False):
        if any(item is not filters[0] for item in filters):
            break
        count += 1
    return count
