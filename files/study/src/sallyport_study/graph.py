"""Dependencies between actions: unknown names, cycles, and the order in which actions run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from sallyport_study.errors import MOST_QUOTED, cut, suggestion
from sallyport_study.images import RUN_ALL

if TYPE_CHECKING:
    from sallyport_study.actions import Draft
    from sallyport_study.document import Report

MOST_CYCLES = 20
MOST_COMPARED_NEEDS = 100


def unknown_needs(drafts: Iterable[Draft], report: Report) -> None:
    """Report each need that is not an action of the file, with the nearest name there is."""
    drafts = list(drafts)
    names = dict.fromkeys(draft.name for draft in drafts)
    unknown = [
        (draft, need) for draft in drafts for need in draft.needs if need.written not in names
    ]
    for number, (draft, need) in enumerate(unknown):
        # Comparing is slow, and nobody reads a hundred of these.
        hint = suggestion(need.written, names) if number < MOST_COMPARED_NEEDS else "."
        report.problem(need, _unknown(cut(draft.name), need.written, hint))


def _unknown(name: str, need: str, hint: str) -> str:
    parts = [part for part in need.replace(",", " ").split() if part != "-"]
    if len(parts) > 1 and " - " in need:
        return (
            f"The action '{name}' needs '{cut(need)}', which is one name in two lines: begin each "
            f"line with '- ', all with the same indentation."
        )
    if len(parts) > 1:
        return (
            f"The action '{name}' needs '{cut(need)}', which is one name with spaces: separate "
            f"names with commas, as in '[{cut(', '.join(parts))}]'."
        )
    if need == RUN_ALL:
        return (
            f"The action '{name}' needs '{RUN_ALL}', which means all actions; name actions instead."
        )
    return f"The action '{name}' needs '{cut(need)}', which is not an action of this file{hint}"


def cycles(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return each cycle of needs, from the action that the file names first back to it.

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
    return ways


def report_cycles(drafts: Mapping[str, Draft], report: Report) -> None:
    """Report each cycle of needs, at the need that begins it."""
    needs = {name: [need.written for need in draft.needs] for name, draft in drafts.items()}
    for way in cycles({name: list(dict.fromkeys(needed)) for name, needed in needs.items()}):
        place = drafts[way[0]].needs[needs[way[0]].index(way[1])]
        if len(way) == 2:
            report.problem(place, f"The action '{cut(way[0])}' needs itself; remove this need.")
            continue
        shown = [*way[:MOST_QUOTED], "…", way[-1]] if len(way) > MOST_QUOTED + 2 else way
        report.problem(
            place, f"The actions form a cycle, so none can be first: {' -> '.join(shown)}."
        )


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
