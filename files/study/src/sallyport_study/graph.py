"""Dependencies between actions: unknown names, cycles, and the order in which actions run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import islice

from sallyport_study.errors import suggestion

MOST_CYCLES = 20
MOST_UNKNOWN = 100


def unknown_needs(needs: Mapping[str, Sequence[str]], names: Iterable[str]) -> list[str]:
    """Return a sentence for each need that is not an action, with the nearest name there is."""
    actions = dict.fromkeys(names)
    unknown = (
        (name, need) for name, needed in needs.items() for need in needed if need not in actions
    )
    return [
        f"The action '{name}' needs '{need}', which is not an action of this file"
        + suggestion(need, actions)
        if " " not in need
        else f"The action '{name}' needs '{need}'; separate the names with commas."
        for name, need in islice(unknown, MOST_UNKNOWN)
    ]


def cycles(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a sentence for each cycle of needs, from the action that the file names first.

    A cycle is opened by forgetting one of its needs, until none is left: cycles that share that
    need appear as one.
    """
    left = {name: [need for need in needed if need in needs] for name, needed in needs.items()}
    position = {name: number for number, name in enumerate(needs)}
    ways: list[list[str]] = []
    while len(ways) < MOST_CYCLES and (way := _cycle(left)):
        left[way[0]].remove(way[1])
        first = way.index(min(way, key=position.__getitem__))
        ways.append([*way[first:-1], *way[: first + 1]])
    ways.sort(key=lambda way: [position[name] for name in way])
    return [f"The actions form a cycle: {' -> '.join(way)}." for way in ways]


def _cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def order(needs: Mapping[str, Sequence[str]], requested: Iterable[str]) -> list[str]:
    """Return the requested actions and all that they need, each after its needs."""
    pending = list(requested)
    chosen: dict[str, Sequence[str]] = {}
    for name in pending:
        if name not in chosen:
            chosen[name] = needs[name]
            pending += needs[name]
    return list(TopologicalSorter(chosen).static_order())
