"""Reads CSV, without the library for typed files: study code runs where that is not (FMT-02)."""

from __future__ import annotations

import csv
import gzip
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from sallyport_data_builder.errors import DataFileError, DefinitionError, nearest
from sallyport_data_builder.schemas.types import INT64, parse_date

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


def records(stream: TextIO) -> Iterator[tuple[int, Sequence[str]]]:
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


def rows_of(path: Path, kinds: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a small file that has one row per patient; more columns are ignored."""
    wanted = {"patient_id": "int", **kinds}
    seen: set[int | None] = {None}
    with opened(path) as stream:
        lines = records(stream)
        _line, names = next(lines, (0, ()))
        for name in wanted:
            if name not in names:
                raise DataFileError(f"{path} has no column {name}.{nearest(name, names)}")
        for line, record in lines:
            texts = dict(zip(names, record, strict=False))
            row = {
                name: _value(path, line, name, kind, texts.get(name, ""))
                for name, kind in wanted.items()
            }
            if row["patient_id"] in seen:
                raise DataFileError(f"{path}, line {line}: one row per patient is allowed.")
            seen.add(row["patient_id"])
            yield row


def _value(path: Path, line: int, name: str, kind: str, text: str) -> Any:
    try:
        return PARSERS.get(kind, str)(text) if text else None
    except (ValueError, DefinitionError):
        raise DataFileError(f"{path}, line {line}, {name}: {FORMS[kind]} expected.") from None
