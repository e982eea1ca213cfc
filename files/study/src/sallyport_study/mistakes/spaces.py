"""Tabs, invisible spaces, indentation, and lines that separate files."""

from __future__ import annotations

import re

from sallyport_common.strict_yaml import SECOND_DOCUMENT, Finding
from sallyport_study.keys import invisible
from sallyport_study.mistakes.lines import Broken, Mistake, indent_of, key_of

_TAB = re.compile(r" *\t[ \t]*")
_BLANK = re.compile(r"[^\S\n]*")
_WIDTHS = (2, 4, 8)
MOST_TABS = 100_000
"""Lines that are corrected; each takes memory for every width that is tried."""
_MARKER = re.compile(r":\s+[|>][+-]?\s*$")
_COMMENTS = ("//", "/*", "<!--", ";", "-- ")


def tab(broken: Broken) -> Mistake | None:
    """Explain a tab where only spaces indent."""
    if "tab character" not in broken.error.reason and broken.character() != "\t":
        return None
    number, line = broken.line, broken.text(broken.line)
    if not _TAB.match(line):
        before, after = line[: broken.column - 1], line[broken.column - 1 :]
        text = "There is a tab here where a space is expected; type a space."
        return broken.mistake(number, broken.column, text, f"{before} {after.lstrip()}")
    tabs = {at: text for at, text in enumerate(broken.lines, start=1) if _TAB.match(text)}
    more = len(tabs) - 1
    others = f", as {more} more lines are (up to line {max(tabs)})" if more > 1 else ""
    others = f", as line {max(tabs)} is" if more == 1 and max(tabs) != number else others
    first = min(tabs)
    text = f"The line is indented with a tab{others}; indent with spaces only."
    widths = _WIDTHS if len(tabs) < MOST_TABS else ()
    corrections = [{at: _expanded(line, width) for at, line in tabs.items()} for width in widths]
    return Mistake(Finding(first, tabs[first].index("\t") + 1, text), corrections)


def _expanded(line: str, width: int) -> str:
    match = _TAB.match(line)
    end = match.end() if match else 0
    return line[:end].expandtabs(width) + line[end:]


def separator(broken: Broken) -> Mistake | None:
    """Explain lines that begin or end a file within the file."""
    if broken.error.reason == SECOND_DOCUMENT:
        text = "A line '---' begins another file here; remove it. A project is one file."
        rest = broken.lines[broken.line :]
        whole = any(line.startswith("version") for line in rest)
        numbers = range(broken.line, len(broken.lines) + 1) if whole else [broken.line]
        return Mistake(Finding(*broken.error.place, text), [dict.fromkeys(numbers, "")])
    if "<document start>" in broken.error.reason:
        for number in range(broken.line, 0, -1):
            if broken.text(number).rstrip() == "...":
                text = "A line '...' ends the file here; remove it."
                return broken.mistake(number, 1, text, "")
    if broken.text(broken.line).startswith("%"):
        text = "A line may not begin with '%'; begin a comment with '#'."
        return broken.mistake(broken.line, 1, text, "")
    return None


def invisible_space(broken: Broken) -> Mistake | None:
    """Explain a character that looks like a space in the indentation or after a colon."""
    candidates = (broken.line, broken.content_before(broken.line), broken.error.begin[0])
    for number in filter(None, candidates):
        line = broken.text(number)
        for at in _after_marks(line):
            if name := invisible(line[at : at + 1]):
                text = f"There is {name} where an ordinary space is expected; type a space."
                return broken.mistake(number, at + 1, text, _visible(line))
    return None


def _after_marks(line: str) -> list[int]:
    """Return the positions of what looks like spaces: at the beginning, after a colon or dash."""
    match = _BLANK.match(line)
    begin = range(match.end() if match else 0)
    return [*begin, *(found.end() for found in re.finditer(r"[:-]", line))]


def _visible(line: str) -> str:
    return "".join(" " if invisible(letter) else letter for letter in line)


