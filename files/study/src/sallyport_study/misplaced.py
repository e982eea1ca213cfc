"""Settings and actions at the wrong indentation: reported, and read where they were meant."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sallyport_common.outputs import PrivacyLevel
from sallyport_study.document import Part, Report
from sallyport_study.errors import cut

Pair = tuple[Part, Part]
KEYS = ("run", "outputs", "needs", "config", "dummy_data_file")
"""The settings of an action."""
_LEVELS = frozenset(level.value for level in PrivacyLevel)


class Settings(NamedTuple):
    """An action's name, what is below it, and its settings; None if it has none."""

    name: Part
    body: Part
    entries: list[Pair] | None


def _is_action(key: Part, body: Part) -> bool:
    if key.string in KEYS:
        return False
    return any(name.string in {"run", "outputs"} for name, _value in body.entries or [])


def outside(entries: Sequence[Pair], known: Sequence[str]) -> tuple[list[Pair], list[Pair]]:
    """Return the settings of the file, and the actions that are beside them."""
    stray = [pair for pair in entries if pair[0].string not in known and _is_action(*pair)]
    return [pair for pair in entries if pair not in stray] if stray else list(entries), stray


def report_outside(report: Report, stray: Sequence[Pair], *, below: bool) -> None:
    """Report actions beside `actions`; without `below`, there is no such line at all."""
    if stray and not below:
        first = stray[0][0]
        text = f"The line 'actions:' is missing above {first.shown}; indent all actions below it."
        report.problem(first, text)
        return
    for name, _body in stray:
        text = f"The action {name.shown} is outside of 'actions'; indent all its lines further."
        report.problem(name, text)


def actions(report: Report, entries: Sequence[Pair]) -> Iterator[Settings]:
    """Yield each action, also one among the settings of another."""
    left = deque(entries)
    while left:
        name, body = left.popleft()
        beside = []
        while body.empty and left and _is_setting(*left[0]):
            beside.append(left.popleft())
        if beside:
            report.problem(
                beside[0][0],
                f"The settings of the action {name.shown} are not indented further than its name; "
                f"indent each of them with two more spaces.",
            )
        settings = beside or body.entries
        inner = [pair for pair in settings or [] if _is_action(*pair)]
        for stray, _body in inner:
            of = name.shown
            text = (
                f"The action {stray.shown} is indented as a setting of {of}; indent it as {of} is."
            )
            report.problem(stray, text)
        left.extendleft(reversed(inner))
        if settings and inner:
            settings = [pair for pair in settings if pair not in inner]
        yield Settings(name, body, settings)


def _is_setting(name: Part, body: Part) -> bool:
    """Return whether what looks like an action is the setting of one."""
    if name.string not in KEYS:
        return False
    return not any(key.string in KEYS for key, _value in body.entries or [])


def levels(report: Report, entries: list[Pair], name: str) -> tuple[list[Pair], list[Pair]]:
    """Return the settings of an action, and the levels of outputs that are beside them."""
    beside = [pair for pair in entries if pair[0].string in _LEVELS]
    if not beside:
        return entries, []
    for level, _files in beside:
        text = (
            f"{level.shown} of the action '{cut(name)}' must be below 'outputs', indented further."
        )
        report.problem(level, text)
    return [pair for pair in entries if pair not in beside], beside
