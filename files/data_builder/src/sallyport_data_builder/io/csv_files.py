"""Writes CSV: a header, empty for NULL, T and F, ISO dates, UTF-8 (FMT-02)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sallyport_data_builder.io.tables import OutputTable

if TYPE_CHECKING:
    import pyarrow as pa


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
