"""Codelists from CSV files of the study."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sallyport_data_builder.errors import DefinitionError

Row = tuple[int, list[str]]  # the line that the row begins on, and its cells
UTF16 = (b"\xff\xfe", b"\xfe\xff")
SAVE_AS = 'Save the file as "CSV UTF-8", in a spreadsheet or an editor, and commit it again.'
QUOTES = (
    "a quotation mark is not closed, or is inside a value. Close it; inside a value in quotation "
    "marks, write two of them."
)


class ListedCode(str):
    """A code that remembers its row in a codelist, for errors."""

    origin: str

    def __new__(cls, value: str, origin: str) -> ListedCode:
        code = super().__new__(cls, value)
        code.origin = origin
        return code


def codelist_from_csv_lines(
    lines: Iterable[str], column: str, category_column: str | None = None, name: str = "codelist"
) -> Any:
    """Return the codes of a CSV, or code to category; empty cells and spaces are dropped."""
    rows = _rows(lines, name)
    header = [cell.strip() for cell in next(rows, (1, []))[1]]
    code_at = _position(header, column, name)
    category_at = None if category_column is None else _position(header, category_column, name)
    codes: dict[ListedCode, tuple[str, int]] = {}
    for line, row in rows:
        code = ListedCode(_cell(row, code_at), f"{name}, row {line}")
        category = "" if category_at is None else _cell(row, category_at)
        if code:
            first, first_line = codes.setdefault(code, (category, line))
            if first != category:
                raise DefinitionError(
                    f"{name}: the code {code!s} has the category {first!r} in row {first_line} and "
                    f"{category!r} in row {line}. Delete one of the rows."
                )
    if not codes:
        sys.stderr.write(f"warning: {name} has no codes in column {column}\n")
    if category_column is None:
        return list(codes)
    return {code: category for code, (category, _line) in codes.items()}


def codelist_from_csv(
    filename: str | Path, *, column: str, category_column: str | None = None
) -> Any:
    """Read a codelist from a CSV file of the study: UTF-8, with or without a byte-order mark."""
    path, name = Path(filename), str(filename)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        advice = " Use forward slashes in paths." if "\\" in name else ""
        raise DefinitionError(f"There is no codelist file {name}.{advice}") from None
    except IsADirectoryError:
        raise DefinitionError(f"{name} is a folder, not a codelist file.") from None
    lines = io.StringIO(_text(data, name), newline="")
    return codelist_from_csv_lines(lines, column, category_column, name)


def _text(data: bytes, name: str) -> str:
    """Decode a file; raise DefinitionError with the row that is not UTF-8."""
    if data.startswith(UTF16) or b"\0" in data:
        raise DefinitionError(f"{name} is UTF-16 or binary, not UTF-8 text. {SAVE_AS}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise DefinitionError(
            f"{name}, row {row}: the byte 0x{byte:02x} is not UTF-8 text. {SAVE_AS}"
        ) from None


def _rows(lines: Iterable[str], name: str) -> Iterator[Row]:
    """Yield the rows that are not blank; raise DefinitionError for damaged quotation marks."""
    reader, line = csv.reader(lines, strict=True), 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield line, row
            line = reader.line_num + 1
    except csv.Error:
        raise DefinitionError(f"{name}, row {line}: {QUOTES}") from None


def _position(header: list[str], column: str, name: str) -> int:
    if header.count(column) == 1:
        return header.index(column)
    if column in header:
        raise DefinitionError(f"{name} has several columns named {column}; rename all but one.")
    columns = f"its columns are {', '.join(header)}" if header else "it is empty"
    raise DefinitionError(f"{name} has no column {column}; {columns}.")


def _cell(row: list[str], position: int) -> str:
    return row[position].strip() if position < len(row) else ""
