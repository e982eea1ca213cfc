"""CSV: a header, empty for NULL, T and F, ISO dates, UTF-8 (FMT-02)."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from sallyport_data_builder.io.tables import OutputTable
from sallyport_data_builder.schemas.types import INT64, parse_date

if TYPE_CHECKING:
    import pyarrow as pa

WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
FORMS = {
    "bool": "T or F",
    "int": "a whole number of at most 64 bits",
    "float": "a finite number",
    "date": "a date of the form YYYY-MM-DD",
}


def header(table: OutputTable) -> bytes:
    """Return the first line."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(table.names)
    return line.getvalue().encode()


def lines(batch: pa.RecordBatch) -> bytes | memoryview:
    """Return the lines of a batch with plain types; only what needs quotes gets them."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    arrays = [
        pc.if_else(array, "T", "F") if pa.types.is_boolean(array.type) else array
        for array in batch.columns
    ]
    sink = pa.BufferOutputStream()
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
    try:
        arrow_csv.write_csv(pa.record_batch(arrays, names=batch.schema.names), sink, options)
    except pa.ArrowInvalid:
        # Text in this batch holds a quote, a comma or a line's end.
        return _quoted([array.cast(pa.string()).to_pylist() for array in arrays])
    return memoryview(sink.getvalue())


def _quoted(columns: Sequence[Sequence[str | None]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(zip(*columns, strict=True))
    return text.getvalue().encode()


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
