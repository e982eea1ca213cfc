"""Reads tables from files, strictly: names, types, and what is never null (FMT-09)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sallyport_data_builder.errors import DataFileError
from sallyport_data_builder.io import csv_records, rules
from sallyport_data_builder.io.csv_records import SIZE
from sallyport_data_builder.io.tables import OutputColumn, OutputTable
from sallyport_data_builder.io.targets import CSV, extension_of

if TYPE_CHECKING:
    import pyarrow as pa


def read(path: Path, table: OutputTable) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches with plain types; raise DataFileError at the first wrong one."""
    extension = extension_of(str(path), "file")
    if not path.is_file():
        raise DataFileError(f"There is no file {path}.")
    with _readable(path):
        if extension in CSV:
            yield from _read_csv(path, table)
        else:
            yield from _read_typed(path, extension, table)


def rows(path: Path, table: OutputTable) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a file as tuples."""
    from sallyport_data_builder.io.batches import tuples

    return tuples(read(path, table))


def names(path: Path) -> list[str]:
    """Return the names of a file's columns, read without its rows."""
    extension = extension_of(str(path), "file")
    with _readable(path):
        if extension not in CSV:
            return _stored(path, extension)[0]
        with csv_records.opened(path) as stream:
            return list(next(csv_records.records(stream), (0, ()))[1])


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow as pa

    with rules.readable(path, pa.ArrowException):
        yield


def _read_csv(path: Path, table: OutputTable) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from sallyport_data_builder.io.batches import plain_schema

    wanted = plain_schema(table)
    for values in csv_records.parts(path, table):
        arrays = [pa.array(of, field.type) for of, field in zip(values, wanted, strict=True)]
        yield pa.record_batch(arrays, schema=wanted)


def _read_typed(path: Path, extension: str, table: OutputTable) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from sallyport_data_builder.io.batches import plain_schema

    wanted = plain_schema(table)
    names, found = _stored(path, extension)
    places = rules.places(path, table, names)
    start = 1
    for batch in found:
        batch.validate(full=True)
        arrays = []
        for column, place, field in zip(table.columns, places, wanted, strict=True):
            array = _plain(path, column, batch.column(place), field.type)
            wrong = rules.first_wrong(column, _checked(column, array))
            if wrong is not None:
                raise rules.wrong(path, start + wrong[0], column, wrong[1])
            arrays.append(array)
        yield pa.record_batch(arrays, schema=wanted)
        start += batch.num_rows


def _checked(column: OutputColumn, array: pa.Array) -> Sequence[Any]:
    """Return the values if there is something to check, else none."""
    needed = column.spec.categories or (column.spec.not_null and array.null_count)
    found: Sequence[Any] = array.to_pylist() if needed else ()
    return found


def _stored(path: Path, extension: str) -> tuple[list[str], Iterator[pa.RecordBatch]]:
    import pyarrow as pa

    if extension == ".arrow":
        reader = pa.ipc.open_file(pa.OSFile(str(path)))
        return reader.schema.names, (reader.get_batch(i) for i in range(reader.num_record_batches))
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path, pre_buffer=False)
    return file.schema_arrow.names, file.iter_batches(SIZE, use_threads=False)


def _plain(path: Path, column: OutputColumn, array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Return a column with its plain type; small ints, dictionaries and long text are the same."""
    import pyarrow as pa

    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    same = {
        "bool": pa.types.is_boolean,
        "int": pa.types.is_integer,
        "float": lambda given: pa.types.is_floating(given) or pa.types.is_integer(given),
        "date": pa.types.is_date32,
    }.get(column.type, lambda given: pa.types.is_string(given) or pa.types.is_large_string(given))
    if not same(kind) and not pa.types.is_null(kind):
        raise DataFileError(
            f"{path}, column {column.name}: its type is {kind}, and {wanted} is expected."
        )
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(wanted)
