"""Writes rows to csv and csv.gz; a file appears under its name when it is complete."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from sallyport_data_builder.errors import ArgumentsError
from sallyport_data_builder.io.tables import OutputTable

EXTENSIONS = (".csv", ".csv.gz")
Rows = Iterable[Sequence[Any]]


def render(value: Any) -> str:
    """Return a value as it stands in CSV (FMT-02)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, float):
        return repr(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def target(output: str, table: str = "dataset") -> Path:
    """Return the file of a table: FILE.ext, or DIR/:ext and DIR:ext for one file per table."""
    folder, colon, extension = output.rpartition(":")
    path = Path(folder) / f"{table}.{extension}" if colon else Path(output)
    if not path.name.endswith(EXTENSIONS):
        known = ", ".join(EXTENSIONS)
        raise ArgumentsError(f"--output {output}: the file must end in one of {known}.")
    return path


@contextmanager
def _text(path: Path, partial: Path) -> Iterator[TextIO]:
    if not path.name.endswith(".gz"):
        with partial.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        return
    # No name and no time in the header: equal content gives equal bytes (FMT-04).
    with (
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as stream,
    ):
        yield stream


def write(output: str | None, table: OutputTable, rows: Rows) -> int:
    """Write a table and return the number of its rows."""
    if output is None:
        return _write(sys.stdout, table, rows)
    path = target(output, table.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    try:
        with _text(path, partial) as stream:
            count = _write(stream, table, rows)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write(stream: TextIO, table: OutputTable, rows: Rows) -> int:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.names)
    count = 0
    for row in rows:
        writer.writerow([render(value) for value in row])
        count += 1
    return count
