"""Tables without a database server: files of a folder, or dummy rows, read with DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import DataFileError, Failure
from sallyport_data_builder.io import inputs
from sallyport_data_builder.io.tables import OutputColumn, OutputTable
from sallyport_data_builder.io.targets import EXTENSIONS
from sallyport_data_builder.model.nodes import Table
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.model.tables import physical_name
from sallyport_data_builder.plan.relations import table_columns
from sallyport_data_builder.schemas import ColumnSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from sallyport_data_builder.backends.parts import BackendMapping
    from sallyport_data_builder.sql.database import Database

URL = "duckdb://"
Source = Callable[[OutputTable], "Iterator[pa.RecordBatch]"]


def table_of(node: Table, used: Sequence[str]) -> OutputTable:
    """Return what the file of a table holds: the columns in use, with the schema's constraints."""
    known = schemas.load(node.schema).tables[node.name].columns if node.schema else {}
    return OutputTable.of_patients(
        physical_name(node),
        (
            OutputColumn(key, kind, known.get(key, ColumnSpec(kind)))
            for key, kind in node.spec
            if key in used
        ),
    )


def of_folder(folder: Path) -> Source:
    """Return where a folder's tables come from; raise DataFileError for one that it lacks."""

    def read(table: OutputTable) -> Iterator[pa.RecordBatch]:
        return inputs.read(file_of(folder, table.name), table)

    if not folder.is_dir():
        raise DataFileError(f"There is no folder {folder}.")
    return read


def file_of(folder: Path, name: str) -> Path:
    """Return the one file of a table; raise DataFileError unless there is exactly one."""
    files = [folder / f"{name}{extension}" for extension in EXTENSIONS]
    found = [file for file in files if file.is_file()]
    if len(found) != 1:
        told = "has no file" if not found else "has several files"
        raise DataFileError(
            f"{folder} {told} for the table {name}: {name}.csv, or .csv.gz, .arrow or .parquet."
        )
    return found[0]


def mapping(plan: Plan) -> BackendMapping:
    """Map each table to one in memory with the same columns."""
    from sallyport_data_builder.backends.parts import BackendMapping, MappedColumn, MappedTable

    made = {
        (node.schema, node.name): MappedTable(
            name=node.name,
            columns={name: MappedColumn(column=name) for name in node.columns},
            types=node.columns,
            unavailable=frozenset(),
            patient_id="patient_id",
            source=stored_name(node),
        )
        for node in plan.tables()
    }
    return BackendMapping("files", (), made, (), "patient_id")


def stored_name(node: Table) -> str:
    """Return the name of a table in memory."""
    return "_".join((*node.schema.split("."), node.name)).strip("_")


@contextmanager
def loaded(plan: Plan, source: Source, job: str) -> Iterator[Database]:
    """Give a database in memory that holds the tables of a plan."""
    import pyarrow as pa

    from sallyport_data_builder.io.batches import plain_schema
    from sallyport_data_builder.sql.connectors import dialect_of
    from sallyport_data_builder.sql.duckdb import driver_of
    from sallyport_data_builder.sql.run import connect

    dialect = dialect_of(URL)
    with connect(dialect, URL, mapping(plan), job) as database:
        driver = driver_of(database.connection)
        for node, used in table_columns(plan.nodes).items():
            table = table_of(node, used)
            failed: list[Failure] = []
            rows = _noting(source(table), failed)
            reader = pa.RecordBatchReader.from_batches(plain_schema(table), rows)
            try:
                driver.from_arrow(reader).create(stored_name(node))
            except dialect.errors:
                if failed:  # the driver tells what a reader says in its own words
                    raise failed[0] from None
                raise
        yield database


def _noting(rows: Iterator[pa.RecordBatch], failed: list[Failure]) -> Iterator[pa.RecordBatch]:
    """Yield batches, and note a failure that passes through a driver."""
    try:
        yield from rows
    except Failure as error:
        failed.append(error)
        raise
