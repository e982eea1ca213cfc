"""Reads CSV, without the library for typed files: study code runs where that is not (FMT-02)."""

from __future__ import annotations

import csv
import gzip
import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from sallyport_data_builder.errors import DataFileError, DefinitionError
from sallyport_data_builder.io import rules
from sallyport_data_builder.io.tables import OutputColumn, OutputTable
from sallyport_data_builder.schemas.types import INT64, parse_date

SIZE = 64_000
Record = tuple[int, Sequence[str]]
WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
FORMS = {
    "bool": "T or F",
    "int": "a whole number of at most 64 bits",
    "float": "a finite number",
    "date": "a date of the form YYYY-MM-DD",
}


def opened(path: Path) -> TextIO:
    """Open a file for reading; a byte order mark is passed over."""
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def records(stream: TextIO) -> Iterator[Record]:
    """Yield each record with the number of its last line; empty lines are none."""
    reader = csv.reader(stream, strict=True)
    for record in reader:
        if record:
            yield reader.line_num, record


def parse_bool(text: str) -> bool:
    """Read T or F."""
    if text not in ("T", "F"):
        raise ValueError
    return text == "T"


def parse_int(text: str) -> int:
    """Read a whole number of 64 bits."""
    if not WHOLE.fullmatch(text) or not -INT64 <= int(text) < INT64:
        raise ValueError
    return int(text)


def parse_float(text: str) -> float:
    """Read a finite number."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


PARSERS: dict[str, Callable[[str], Any]] = {
    "bool": parse_bool,
    "int": parse_int,
    "float": parse_float,
    "date": parse_date,
}


def rows_of(path: Path, table: OutputTable) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a file as tuples; raise DataFileError at the first wrong one."""
    with rules.readable(path):
        for values in parts(path, table):
            yield from zip(*values, strict=True)


def parts(path: Path, table: OutputTable) -> Iterator[list[list[Any]]]:
    """Yield the values of each column, of at most SIZE rows at a time."""
    with opened(path) as stream:
        lines = records(stream)
        _line, names = next(lines, (0, ()))
        if not names:
            raise DataFileError(f"{path} is empty: a header with the names of columns is needed.")
        places = rules.places(path, table, names)
        start = 1
        while part := list(islice(lines, SIZE)):
            _check_width(path, part, len(names))
            yield [
                _parse(path, column, place, part, start)
                for column, place in zip(table.columns, places, strict=True)
            ]
            start += len(part)


def _check_width(path: Path, part: Sequence[Record], width: int) -> None:
    for line, record in part:
        if len(record) != width:
            raise DataFileError(
                f"{path}, line {line}: {len(record)} values, and the header has {width} columns."
            )


def _parse(
    path: Path, column: OutputColumn, place: int, part: Sequence[Record], start: int
) -> list[Any]:
    parse: Callable[[str], Any] = PARSERS.get(column.type, str)
    found: list[Any] = []
    try:
        for _line, record in part:
            text = record[place]
            found.append(parse(text) if text else None)
    except (ValueError, DefinitionError):
        form = FORMS[column.type]
        raise rules.wrong(path, start + len(found), column, f"{form} expected") from None
    broken = rules.first_wrong(column, found)
    if broken is not None:
        raise rules.wrong(path, start + broken[0], column, broken[1])
    return found
