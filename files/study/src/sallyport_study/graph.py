"""Dependencies between actions: names that do not exist, and circles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sallyport_study.errors import suggestion
from sallyport_study.project import Action


def unknown_needs(actions: Mapping[str, Action], known: Iterable[str]) -> list[str]:
    """Return a sentence for each need that is no action, with the nearest name there is."""
    names = list(known)
    return [
        f"The action '{name}' needs '{need}', which is not an action of this file"
        + suggestion(need, names)
        if " " not in need
        else f"The action '{name}' needs '{need}'; separate the names with commas."
        for name, action in actions.items()
        for need in action.needs
        if need not in names
    ]


def cycles(actions: Mapping[str, Action]) -> list[str]:
    """Return a sentence for each circle of needs, naming the way round it once."""
    done: set[str] = set()
    found = []
    for start in actions:
        found += _walk(start, actions, done)
    return [f"The actions need each other in a circle: {' -> '.join(circle)}." for circle in found]


def _walk(start: str, actions: Mapping[str, Action], done: set[str]) -> list[list[str]]:
    found: list[list[str]] = []
    if start in done:
        return found
    path = [start]
    pending = [iter(actions[start].needs)]
    while path:
        need = next(pending[-1], None)
        if need is None:
            done.add(path.pop())
            pending.pop()
        elif need in path:
            found.append([*path[path.index(need) :], need])
        elif need not in done and need in actions:
            path.append(need)
            pending.append(iter(actions[need].needs))
    return found
