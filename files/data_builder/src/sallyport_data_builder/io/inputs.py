"""Reads tables from files, strictly: names, types, and what is never null (FMT-09).

An error names the file, the row and the column, never the value: a file may hold patients' data.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sallyport_data_builder.errors import DataFileError, DefinitionError, nearest
from sallyport_data_builder.io import csv_records
from sallyport_data_builder.io.tables import OutputColumn, OutputTable
from sallyport_data_builder.io.targets import CSV, extension_of

if TYPE_CHECKING:
    import pyarrow as pa

SIZE = 64_000


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
    """Say in one sentence that a file is broken; a library's own words may quote it."""
    import pyarrow as pa

    try:
        yield
    except UnicodeDecodeError:
        raise DataFileError(f"{path} is not UTF-8 text.") from None
    except (csv.Error, EOFError, zlib.error, pa.ArrowException, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else ""
        told = reason or "its content is broken"
        raise DataFileError(f"{path} cannot be read: {told}.") from None


def _places(path: Path, table: OutputTable, found: Sequence[str]) -> list[int]:
    """Return the position of each column; the order is free and more columns are ignored."""
    twice = sorted({name for name in table.names if found.count(name) > 1})
    if twice:
        raise DataFileError(f"{path}: the column {twice[0]} appears twice.")
    for name in table.names:
        if name not in found:
            raise DataFileError(f"{path} has no column {name}.{nearest(name, found)}")
    return [found.index(name) for name in table.names]


def _read_csv(path: Path, table: OutputTable) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from sallyport_data_builder.io.batches import plain_schema

    wanted = plain_schema(table)
    with csv_records.opened(path) as stream:
        records = csv_records.records(stream)
        _line, names = next(records, (0, ()))
        if not names:
            raise DataFileError(f"{path} is empty: a header with the names of columns is needed.")
        places = _places(path, table, names)
        start = 1
        while part := list(islice(records, SIZE)):
            _check_width(path, part, len(names))
            arrays = [
                pa.array(_parse(path, column, place, part, start), field.type)
                for column, place, field in zip(table.columns, places, wanted, strict=True)
            ]
            yield pa.record_batch(arrays, schema=wanted)
            start += len(part)


def _check_width(path: Path, part: Sequence[tuple[int, Sequence[str]]], width: int) -> None:
    for line, record in part:
        if len(record) != width:
            raise DataFileError(
                f"{path}, line {line}: {len(record)} values, and the header has {width} columns."
            )


def _parse(
    path: Path,
    column: OutputColumn,
    place: int,
    part: Sequence[tuple[int, Sequence[str]]],
    start: int,
) -> list[Any]:
    parse: Callable[[str], Any] = csv_records.PARSERS.get(column.type, str)
    found: list[Any] = []
    try:
        for _line, record in part:
            text = record[place]
            found.append(parse(text) if text else None)
    except (ValueError, DefinitionError):
        form = csv_records.FORMS[column.type]
        raise _wrong(path, start + len(found), column, f"{form} expected") from None
    wrong = _first_wrong(column, found)
    if wrong is not None:
        place_, what = wrong
        raise _wrong(path, start + place_, column, what)
    return found


def _first_wrong(column: OutputColumn, values: Sequence[Any]) -> tuple[int, str] | None:
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


def _wrong(path: Path, row: int, column: OutputColumn, what: str) -> DataFileError:
    return DataFileError(f"{path}, row {row}, column {column.name}: {what}.")


def _read_typed(path: Path, extension: str, table: OutputTable) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from sallyport_data_builder.io.batches import plain_schema

    wanted = plain_schema(table)
    names, found = _stored(path, extension)
    places = _places(path, table, names)
    start = 1
    for batch in found:
        batch.validate(full=True)
        arrays = []
        for column, place, field in zip(table.columns, places, wanted, strict=True):
            array = _plain(path, column, batch.column(place), field.type)
            wrong = _first_wrong(column, _checked(column, array))
            if wrong is not None:
                raise _wrong(path, start + wrong[0], column, wrong[1])
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
