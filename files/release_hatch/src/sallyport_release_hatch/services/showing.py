"""Files and logs made ready for a page: as a table, an image or text, and nothing active."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sallyport_common.outputs import MAX_FILE_BYTES, View
from sallyport_disclosure.findings import Finding
from sallyport_disclosure.kinds import KindError, kind_of, text_of
from sallyport_disclosure.layout import Table, TableError, read_table

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CONTROLS = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"}
_CONTROLS |= {0x7F: "\u2421"} | dict.fromkeys(range(0x80, 0xA0), "\ufffd")
# Marks that turn the direction of text could show a line other than it is.
_CONTROLS |= dict.fromkeys(
    [0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"
)


@dataclass(frozen=True)
class Content:
    """A file made ready to be shown; `marks` are (row, column) of cells with a finding, from 1."""

    name: str
    size: int
    table: Table | None = None
    image_type: str | None = None
    text: str | None = None
    marks: frozenset[tuple[int, int]] = frozenset()


def present(name: str, data: bytes, max_rows: int, findings: tuple[Finding, ...] = ()) -> Content:
    """Prepare bytes for a page; markup and damaged files come out as plain text."""
    marks = frozenset(cell for finding in findings for cell in finding.cells)
    kind = kind_of(name)
    try:
        text = text_of(name, data, MAX_FILE_BYTES)
    except KindError:
        return Content(name, len(data), text=visible(data.decode("utf-8", "replace")))
    if text is None and kind is not None:
        return Content(name, len(data), image_type=kind.media_type)
    text = text or ""
    if kind is not None and kind.view is View.TABLE:
        try:
            return Content(name, len(data), table=read_table(text, max_rows), marks=marks)
        except TableError:
            pass
    return Content(name, len(data), text=visible(text))


def visible(text: str) -> str:
    """Return text whose control characters are shown as symbols, without a terminal's colours."""
    plain = _COLOURS.sub("", text.replace("\r\n", "\n"))
    return plain.translate(_CONTROLS)
