"""Characters and lines that no project.yaml contains on purpose."""

from __future__ import annotations

import re
from itertools import islice

from sallyport_common.strict_yaml import Finding

_FORBIDDEN = re.compile("[^\t\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONFLICT = re.compile(r"<{7} |={7}$|>{7} |\|{7} ")
_NAMES = {"\0": "a NUL byte", "\x1b": "an escape character", "\x07": "a bell character"}
MOST_CHARACTERS = 20


def check_characters(lines: list[str]) -> tuple[list[Finding], list[str]]:
    """Report control characters; return the lines without them, each as long as before."""
    places = (
        (number, match)
        for number, line in enumerate(lines, start=1)
        if not line.isprintable()
        for match in _FORBIDDEN.finditer(line)
    )
    findings = [
        Finding(
            number,
            match.start() + 1,
            f"The line contains {_called(match[0])}, which does not belong in a text file; remove "
            f"it.",
        )
        for number, match in islice(places, MOST_CHARACTERS)
    ]
    if not findings:
        return [], lines
    return findings, [_FORBIDDEN.sub(_replacement, line) for line in lines]


def _called(character: str) -> str:
    return _NAMES.get(character, f"the control character U+{ord(character):04X}")


def _replacement(match: re.Match[str]) -> str:
    before = match.string[match.start() - 1 : match.start()]
    return " " if not before or before.isspace() else "_"


def check_conflicts(lines: list[str]) -> tuple[list[Finding], list[str]]:
    """Report the marks that git leaves where two versions conflict; return lines without them."""
    marks = [number for number, line in enumerate(lines, start=1) if _CONFLICT.match(line)]
    if len(marks) < 2:
        return [], lines
    text = (
        f"Lines {', '.join(map(str, marks))} are git's marks of a merge conflict; decide between "
        f"the versions and remove these lines."
    )
    return [Finding(marks[0], 1, text)], _first_version(lines)


def _first_version(lines: list[str]) -> list[str]:
    kept, other = [], False
    for line in lines:
        mark = _CONFLICT.match(line)
        if mark:
            other = mark[0][0] in "=|"
        kept.append("" if mark or other else line)
    return kept
