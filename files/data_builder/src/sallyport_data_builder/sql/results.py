"""Runs a plan and writes its tables; the one way from a root to files."""

from __future__ import annotations

from typing import Any

from sallyport_data_builder.io import outputs
from sallyport_data_builder.io.columns import dataset_table, events_table
from sallyport_data_builder.io.tables import OutputTable
from sallyport_data_builder.io.targets import Target
from sallyport_data_builder.model.roots import Dataset, Measures
from sallyport_data_builder.sql.database import Database
from sallyport_data_builder.sql.downloads import Download
from sallyport_data_builder.sql.run import perform, scratch
from sallyport_data_builder.sql.steps import Planner


def write(
    database: Database, planner: Planner, root: Dataset | Measures, output: str | None
) -> list[int]:
    """Write what a plan asks for; return how many rows each table has."""
    if isinstance(root, Dataset):
        return _dataset(database, planner, root, output)
    raise NotImplementedError("measures")


def _dataset(
    database: Database, planner: Planner, dataset: Dataset, output: str | None
) -> list[int]:
    """Write a dataset and its event tables; return how many rows each has."""
    steps = planner.dataset(dataset)
    wanted = [events_table(name, rows) for name, rows in dataset.events]
    with scratch(database) as names:
        database.check_maintenance()
        perform(database, steps, names, planner.options.selective)
        stored = [step.name for step in steps[-1 - len(wanted) :]]
        tables = list(zip([*wanted, dataset_table(dataset)], stored, strict=True))
        tables.insert(0, tables.pop())
        found = [
            (table, _rows(database, name, table, output, place > 0))
            for place, (table, name) in enumerate(tables)
        ]
        return outputs.write_all(output, found)


def _rows(
    database: Database, name: str, table: OutputTable, output: str | None, events: bool
) -> Any:
    """Return CSV that the database renders if that is what is written, else Arrow or rows."""
    types = database.dialect.types
    columns = {item.name: types[item.type] for item in table.columns}
    download = Download(database, name, columns, events)
    if database.dialect.copies and Target.of(output).takes_csv:
        return download.csv()
    return download.batches()
