"""What is asked of every file that is read, and the sentences that say so (FMT-09).

Study code runs where the library for typed files is not, so this does without it. An error names
the file, the row and the column, never the value: a file may hold patients' data.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sallyport_data_builder.errors import DataFileError, nearest
from sallyport_data_builder.io.tables import OutputColumn, OutputTable

BROKEN = (csv.Error, EOFError, zlib.error, OSError)


@contextmanager
def readable(path: Path, *broken: type[Exception]) -> Iterator[None]:
    """Say in one sentence that a file is broken; a library's own words may quote it."""
    caught: tuple[type[Exception], ...] = (*BROKEN, *broken)
    try:
        yield
    except UnicodeDecodeError:
        raise DataFileError(f"{path} is not UTF-8 text.") from None
    except caught as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else ""
        told = reason or "its content is broken"
        raise DataFileError(f"{path} cannot be read: {told}.") from None


def places(path: Path, table: OutputTable, found: Sequence[str]) -> list[int]:
    """Return the position of each column; the order is free and more columns are ignored."""
    twice = sorted({name for name in table.names if found.count(name) > 1})
    if twice:
        raise DataFileError(f"{path}: the column {twice[0]} appears twice.")
    for name in table.names:
        if name not in found:
            raise DataFileError(f"{path} has no column {name}.{nearest(name, found)}")
    return [found.index(name) for name in table.names]


def first_wrong(column: OutputColumn, values: Sequence[Any]) -> tuple[int, str] | None:
    """Return the first value that breaks a constraint of the column, and which."""
    spec = column.spec
    if spec.not_null and None in values:
        return values.index(None), "a value expected"
    if spec.categories:
        known = {None, *spec.categories}
        for place, value in enumerate(values):
            if value not in known:
                return place, f"one of {', '.join(map(str, spec.categories))} expected"
    return None


def wrong(path: Path, row: int, column: OutputColumn, what: str) -> DataFileError:
    """Return the error for a value."""
    return DataFileError(f"{path}, row {row}, column {column.name}: {what}.")


def one_per_patient(source: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a file, which start with the patient's id, while that is another one."""
    seen: set[int] = set()
    for row in rows:
        if row[0] in seen:
            raise DataFileError(f"{source}: a patient has two rows; one is allowed.")
        seen.add(row[0])
        yield row
