"""Runs a plan and writes its tables; the one way from a root to files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.io import measures, outputs
from sallyport_data_builder.io.columns import dataset_table, events_table
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


def _measures(database: Database, planner: Planner, root: Measures, output: str | None) -> int:
    with scratch(database) as names:
        database.check_maintenance()
        found = measure_results(database, planner, root, names)
    shown = map(control, found) if root.disclosure else found
    return measures.write(output, root, [result.row(list(root.groups)) for result in shown])


def measure_results(
    database: Database, planner: Planner, root: Measures, names: list[str]
) -> list[Result]:
    """Return every row before disclosure control, in the order of the output."""
    maker, stage, options = MeasurePlanner(planner), planner.stage, planner.options
    queries, hours = maker.queries(root), database.mapping.measures_hours
    progress = Progress(sum(len(found.intervals) for found in queries), hours)
    rows: dict[str, list[Result]] = {}
    maker.prepare(root)
    done = 0
    for query in maker.each(queries):
        small = perform(database, stage.steps[done:], names, options.selective)
        done = len(stage.steps)
        patients = database.count(query.base.table)
        sums: list[Mapping[str, Any]] = []
        for first, last in batches(len(query.together.intervals), patients, options.max_grid):
            name = maker.batch(query, first, last)
            perform(database, stage.steps[done:], names, options.selective, small)
            sums += _sums(database, name, maker.columns(query))
            made = [step.name for step in stage.steps[done:]]
            database.drop(made)
            names[:] = [name for name in names if name not in made]
            done = len(stage.steps)
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
