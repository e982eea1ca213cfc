"""How a released file is shown on a page: a table, an image, a text, or only a link."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sallyport_common.outputs import Kind, View
from sallyport_disclosure.kinds import KindError, decode, kind_of
from sallyport_disclosure.layout import Row, Table, TableError, read_table
from sallyport_disclosure.values import Form, classify

MOST_ROWS = 500
MOST_TEXT = 200_000
BEGINNING = "Only the beginning is shown."


@dataclass(frozen=True)
class Preview:
    """What a page shows of a file; `note` says what it leaves out."""

    kind: Literal["table", "image", "text", "none"]
    table: Table | None = None
    numeric: list[bool] = field(default_factory=list)
    text: str = ""
    note: str = ""


def shown_kind(name: str) -> Kind | None:
    """Return the type of a file that a browser may show here; None for one that is only kept."""
    kind = kind_of(name)
    return None if kind is None or kind.packed or kind.media_type == "text/html" else kind


def preview(name: str, data: bytes, most_rows: int = MOST_ROWS) -> Preview:
    """Return how a file is shown, by its suffix."""
    kind = shown_kind(name)
    if kind is None:
        return Preview("none", note="This kind of file is not shown here; download it.")
    if kind.media_type.startswith("image/"):
        return Preview("image")
    try:
        text = decode(data)
        if kind.view is View.TABLE:
            return _table(read_table(text, most_rows + 1), most_rows)
    except (KindError, TableError) as error:
        return Preview("none", note=f"This file is not shown: {error}.")
    return Preview("text", text=text[:MOST_TEXT], note=BEGINNING if text[MOST_TEXT:] else "")


def _table(table: Table, most: int) -> Preview:
    if not table.width:
        return Preview("none", note="The table is empty.")
    rows = _filled_up(table.rows[:most], table.width)
    shown = Table(table.titles, _filled_up(table.headers, table.width), rows)
    columns = zip(*rows, strict=True)
    numeric = [all(classify(cell).form < Form.TEXT for cell in column) for column in columns]
    return Preview("table", shown, numeric, note=BEGINNING if table.rows[most:] else "")


def _filled_up(lines: list[Row], width: int) -> list[Row]:
    return [line + [""] * (width - len(line)) for line in lines]
