"""Characters and lines that no project.yaml contains on purpose."""

from __future__ import annotations

import re

from sallyport_common.strict_yaml import Finding

_FORBIDDEN = re.compile("[^\t\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONFLICT = re.compile(r"<{7} |={7}$|>{7} |\|{7} ")
_NAMES = {"\0": "a NUL byte", "\x1b": "an escape character", "\x07": "a bell character"}
MOST_CHARACTERS = 20


def check_characters(lines: list[str]) -> tuple[list[Finding], list[str]]:
    """Report control characters; return the lines without them, each as long as before."""
    findings: list[Finding] = []
    cleaned = []
    for number, line in enumerate(lines, start=1):
        if not line.isprintable():
            for match in _FORBIDDEN.finditer(line):
                name = _NAMES.get(match[0], f"the control character U+{ord(match[0]):04X}")
                text = f"The line contains {name}, which does not belong in a text file; remove it."
                findings.append(Finding(number, match.start() + 1, text))
            line = _FORBIDDEN.sub(_replacement, line)
        cleaned.append(line)
    return findings[:MOST_CHARACTERS], cleaned


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
