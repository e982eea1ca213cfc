"""CSV tables: reading them within limits, and what their numbers give away."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sallyport_common.errors import SallyportError
from sallyport_disclosure.findings import Finding, Severity
from sallyport_disclosure.policy import Policy

MAX_COLUMNS = 2000
MAX_CELL = 32_768
COUNT_NAME = re.compile(
    r"(^|_)(n|count|counts|num|number|numerator|denominator|total|patients|freq|frequency)(_|$)"
)
NOT_A_COUNT = re.compile(r"(^|_)(year|month|week|day|date|age|imd|code|id|decile|quintile)(_|$)")
PERSONAL_NAME = re.compile(r"(_id$|nhs_?number|^dob$|date_of_birth|postcode)")
WHOLE = re.compile(r"[+-]?\d{1,15}(\.0+)?")


class TableError(SallyportError):
    """A file is no CSV table that can be read within the limits."""


@dataclass(frozen=True)
class Table:
    """A header and its data rows, all as text."""

    header: list[str]
    rows: list[list[str]]

    def column(self, index: int) -> list[str]:
        """Return one column's cells; a short row has an empty one."""
        return [row[index].strip() if index < len(row) else "" for row in self.rows]


def read_table(data: bytes, max_rows: int | None = None) -> Table:
    """Read a CSV table; at most `max_rows` data rows; raise TableError where it is none."""
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = next(reader, [])
        if len(header) > MAX_COLUMNS:
            raise TableError(f"the table has more than {MAX_COLUMNS} columns")
        rows: list[list[str]] = []
        for row in reader:
            if max_rows is not None and len(rows) >= max_rows:
                break
            if any(len(cell) > MAX_CELL for cell in row):
                raise TableError("the table has a cell that is too long")
            rows.append(row)
    except (UnicodeDecodeError, csv.Error):
        raise TableError("this is not a CSV table in UTF-8") from None
    return Table(header, rows)


def check_table(data: bytes, policy: Policy) -> list[Finding]:
    """Return the findings on a CSV table."""
    try:
        table = read_table(data)
    except TableError as error:
        return [Finding("TYPE_MISMATCH", Severity.BLOCK, str(error))]
    return [*_shape(table, policy), *_columns(table, policy)]


def _shape(table: Table, policy: Policy) -> Iterator[Finding]:
    if len(table.rows) > policy.max_rows:
        yield Finding(
            "TOO_MANY_ROWS", Severity.BLOCK, f"more than {policy.max_rows} rows are not released"
        )
    for name in table.header:
        plain = _plain(name)
        if plain.replace("_", "") == "patientid":
            message = "a table with patient identifiers is not released"
            yield Finding("PATIENT_ID_COLUMN", Severity.BLOCK, message, column=name)
        elif PERSONAL_NAME.search(plain):
            message = "the column's name looks like one person's data"
            yield Finding("PERSONAL_COLUMN", Severity.WARN, message, column=name)


def _columns(table: Table, policy: Policy) -> Iterator[Finding]:
    for index, name in enumerate(table.header):
        numbers = _counts(_plain(name), table.column(index))
        if numbers and "midpoint6" not in _plain(name):
            yield from _small(name, numbers, policy)
            yield from _unrounded(name, numbers, policy)


def _plain(name: str) -> str:
    return re.sub(r"[\s.-]+", "_", name.strip().lower())


def _counts(name: str, cells: list[str]) -> list[tuple[int, int]]:
    """Return (row, value) of a count-like column: named like one, or whole numbers only."""
    whole = [(row, cell) for row, cell in enumerate(cells, 1) if WHOLE.fullmatch(cell)]
    filled = sum(1 for cell in cells if cell)
    named = COUNT_NAME.search(name) is not None
    if not whole or not (named or (len(whole) == filled and not NOT_A_COUNT.search(name))):
        return []
    numbers = [(row, int(float(cell))) for row, cell in whole]
    return numbers if named or all(value >= 0 for _row, value in numbers) else []


def _small(name: str, numbers: list[tuple[int, int]], policy: Policy) -> Iterator[Finding]:
    small = [row for row, value in numbers if 1 <= value <= policy.threshold]
    if small:
        message = f"counts from 1 to {policy.threshold} in {_cells(small)}"
        yield Finding("SMALL_COUNT", Severity.WARN, message, row=small[0], column=name)


def _unrounded(name: str, numbers: list[tuple[int, int]], policy: Policy) -> Iterator[Finding]:
    odd = [row for row, value in numbers if value % policy.rounding_base]
    if odd and not all(value == 0 or (value - 3) % 6 == 0 for _row, value in numbers):
        message = f"counts not rounded to {policy.rounding_base} in {_cells(odd)}"
        yield Finding("NOT_ROUNDED", Severity.WARN, message, row=odd[0], column=name)


def _cells(rows: list[int]) -> str:
    return "1 cell" if len(rows) == 1 else f"{len(rows)} cells"
