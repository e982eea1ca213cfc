"""Writes tables to files; a file appears under its name when it is complete."""

from __future__ import annotations

import contextlib
import gzip
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sallyport_data_builder.errors import ArgumentsError, Failure
from sallyport_data_builder.io.tables import OutputTable, RenderedCsv
from sallyport_data_builder.io.targets import Target

if TYPE_CHECKING:
    import pyarrow as pa

    Rows = (
        Iterable[Sequence[Any]]
        | Iterable[Sequence[Sequence[Any]]]
        | Iterable[pa.RecordBatch]
        | RenderedCsv
    )

GZIP_LEVEL = 6


def write(output: str | None, table: OutputTable, rows: Rows) -> int:
    """Write a table and return the number of its rows."""
    return write_all(output, [(table, rows)])[0]


def write_all(output: str | None, tables: Sequence[tuple[OutputTable, Rows]]) -> list[int]:
    """Write tables, each into its own file of a folder, and return how many rows each has."""
    target = Target.of(output)
    target.check([table.name for table, _rows in tables])
    counts = []
    for table, rows in tables:
        with opened(target.path(table.name)) as stream:
            counts.append(_write(stream, target.extension, table, rows))
    return counts


@contextmanager
def opened(path: Path | None) -> Iterator[IO[bytes]]:
    """Give a file to write to, which takes the place of an older one if all goes well."""
    if path is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    partial = path.with_name(f".{path.name}.part")
    make_folder(path.parent)
    try:
        stream = partial.open("wb")
    except OSError as error:
        raise ArgumentsError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        with stream:
            yield stream
        partial.replace(path)
    except OSError as error:
        raise Failure(f"{path} could not be written: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder for outputs and those above it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentsError(f"{folder} cannot be written: {error.strerror}.") from None


def _write(stream: IO[bytes], extension: str, table: OutputTable, rows: Rows) -> int:
    if extension == ".csv.gz":
        # No name and no time in the header: equal content gives equal bytes (FMT-04).
        with gzip.GzipFile("", "wb", GZIP_LEVEL, stream, mtime=0) as packed:
            return _write_csv(packed, table, rows)
    if extension == ".csv":
        return _write_csv(stream, table, rows)
    if isinstance(rows, RenderedCsv):
        raise TypeError("only csv takes rendered lines: ask Target.takes_csv first")
    return _write_typed(stream, extension, table, rows)


def _write_csv(stream: Any, table: OutputTable, rows: Rows) -> int:
    from sallyport_data_builder.io import csv_files

    stream.write(csv_files.header(table))
    if isinstance(rows, RenderedCsv):
        for chunk in rows.chunks:
            stream.write(chunk)
        return rows.count()
    from sallyport_data_builder.io.batches import batches

    return _each(batches(table, rows), lambda batch: stream.write(csv_files.lines(batch)))


def _write_typed(stream: Any, extension: str, table: OutputTable, rows: Iterable[Any]) -> int:
    import pyarrow as pa

    from sallyport_data_builder.io.batches import SIZE, batches, schema, typed

    writer: Any
    if extension == ".arrow":
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        writer = pa.ipc.new_file(stream, schema(table), options=options)
    else:
        import pyarrow.parquet as pq

        writer = pq.ParquetWriter(stream, schema(table), compression="zstd")

    def put(batch: pa.RecordBatch) -> None:
        part = typed(table, batch)
        if extension == ".arrow":
            writer.write_batch(part)
        else:
            writer.write_batch(part, row_group_size=SIZE)

    with writer:
        return _each(batches(table, rows), put)


def _each(found: Iterable[pa.RecordBatch], put: Callable[[pa.RecordBatch], Any]) -> int:
    count = 0
    for batch in found:
        put(batch)
        count += batch.num_rows
    return count
