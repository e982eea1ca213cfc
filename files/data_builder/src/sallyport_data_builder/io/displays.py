"""Tables as people see them, in a terminal or in an editor."""

from __future__ import annotations

import datetime
import html
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

GAP = "..."


def cell(value: Any) -> str:
    """Return a value as files have it, on one line; only NULL is a word."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "T" if value else "F"
    return plain(value.isoformat() if isinstance(value, datetime.date) else str(value))


def plain(text: str) -> str:
    """Return text without what ends a line or steers a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def cells(
    rows: Sequence[Sequence[Any]], head: int | None = None, tail: int | None = None
) -> list[list[str]]:
    """Return all rows, or the first and the last ones with a row of dots between them."""
    first, last = len(rows), len(rows)
    if head is not None or tail is not None:
        first = min(head or 0, len(rows))
        last = max(len(rows) - (tail or 0), first)
    texts = [list(map(cell, row)) for row in rows[:first]]
    if last > first:
        texts.append([GAP] * len(rows[0]))
    return texts + [list(map(cell, row)) for row in rows[last:]]


class Display(Protocol):
    """A form of output."""

    def title(self, text: str) -> Iterator[str]:
        """Yield the header."""

    def text(self, text: str) -> Iterator[str]:
        """Yield a plain value."""

    def table(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """Yield a table of cells."""


class Ascii:
    """Lines for a terminal."""

    def title(self, text: str) -> Iterator[str]:
        """Yield the line above."""
        yield plain(text)

    def text(self, text: str) -> Iterator[str]:
        """Yield it as a line."""
        yield from (plain(text), "")

    def table(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """Yield columns that are as wide as what they hold."""
        head = list(map(plain, names))
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        yield _padded(head, widths)
        yield "-+-".join("-" * width for width in widths)
        yield from (_padded(row, widths) for row in rows)
        yield ""


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    pairs = zip(row, widths, strict=True)
    return " | ".join(text.ljust(width) for text, width in pairs).rstrip()


class Html:
    """A fragment for an editor's page, without style and script; all text is escaped."""

    def title(self, text: str) -> Iterator[str]:
        """Yield a heading."""
        yield _element("h2", plain(text))

    def text(self, text: str) -> Iterator[str]:
        """Yield a paragraph."""
        yield _element("p", plain(text))

    def table(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """Yield a row per line."""
        yield "<table>"
        yield f"<thead>{_row('th', map(plain, names))}</thead>"
        yield "<tbody>"
        yield from (_row("td", row) for row in rows)
        yield "</tbody>"
        yield "</table>"


def _row(tag: str, texts: Iterable[str]) -> str:
    return f"<tr>{''.join(_element(tag, text) for text in texts)}</tr>"


def _element(tag: str, text: str) -> str:
    return f"<{tag}>{html.escape(text)}</{tag}>"


DISPLAYS: dict[str, Display] = {"ascii": Ascii(), "html": Html()}