def below_marker(broken: Broken) -> Mistake | None:
    """Explain lines after `run: >` that are not indented further than `run`."""
    for number in (broken.error.begin[0], broken.line, broken.content_before(broken.line)):
        before = broken.content_before(number) if number else None
        above = broken.text(before or 0)
        key = key_of(above)
        if not number or not key or not _MARKER.search(above):
            continue
        line, indent = broken.text(number), indent_of(above)
        if indent_of(line) <= indent:
            mark, name = above.rstrip()[-1], key["key"]
            text = f"After {mark} the value must be indented further than '{name}'."
            return broken.mistake(
                number, indent_of(line) + 1, text, " " * (indent + 2) + line.lstrip(" ")
            )
    return None


def comment(broken: Broken) -> Mistake | None:
    """Explain a comment as other languages have it."""
    for number in (broken.error.begin[0], broken.line, broken.content_before(broken.line)):
        line = broken.text(number or 0)
        if number and line.lstrip().startswith(_COMMENTS):
            text = "A comment begins with '#', not as this line does."
            return broken.mistake(number, indent_of(line) + 1, text, "")
    return None


def continued(broken: Broken) -> Mistake | None:
    """Explain an option on a line of its own that is not indented further than its `run`."""
    for number in (broken.error.begin[0], broken.line):
        line = broken.text(number)
        before = broken.content_before(number) if number else None
        if before and line.lstrip().startswith("--") and not line.lstrip().startswith("---"):
            indent = indent_of(broken.text(before))
            text = (
                "This line continues the value above; indent it further, or write both as one line."
            )
            corrected = " " * (indent + 2) + line.lstrip(" ")
            return broken.mistake(number, indent_of(line) + 1, text, corrected)
    return None


def indentation(broken: Broken) -> Mistake | None:
    """Explain a line whose indentation fits no line above it."""
    number = broken.line
    line = broken.text(number)
    if not line.strip() or broken.content_before(number) is None:
        return None
    indent = indent_of(line)
    fitting = [width for width in _fitting(broken, number) if width != indent]
    fitting.sort(key=lambda width: (abs(width - indent), -width))
    text = f"The line is indented with {_spaces(indent)}, which does not fit the lines above"
    corrected = [" " * width + line.lstrip(" ") for width in fitting[:4]]
    mistake = broken.mistake(number, indent + 1, f"{text}.", *corrected)
    mistake.sentences = [f"{text}; indent it with {_spaces(width)}." for width in fitting[:4]]
    if above := _outdented(broken, number, indent):
        first = min(above)
        mistake.corrections.append(above)
        mistake.sentences.append(
            f"{text}: line {first} has {_spaces(indent_of(broken.text(first)))}. Indent both alike."
        )
    return mistake if mistake.corrections else None


def _outdented(broken: Broken, number: int, indent: int) -> dict[int, str]:
    """Return the lines above that are indented further than this one, indented like it."""
    block: list[int] = []
    before = broken.content_before(number)
    while before is not None and indent_of(broken.text(before)) > indent:
        block.append(before)
        before = broken.content_before(before)
    extra = min((indent_of(broken.text(at)) for at in block), default=indent) - indent
    return {at: broken.text(at)[extra:] for at in block} if extra else {}


def _fitting(broken: Broken, number: int) -> list[int]:
    """Return the indentations that the line may have: those of open levels, and of a new one."""
    widths: list[int] = []
    before = broken.content_before(number)
    if before is not None and broken.text(before).rstrip().endswith(":"):
        widths.append(indent_of(broken.text(before)) + 2)
    while before is not None:
        above = broken.text(before)
        width = indent_of(above)
        further_out = not widths or width < min(widths)
        if further_out and (key_of(above) or above.lstrip().startswith("-")):
            widths.append(width)
        if width == 0:
            break
        before = broken.content_before(before)
    return widths


def _spaces(count: int) -> str:
    return "1 space" if count == 1 else f"{count or 'no'} spaces"
