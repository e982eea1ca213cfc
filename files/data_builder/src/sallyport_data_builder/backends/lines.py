"""Finds the line of a key in a mapping file, so that a message can point at it."""

from __future__ import annotations

import re

HEADER = re.compile(r"\s*\[([^\[\]]+)\]\s*(#.*)?$")
KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=(.*)$"""
)
INNER = re.compile(r"""[{,]\s*([A-Za-z0-9_-]+|"[^"]*"|'[^']*')\s*=""")
QUOTES = ('"""', "'''")
Path = tuple[str, ...]


class Lines:
    """The lines of a TOML text by path; the text has been parsed before, so it is well formed."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        table: Path = ()
        closing = ""
        for number, line in enumerate(text.splitlines(), start=1):
            if closing:
                closing = "" if closing in line else closing
                continue
            if found := HEADER.match(line):
                table = _words(found.group(1))
                self._note(table, number)
            elif found := KEY.match(line):
                path = table + _words(found.group(1))
                self._note(path, number)
                for inner in INNER.findall(found.group(2)):
                    self._note((*path, *_words(inner)), number)
                closing = _open_quote(found.group(2))

    def _note(self, path: Path, number: int) -> None:
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], number)

    def __bool__(self) -> bool:
        """Return whether there is a string; a backend may be Python alone."""
        return bool(self._lines)

    def of(self, path: Path) -> int:
        """Return the line of a path, or of what holds it; 1 where nothing does."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 1


def _words(text: str) -> Path:
    return tuple(word.strip().strip("\"'") for word in text.split("."))


def _open_quote(rest: str) -> str:
    """Return the quotes that a value opens and does not close in its line."""
    for quotes in QUOTES:
        if rest.count(quotes) % 2:
            return quotes
    return ""
