"""Reads the `outputs` of an action."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sallyport_common.outputs import PrivacyLevel
from sallyport_study import patterns
from sallyport_study.document import Part, Report
from sallyport_study.errors import cut, listed, nearest, quoted
from sallyport_study.keys import read_keys
from sallyport_study.shell import smart_quotes

_GLUED = re.compile(r"([\w.-]+):(\S.*)")
_NO_COLON = re.compile(r"([\w-]+) +(\S+\.\w+)")
LEVELS = [level.value for level in PrivacyLevel]


@dataclass
class Output:
    """One pattern of an action; `sound` if nothing is wrong with it."""

    level: PrivacyLevel
    key: str
    pattern: str
    part: Part
    sound: bool


class OutputsReader:
    """Checks what an action makes."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def read(
        self, name: str, place: Part, part: Part | None, beside: list[tuple[Part, Part]]
    ) -> list[Output]:
        """Return the patterns of an action, also those that are refused.

        `beside` are levels that were found beside `outputs`.
        """
        entries = part.entries if part is not None and not part.empty else []
        filled = [pair for pair in [*(entries or []), *beside] if not _is_empty(pair[1])]
        if not filled:
            self._report.problem(place, _no_outputs(name, part, bool(entries)))
            return []
        levels = self._levels(name, filled)
        return [
            output
            for level, (_key, value) in levels.items()
            for output in self._level(name, PrivacyLevel(level), value)
        ]

    def _levels(self, name: str, entries: list[tuple[Part, Part]]) -> dict[str, tuple[Part, Part]]:
        leveled = []
        for key, value in entries:
            if value.string and key.string and not nearest(key.string, LEVELS):
                self._report.problem(
                    key,
                    f"The output {key.shown} of the action '{name}' must be below one of the "
                    f"levels {quoted(LEVELS)}.",
                )
            else:
                leveled.append((key, value))
        return read_keys(self._report, leveled, LEVELS, f"level of outputs (action '{name}')")

    def _level(self, name: str, level: PrivacyLevel, part: Part) -> list[Output]:
        entries = part.entries
        if not entries:
            self._report.problem(part, _not_named(name, level, part))
            return []
        outputs = [self._output(name, level, key, value) for key, value in entries]
        return [output for output in outputs if output]

    def _output(self, name: str, level: PrivacyLevel, key: Part, part: Part) -> Output | None:
        pattern = part.string
        if not pattern:
            self._report.problem(part, _not_text(name, key, part))
            return None
        reasons = patterns.problems(pattern, level)
        if reasons:
            better = patterns.advice(pattern, level)
            hint = f" Write it as '{cut(better)}'." if better else ""
            self._report.problem(
                part,
                f"The output {part.shown} of the action '{name}' is not allowed: "
                f"{listed(reasons)}.{hint}",
            )
        else:
            self._warn(name, part, pattern)
        return Output(level, key.written, pattern, part, not reasons)

    def _warn(self, name: str, part: Part, pattern: str) -> None:
        for text in patterns.warnings(pattern):
            self._report.warn(part, f"The output {part.shown} of the action '{name}' {text}.")
        if smart_quotes(pattern):
            self._report.warn(
                part,
                f"The output {part.shown} of the action '{name}' contains typographic quotation "
                f"marks, which belong to the file's name then.",
            )


def _is_empty(level: Part) -> bool:
    return level.empty or level.entries == []


def _no_outputs(name: str, part: Part | None, levels: bool) -> str:
    if part is None:
        fault = f"The action '{name}' has no 'outputs'"
    elif part.empty or levels or part.entries is not None:
        fault = f"The 'outputs' of the action '{name}' name no file"
    else:
        fault = f"The 'outputs' of the action '{name}' must begin with a level, not be {part.shown}"
    return (
        f"{fault}: add files below at least one of {quoted(LEVELS)}, as in "
        f"'{PrivacyLevel.MODERATE}: {{table: output/table.csv}}'."
    )


def _not_named(name: str, level: PrivacyLevel, part: Part) -> str:
    if glued := _GLUED.fullmatch(part.written):
        return f"Write a space after the colon: '{glued[1]}: {cut(glued[2])}'."
    if no_colon := _NO_COLON.fullmatch(part.written):
        return (
            f"There is no colon after '{no_colon[1]}': write '{no_colon[1]}: {cut(no_colon[2])}'."
        )
    if part.items and all(item.entries for item in part.items):
        return f"The {level} outputs of the action '{name}' are a list; write them without '- '."
    return (
        f"The {level} outputs of the action '{name}' must each have a name and a file, as in "
        f"'{level}: {{table: {_example(part)}}}'."
    )


def _example(part: Part) -> str:
    items = part.items
    written = items[0].written if items else part.written
    return cut(written) if written else "output/table.csv"


def _not_text(name: str, key: Part, part: Part) -> str:
    if part.empty or part.string == "":
        return (
            f"The output '{cut(key.written)}' of the action '{name}' has no file: write its path "
            f"after the colon, as in '{cut(key.written)}: output/table.csv'."
        )
    if part.written:
        return (
            f"The output {part.shown} of the action '{name}' would be read as {part.read_as}, "
            f"not as the path of a file; a path looks like 'output/table.csv'."
        )
    return (
        f"The output '{cut(key.written)}' of the action '{name}' must be one file or pattern, "
        f"not {part.shown}; give each file a line of its own."
    )
