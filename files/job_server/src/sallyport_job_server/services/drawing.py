"""Where the actions of a graph are drawn: each in the column of its stage, needs to the left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

MOST = 120
"""Actions of a graph that is drawn; nobody reads a larger one."""
WIDTH, HEIGHT = 190, 34
"""Pixels of an action."""
GAP_ACROSS, GAP_DOWN, EDGE = 60, 12, 8
LONGEST_LABEL = 22
"""Characters that fit into an action."""


@dataclass(frozen=True)
class Node:
    """An action and its left upper corner."""

    name: str
    x: int
    y: int

    @property
    def label(self) -> str:
        """The name, or what fits of it."""
        short = f"{self.name[: LONGEST_LABEL - 1]}…"
        return self.name if len(self.name) <= LONGEST_LABEL else short


@dataclass(frozen=True)
class Drawing:
    """A graph as it is drawn; `lines` are paths of SVG from a need to what needs it."""

    width: int
    height: int
    nodes: list[Node]
    lines: list[str]


def stages(needs: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the names of each stage, in their order; one that needs nothing is in the first."""
    number = _stages({name: list(needed) for name, needed in needs.items()})
    found: list[list[str]] = [[] for _stage in range(1 + max(number.values(), default=-1))]
    for name in needs:
        found[number[name]].append(name)
    return found


def _stages(needs: Mapping[str, list[str]]) -> dict[str, int]:
    """Return the stage of each action, one more than the last of those it needs."""
    number: dict[str, int] = {}
    for name in TopologicalSorter(needs).static_order():
        number[name] = 1 + max((number[need] for need in needs[name]), default=-1)
    return number


def draw(needs: Mapping[str, Iterable[str]]) -> Drawing | None:
    """Return how a graph is drawn; None for one that is too large, or has nothing to connect."""
    inside = {name: [need for need in needed if need in needs] for name, needed in needs.items()}
    if not 1 < len(inside) <= MOST or not any(inside.values()):
        return None
    try:
        columns = _columns(inside)
    except CycleError:
        return None
    places = {
        name: (column * (WIDTH + GAP_ACROSS) + EDGE, row * (HEIGHT + GAP_DOWN) + EDGE)
        for column, names in enumerate(columns)
        for row, name in enumerate(names)
    }
    tallest = max(map(len, columns))
    return Drawing(
        len(columns) * (WIDTH + GAP_ACROSS) - GAP_ACROSS + 2 * EDGE,
        tallest * (HEIGHT + GAP_DOWN) - GAP_DOWN + 2 * EDGE,
        [Node(name, *place) for name, place in places.items()],
        [_line(places[need], places[name]) for name in inside for need in inside[name]],
    )


def _columns(needs: Mapping[str, list[str]]) -> list[list[str]]:
    """Return the names of each stage, each near what it needs: in the order of its mean row."""
    rows: dict[str, int] = {}
    columns: list[list[str]] = []
    for names in stages(needs):
        names.sort(key=lambda name: _mean([rows[need] for need in needs[name]]))
        rows.update({name: row for row, name in enumerate(names)})
        columns.append(names)
    return columns


def _mean(numbers: list[int]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _line(source: tuple[int, int], target: tuple[int, int]) -> str:
    x1, y1 = source[0] + WIDTH, source[1] + HEIGHT // 2
    x2, y2 = target[0], target[1] + HEIGHT // 2
    middle = (x1 + x2) // 2
    return f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"
