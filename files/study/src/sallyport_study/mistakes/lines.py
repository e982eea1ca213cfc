"""The lines around the place where a parser stopped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sallyport_common.strict_yaml import Finding, YamlSyntaxError

_KEY = re.compile(r"\s*(?:-\s+)*(?P<key>[^\s:#'\"{}\[\],&*!|>%@`-][^:#]*?)\s*:(?=\s|$)")
_COMMENT = re.compile(r"\s+#.*$")


LONGEST_LINE = 10_000
"""Characters; a longer line was not written by hand, and the expressions here are slow on it."""


@dataclass
class Mistake:
    """A sentence with its place, and corrections to try: new lines by their number."""

    finding: Finding
    corrections: list[dict[int, str]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    """What to say instead if the correction of the same number was meant."""


@dataclass
class Broken:
    """Lines, counted from 1 like the error's places, and the error."""

    lines: list[str]
    error: YamlSyntaxError

    @property
    def line(self) -> int:
        """The line where the parser stopped; at the end of the file, the last one."""
        return min(max(self.error.place[0], 1), len(self.lines))

    @property
    def column(self) -> int:
        """The column where the parser stopped."""
        return max(self.error.place[1], 1)

    @property
    def readable(self) -> bool:
        """Return whether the lines in question are short enough to be looked at."""
        numbers = (self.line, self.content_before(self.line) or 0, self.error.begin[0])
        return max(len(self.text(number)) for number in numbers) < LONGEST_LINE

    @property
    def at_end(self) -> bool:
        """Return whether the parser stopped at the end of the file."""
        number, column = self.error.place
        rest = [self.text(number)[column - 1 :], *self.lines[number:]]
        return not "".join(rest).strip()

    def text(self, line: int) -> str:
        """Return a line; after the last one there are empty ones."""
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ""

    def character(self) -> str:
        """Return the character where the parser stopped, nothing at the end of a line."""
        return self.text(self.line)[self.column - 1 : self.column]

    def content_before(self, line: int) -> int | None:
        """Return the number of the last line before that is neither blank nor a comment."""
        for number in range(line - 1, 0, -1):
            text = self.text(number).strip()
            if text and not text.startswith("#"):
                return number
        return None

    def mistake(self, line: int, column: int, text: str, *corrected: str) -> Mistake:
        """Return a mistake in one line with the lines to try instead."""
        return Mistake(Finding(line, column, text), [{line: new} for new in corrected])


def indent_of(line: str) -> int:
    """Return the number of spaces at the beginning of a line."""
    return len(line) - len(line.lstrip(" "))


def key_of(line: str) -> re.Match[str] | None:
    """Return the match of the name before the first colon, None if the line has no colon."""
    return _KEY.match(line)


def value_of(line: str) -> tuple[int, str]:
    """Return the column of what is written after the name or the dash, and its text."""
    match = key_of(line)
    begin = match.end() if match else len(line) - len(line.lstrip(" -"))
    begin += len(line[begin:]) - len(line[begin:].lstrip())
    return begin + 1, _COMMENT.sub("", line[begin:]).rstrip()


def in_quotes(value: str) -> str:
    """Return a value in quotes, as the file must have it."""
    if '"' in value or "\\" in value:
        return "'" + value.replace("'", "''") + "'"
    return f'"{value}"'
