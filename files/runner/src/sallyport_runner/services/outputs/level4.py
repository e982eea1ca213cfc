"""Checks on files that output checkers will see: size, type, and what a table holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from sallyport_study import LEVEL4_FILE_TYPES

MAX_CELL = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What a file of the medium tree may be."""

    max_size: int
    max_rows: int
    forbidden_columns: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """Why a file is withheld, if it is, and the shape of a table."""

    reasons: tuple[str, ...] = ()
    rows: int | None = None
    columns: int | None = None

    @property
    def message(self) -> str | None:
        """The reasons as one text for the author, inside the secure zone."""
        return " ".join(self.reasons) or None


def check(stream: BinaryIO, path: str, size: int, limits: Limits) -> Checked:
    """Judge a file by the very descriptor that will be copied; leaves it at its start."""
    extension = PurePosixPath(path).suffix
    if size > limits.max_size:
        return Checked((f"The file has {size} bytes; the limit is {limits.max_size}.",))
    if extension not in LEVEL4_FILE_TYPES:
        return Checked((f"Files of type {extension or '(none)'} are not reviewed.",))
    if extension != ".csv":
        return Checked()
    try:
        return _check_table(stream, limits)
    except (UnicodeDecodeError, csv.Error):
        return Checked(("The file cannot be read as a table of comma-separated text.",))
    finally:
        stream.seek(0)


def _lines(stream: BinaryIO) -> Iterator[str]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        for line in text:
            if "\0" in line:
                raise csv.Error("NUL")
            yield line
    finally:
        text.detach()


def _check_table(stream: BinaryIO, limits: Limits) -> Checked:
    csv.field_size_limit(MAX_CELL)
    table = csv.reader(_lines(stream), strict=True)
    header = next((row for row in table if row), [])  # readers of tables skip empty lines
    rows = sum(1 for row in table if row)
    reasons = [
        f"The table has a column named {name}."
        for name in limits.forbidden_columns
        if name in header
    ]
    if rows > limits.max_rows:
        reasons.append(f"The table has {rows} rows; the limit is {limits.max_rows}.")
    return Checked(tuple(reasons), rows, len(header))
