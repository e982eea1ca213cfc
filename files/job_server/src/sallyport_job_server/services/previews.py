"""How a released file is shown on a page: a table, an image, a text, or only a link."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

MOST_ROWS = 500
MOST_TEXT = 200_000
IMAGES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
}
TEXTS = {".txt", ".log", ".md", ".json"}


@dataclass(frozen=True)
class Preview:
    """What a page shows of a file; `note` says what it leaves out."""

    kind: Literal["table", "image", "text", "none"]
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    numeric: list[bool] = field(default_factory=list)
    text: str = ""
    note: str = ""


def preview(name: str, data: bytes) -> Preview:
    """Return how a file is shown, by its suffix."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in IMAGES:
        return Preview("image")
    if suffix == ".csv":
        return _table(data)
    if suffix in TEXTS:
        text = data.decode("utf-8", "replace")
        note = "Only the beginning is shown." if len(text) > MOST_TEXT else ""
        return Preview("text", text=text[:MOST_TEXT], note=note)
    return Preview("none", note="This kind of file is not shown here; download it.")


def _table(data: bytes) -> Preview:
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return Preview("none", note="This file is not a table in UTF-8; download it.")
    if not rows:
        return Preview("none", note="The table is empty.")
    header, body = rows[0], rows[1:]
    width = max(len(row) for row in rows)
    shown = [row + [""] * (width - len(row)) for row in body[:MOST_ROWS]]
    note = f"The first {MOST_ROWS} of {len(body)} rows are shown." if len(body) > MOST_ROWS else ""
    numeric = [all(_is_number(row[column]) for row in shown) for column in range(width)]
    return Preview(
        "table", header + [""] * (width - len(header)), shown, numeric if shown else [], note=note
    )


def _is_number(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return False
    return True
