"""Rows as Arrow record batches with the types that files have (FMT-05, FMT-06, FMT-07)."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from itertools import chain, islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sallyport_data_builder.errors import DatabaseFailure, ExitCode
from sallyport_data_builder.io.tables import PATIENT_ID, OutputColumn, OutputTable

SIZE = 64_000
CURE = "check-backend --full counts such rows; the backend's mapping must change them."
PLAIN = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "date": pa.date32()}
INTS = (8, 16, 32, 64)
PLAIN_VALUES = (int, float, str, datetime.date, type(None))


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, *_others: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("left out", name=fullname)


def plain_type(kind: str) -> pa.DataType:
    """Return the Arrow type of a type, whatever is known of the values; codes are text."""
    return PLAIN.get(kind, pa.string())


def file_type(column: OutputColumn) -> pa.DataType:
    """Return the smallest type that holds what the constraints allow."""
    spec = column.spec
    if column.name == PATIENT_ID:
        return pa.int64()
    if spec.categories and column.type not in PLAIN:
        index = _smallest(0, len(spec.categories) - 1)
        return pa.dictionary(index, pa.string(), ordered=True)
    if column.type == "int" and {"min", "max"} <= set(spec.range):
        return _smallest(int(spec.range["min"]), int(spec.range["max"]))
    return plain_type(column.type)


def _smallest(low: int, high: int) -> pa.DataType:
    bits = next(bits for bits in INTS if -(1 << bits - 1) <= low and high < 1 << bits - 1)
    return getattr(pa, f"int{bits}")()


def schema(table: OutputTable) -> pa.Schema:
    """Return the schema of a typed file."""
    return pa.schema(
        [pa.field(c.name, file_type(c), nullable=not c.spec.not_null) for c in table.columns]
    )


def plain_schema(table: OutputTable) -> pa.Schema:
    """Return the schema of rows before anything is known of their values."""
    return pa.schema(
        [pa.field(c.name, plain_type(c.type), nullable=not c.spec.not_null) for c in table.columns]
    )


def batches(table: OutputTable, rows: Iterable[Any]) -> Iterator[pa.RecordBatch]:
    """Yield tuples, lists of them, or batches of any size, as batches of 64,000 rows."""
    _leave_pandas_out()
    wanted = plain_schema(table)
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return
    if isinstance(first, pa.RecordBatch):
        yield from _resized(_cast(batch, wanted) for batch in chain([first], rows))
        return
    rows = chain([first], rows)
    if isinstance(first, list) and not any(isinstance(item, PLAIN_VALUES) for item in first):
        rows = chain.from_iterable(rows)  # a driver gives its rows in lists
    while part := list(islice(rows, SIZE)):
        yield _of_tuples(part, wanted)


def _leave_pandas_out() -> None:
    """Let Arrow find no pandas, which is installed for definitions and takes 60 MB.

    Arrow looks once, before it makes its first array of Python values, and loads what it finds.
    """
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(finder)


def _of_tuples(part: Sequence[Sequence[Any]], wanted: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*part, strict=True))
    arrays = [_array(values, field) for values, field in zip(columns, wanted, strict=True)]
    return pa.record_batch(arrays, schema=wanted)


def _array(values: Sequence[Any], field: pa.Field) -> pa.Array:
    try:
        return pa.array(values, field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        text = f"The column {field.name} has a value that is not of its type. {CURE}"
        raise DatabaseFailure(text, ExitCode.REFUSED) from None


def _cast(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    arrays = [
        array.dictionary_decode().cast(field.type)
        if pa.types.is_dictionary(array.type)
        else array.cast(field.type)
        for array, field in zip(batch.columns, wanted, strict=True)
    ]
    return pa.record_batch(arrays, schema=wanted)


def _resized(given: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut and join batches to the size; no more than that is held."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in given:
        while count + batch.num_rows >= SIZE:
            room = SIZE - count
            yield _joined([*held, batch.slice(0, room)])
            batch, held, count = batch.slice(room), [], 0
        if batch.num_rows:
            held, count = [*held, batch], count + batch.num_rows
    if held:
        yield _joined(held)


def _joined(parts: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    if len(parts) == 1:
        return parts[0]
    return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]


def typed(table: OutputTable, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with the types of files; raise DatabaseFailure naming the column (FMT-08)."""
    arrays = [
        _typed(column, array) for column, array in zip(table.columns, batch.columns, strict=True)
    ]
    return pa.record_batch(arrays, schema=schema(table))


def _typed(column: OutputColumn, array: pa.Array) -> pa.Array:
    wanted = file_type(column)
    if pa.types.is_dictionary(wanted):
        return _categories(column, array, wanted)
    if column.spec.not_null and array.null_count:
        raise _refused(column, "is empty in a row, and the schema says that it never is")
    try:
        return array.cast(wanted)
    except pa.ArrowInvalid:
        limits = f"{column.spec.range['min']} to {column.spec.range['max']}"
        raise _refused(column, f"has a value outside its range, {limits}") from None


def _categories(column: OutputColumn, array: pa.Array, wanted: pa.DataType) -> pa.Array:
    known = pa.array(column.spec.categories, pa.string())
    indices = pc.index_in(array, value_set=known)
    if indices.null_count != array.null_count:
        words = ", ".join(column.spec.categories)
        raise _refused(column, f"has a value outside its categories, {words}")
    return pa.DictionaryArray.from_arrays(indices.cast(wanted.index_type), known, ordered=True)


def _refused(column: OutputColumn, what: str) -> DatabaseFailure:
    return DatabaseFailure(f"The column {column.name} {what}. {CURE}", ExitCode.REFUSED)


def tuples(given: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of batches as Python values."""
    for batch in given:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
