"""How a table is laid out: its separator, its titles, its header lines, its rows.

People write tables with empty and title lines above, with several header lines, with other
separators than commas. What is read here is what readers of tables make of the same file, so that
no line in front of a table hides its columns from a check.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from sallyport_common.errors import SallyportError
from sallyport_disclosure.values import Form, classify

SEPARATORS = (",", ";", "\t", "|")
MAX_COLUMNS = 2000
SAMPLE_CHARACTERS = 64 * 1024
SAMPLE_LINES = 100
MAX_HEADER_LINES = 5
EXCEL = "sep="
"""A first line such as `sep=;` tells a spreadsheet the separator; it is not part of the table."""

Row = list[str]
_FILLED = re.compile(r"[^\s]")
_MARKS_IN_NAMES = {"c", "s", "x", "z", "low", "hidden", "missing", "none"}


class TableError(SallyportError):
    """The file cannot be read as a table within the limits."""


@dataclass(frozen=True)
class Layout:
    """What is above the rows of a table."""

    separator: str
    titles: tuple[str, ...] = ()
    headers: tuple[tuple[str, ...], ...] = ()
    shifted: bool = False
    """Rows have one cell more in front, a label that the header leaves out."""

    @property
    def width(self) -> int:
        """The columns of the header."""
        return max((len(header) for header in self.headers), default=0) + self.shifted


@dataclass(frozen=True)
class Table:
    """A table for people: titles, header lines, and its first data rows, all as text."""

    titles: tuple[str, ...]
    headers: list[Row]
    rows: list[Row]

    @property
    def width(self) -> int:
        """The most cells of a line."""
        return max(map(len, [*self.headers, *self.rows]), default=0)


def separators(text: str) -> list[str]:
    """Return the separator of a table; two where both fit equally well, the likelier one first."""
    lines = _sample(text)
    if lines and lines[0].lower().startswith(EXCEL) and len(lines[0]) == len(EXCEL) + 1:
        return [lines[0][-1]]
    scores = {sep: score for sep in SEPARATORS if (score := _score(lines, sep))[0]}
    if not scores:
        return [" "] if _is_spaced(lines) else [","]
    best = max(scores.values())
    chosen = [sep for sep, score in scores.items() if score == best]
    return chosen + [sep for sep, score in scores.items() if score[0] == best[0] and score < best]


def is_table(text: str) -> bool:
    """Return whether a string without a type of its own is laid out as a table."""
    lines = _sample(text)
    needed = 0.8 * len(lines)
    return len(lines) > 1 and (
        _is_spaced(lines) or any(_score(lines, sep)[0] >= needed for sep in SEPARATORS)
    )


def _sample(text: str) -> list[str]:
    begin = _FILLED.search(text)
    start = begin.start() if begin else 0
    lines = (line.strip(" ") for line in text[start : start + SAMPLE_CHARACTERS].splitlines())
    return [line for line in lines if line.strip()][:SAMPLE_LINES]


def _score(lines: list[str], separator: str) -> tuple[int, int]:
    """Return how many lines have the most frequent width above one, and that width."""
    widths = Counter(map(len, _split(lines, separator)))
    widths.pop(1, None)
    best = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    return best[1], best[0]


def _split(lines: list[str], separator: str) -> list[Row]:
    try:
        return list(csv.reader(lines, delimiter=separator, skipinitialspace=separator == " "))
    except csv.Error:
        return []


def _is_spaced(lines: list[str]) -> bool:
    """Return whether spaces separate columns: every line as wide, the header perhaps one less."""
    header, *widths = [len(row) for row in _split(lines, " ")] or [0]
    same = len(widths) > 1 and len(set(widths)) == 1 and widths[0] > 1
    return same and header in (widths[0], widths[0] - 1)


def records(text: str, separator: str) -> Iterator[Row]:
    """Yield the lines of a table that hold something, quotes undone; raise TableError."""
    reader = csv.reader(
        io.StringIO(text.lstrip("\r\n"), newline=""),
        delimiter=separator,
        strict=True,
        skipinitialspace=separator == " ",
    )
    try:
        for row in reader:
            if len(row) > MAX_COLUMNS:
                raise TableError(f"the table has more than {MAX_COLUMNS} columns")
            content = "".join(row)
            if content and not content.isspace():
                yield row
    except csv.Error as error:
        reason = "a cell that is too long" if "field larger" in str(error) else "a damaged quote"
        raise TableError(f"the file cannot be read as a table: {reason}") from None


def open_table(text: str, separator: str) -> tuple[Layout, Iterator[Row]]:
    """Return where titles and header lines of a table are, and its data rows; raise TableError."""
    rest = records(text, separator)
    first = list(islice(rest, SAMPLE_LINES))
    begin = _declared(first)
    begin_headers = begin + _titles(first[begin:], _width(first[begin:]))
    begin_rows = begin_headers + _headers(first[begin_headers:])
    headers, rows = first[begin_headers:begin_rows], first[begin_rows:]
    plan = Layout(
        separator,
        tuple(" ".join(filter(None, row)) for row in first[begin:begin_headers]),
        tuple(map(tuple, headers)),
        separator in " \t" and _is_shifted(headers, rows),
    )
    return plan, chain(rows, rest)


def _declared(first: list[Row]) -> int:
    line = "".join(first[0]).lower() if first else ""
    return int(line.startswith(EXCEL) and len(line) <= len(EXCEL) + 1)


def _width(first: list[Row]) -> int:
    """Return the width of most rows; raise TableError where the rows have no common one."""
    widths = Counter(len(row) for row in first if _filled(row) > 1)
    if not widths:
        return 1
    width, number = widths.most_common(1)[0]
    if len(widths) > 2 and number * 2 < sum(widths.values()):
        raise TableError("the lines have different numbers of columns; write one table to a file")
    return width


def _filled(row: Row) -> int:
    return sum(1 for cell in row if cell.strip())


def _titles(first: list[Row], width: int) -> int:
    """Return how many lines above the header hold one cell only."""
    if width < 2:
        return 0
    for number, row in enumerate(first):
        if _filled(row) > 1:
            return number
    return 0


def _headers(first: list[Row]) -> int:
    """Return the number of header lines: the first one, and lines without a number up to the next.

    A table that holds no number at all has one header line; one that begins with numbers has none.
    """
    if not first or _numeric(first[0]) == _filled(first[0]):
        return 0
    for number, row in enumerate(first[1 : MAX_HEADER_LINES + 1], 1):
        if _numeric(row):
            return number
    return 1


def _numeric(row: Row) -> int:
    """Return how many cells of a row are a number or stand for one."""
    cells = (cell for cell in row if cell.strip().lower() not in _MARKS_IN_NAMES)
    return sum(1 for cell in cells if classify(cell).form not in (Form.EMPTY, Form.TEXT))


def _is_shifted(headers: list[Row], rows: list[Row]) -> bool:
    width = max(map(len, headers), default=0)
    return bool(headers and rows) and all(len(row) == width + 1 for row in rows)


def names(plan: Layout) -> list[str]:
    """Return one name for each column: its cells of all header lines, from top to bottom."""
    columns = [""] * plan.shifted
    for index in range(plan.width - plan.shifted):
        cells = (header[index].strip() for header in plan.headers if index < len(header))
        columns.append(" ".join(dict.fromkeys(filter(None, cells))))
    return columns


def read_table(text: str, max_rows: int) -> Table:
    """Return a table for people, with at most `max_rows` rows; raise TableError."""
    plan, rows = open_table(text, separators(text)[0])
    headers = [[""] * plan.shifted + list(line) for line in plan.headers]
    return Table(plan.titles, headers, list(islice(rows, max_rows)))
