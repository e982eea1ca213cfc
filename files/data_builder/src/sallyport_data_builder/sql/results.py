"""Runs a plan and writes its tables; the one way from a root to files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.io import outputs
from sallyport_data_builder.io.columns import dataset_table, events_table
from sallyport_data_builder.io.measures import write as write_measures
from sallyport_data_builder.io.tables import OutputTable
from sallyport_data_builder.io.targets import Target
from sallyport_data_builder.memory.measures import Result, control
from sallyport_data_builder.model.roots import Dataset, Measures
from sallyport_data_builder.plan.together import batches
from sallyport_data_builder.sql.database import Database
from sallyport_data_builder.sql.downloads import Download
from sallyport_data_builder.sql.measures import MeasurePlanner, results
from sallyport_data_builder.sql.progress import Progress
from sallyport_data_builder.sql.run import perform, scratch
from sallyport_data_builder.sql.steps import Planner


def write(
    database: Database, planner: Planner, root: Dataset | Measures, output: str | None
) -> list[int]:
    """Write what a plan asks for; return how many rows each table has."""
    if isinstance(root, Dataset):
        return _dataset(database, planner, root, output)
    return [_measures(database, planner, root, output)]


def _dataset(
    database: Database, planner: Planner, dataset: Dataset, output: str | None
) -> list[int]:
    """Write a dataset and its event tables; return how many rows each has."""
    plan = planner.dataset(dataset)
    tables = [dataset_table(dataset), *(events_table(*item) for item in dataset.events)]
    with scratch(database) as names:
        database.check_maintenance()
        perform(database, plan.steps, names, planner.options.selective)
        rows = [
            (table, _rows(database, name, table, output, place > 0))
            for place, (table, name) in enumerate(zip(tables, plan.results, strict=True))
        ]
        return outputs.write_all(output, rows)


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


def _measures(database: Database, planner: Planner, root: Measures, output: str | None) -> int:
    with scratch(database) as names:
        database.check_maintenance()
        found = measure_results(database, planner, root, names)
    shown = map(control, found) if root.disclosure else found
    return write_measures(output, root, [result.row(list(root.groups)) for result in shown])


def measure_results(
    database: Database, planner: Planner, root: Measures, names: list[str]
) -> list[Result]:
    """Return every row before disclosure control, in the order of the output."""
    maker, selective = MeasurePlanner(planner), planner.options.selective
    queries, hours = maker.queries(root), database.mapping.measures_hours
    progress = Progress(sum(len(measures.intervals) for measures in queries), hours)
    rows: dict[str, list[Result]] = {}
    prepared = maker.prepared(root)
    perform(database, prepared.plan.steps, names, selective)
    done = len(prepared.plan.steps)
    for measures in queries:
        query = maker.query(measures, prepared, done)
        small = perform(database, query.plan.steps, names, selective)
        done += len(query.plan.steps)
        patients = database.count(query.base.table)
        sums: list[Mapping[str, Any]] = []
        for first, last in batches(len(measures.intervals), patients, planner.options.max_grid):
            batch = maker.batch(query, first, last, done)
            perform(database, batch.steps, names, selective, small)
            done += len(batch.steps)
            sums += _sums(database, batch.results[0], maker.columns(query))
            stored = [step.name for step in batch.steps]
            database.drop(stored)
            names[:] = [name for name in names if name not in stored]
            progress.finished(last - first + 1)
        for result in results(query, sums):
            rows.setdefault(result.measure, []).append(result)
    return [result for measure in root.measures for result in rows.get(measure.name, [])]


def _sums(database: Database, name: str, columns: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    named = [sa.column(column, kind) for column, kind in columns.items()]
    stored = sa.table(name, *named, schema=database.mapping.scratch_schema or None)
    found: Sequence[Mapping[str, Any]] = (
        database.execute("download", sa.select(stored)).mappings().all()
    )
    return found
