"""The same definition on every engine, from the same small tables.

A table is named by its schema and its own name, `tpp.addresses`; one of the core schema may be
named by its own name alone. A row starts with the patient's id; columns that it lacks are NULL.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder import schemas
from sallyport_data_builder.backends.mapping import parse
from sallyport_data_builder.backends.parts import BackendMapping, MappedColumn, MappedTable
from sallyport_data_builder.lang.datasets import Dataset, plan_of
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.memory.measures import Result, results
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Node, Table, topological
from sallyport_data_builder.model.tables import schema_table
from sallyport_data_builder.plan.options import Options
from sallyport_data_builder.schemas.types import ALL_TYPES
from sallyport_data_builder.sql.connectors import dialect_of
from sallyport_data_builder.sql.database import Database
from sallyport_data_builder.sql.downloads import Download
from sallyport_data_builder.sql.results import measure_results
from sallyport_data_builder.sql.run import connect, perform, run_steps, scratch, types_of
from sallyport_data_builder.sql.statements import Drop
from sallyport_data_builder.sql.steps import Planner

Rows = Sequence[Sequence[Any]]
Tables = Mapping[str, Rows]
Answer = list[tuple[Any, ...]]
Ask = Callable[[Dataset, Tables, Path], Answer]
Place = tuple[str, str]
CORE = schemas.load("core").tables

STANDARD = {
    **dict.fromkeys(ALL_TYPES, "text"),
    **{"bool": "boolean", "date": "date", "int": "bigint", "float": "double precision"},
}
# The traps are on purpose: text of another collation than ours, columns without a type.
KINDS: dict[str, Mapping[str, str]] = {
    "postgresql": STANDARD,
    "duckdb": STANDARD,
    "sqlite": dict.fromkeys(ALL_TYPES, ""),
    "mariadb": {name: kind.replace("text", "varchar(250)") for name, kind in STANDARD.items()},
}


def place(name: str) -> Place:
    """Return schema and own name of a table of a case."""
    schema, _, own = name.rpartition(".")
    return (schema or ("core" if own in CORE else ""), own)


def tables_of(roots: Sequence[Node]) -> list[Table]:
    """Return the tables that a definition uses."""
    return [node for node in topological(roots) if isinstance(node, Table)]


def complete(tables: Tables, used: Sequence[Table]) -> dict[Place, list[dict[str, Any]]]:
    """Return every used table, each row with all its columns."""
    rows = {place(name): values for name, values in tables.items()}
    return {
        (table.schema, table.name): [
            dict.fromkeys(table.columns)
            | dict(zip(["patient_id", *table.columns], values, strict=False))
            for values in rows.get((table.schema, table.name), [])
        ]
        for table in used
    }


def physical(table: Table) -> str:
    """Return where the rows of a table are stored."""
    return "_".join((*table.schema.split("."), table.name)).strip("_")


def mapped(used: Sequence[Table]) -> BackendMapping:
    """Map tables of any schema to stored ones with the same columns."""
    made = {
        (table.schema, table.name): MappedTable(
            name=table.name,
            columns={name: MappedColumn(column=name) for name in table.columns},
            types=table.columns,
            unavailable=frozenset(),
            patient_id="patient_id",
            source=physical(table),
        )
        for table in used
    }
    return BackendMapping("same", (), made, (), "patient_id")


def make(
    connection: sa.Connection,
    name: str,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    kinds: Mapping[str, str],
    word: str = "temporary table",
) -> None:
    """Make a table and fill it; a column without a type holds dates as text."""
    quote = connection.dialect.identifier_preparer.quote
    every = {"patient_id": "int", **columns}
    declared = ", ".join(f"{quote(key)} {kinds[kind]}" for key, kind in every.items())
    connection.exec_driver_sql(f"create {word} {quote(name)} ({declared})")
    if rows:
        target = sa.table(name, *(sa.column(key) for key in every))
        values = [{key: _stored(row[key], kinds) for key in every} for row in rows]
        connection.execute(sa.insert(target), values)


def _stored(value: Any, kinds: Mapping[str, str]) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) and not kinds["date"] else value


def by_reference(root: op.Dataset, tables: Tables) -> Answer:
    """Answer a dataset with the reference engine."""
    engine = Engine(complete(tables, tables_of([root])), root)
    return [tuple(row.values()) for row in engine.results()]


class Reference:
    """The reference engine, which is asked as a database is."""

    def answer(self, root: op.Dataset, tables: Tables) -> Answer:
        """Answer a dataset."""
        return by_reference(root, tables)

    def measures(self, root: op.Measures, tables: Tables) -> list[Result]:
        """Answer measures, before small numbers are hidden."""
        return results(complete(tables, tables_of([root])), root)

    def events(self, root: op.Dataset, tables: Tables) -> list[Answer]:
        """Answer the event tables of a dataset."""
        engine = Engine(complete(tables, tables_of([root])), root)
        return [[tuple(row.values()) for row in engine.events(rows)] for _name, rows in root.events]


class Server:
    """A database that answers many questions on one connection, each about tables of its own."""

    def __init__(self, url: str) -> None:
        self._url, self.dialect, self._open = url, dialect_of(url), ExitStack()
        self._database: Database | None = None

    def _connected(self, backend: BackendMapping) -> Database:
        if self._database is None:
            opened = connect(self.dialect, self._url, backend, "unit")
            self._database = self._open.enter_context(opened)
        self._database.mapping = backend
        return self._database

    def close(self) -> None:
        """End the connection; the next question opens another."""
        self._database = None
        self._open.close()

    @contextmanager
    def _about(
        self, root: Node, tables: Tables, options: Options | None
    ) -> Iterator[tuple[Database, Planner]]:
        """Give the database with the tables of a question, and a planner."""
        used = tables_of([root])
        backend, rows = mapped(used), complete(tables, used)
        database = self._connected(backend)
        try:
            for table in used:
                found, kinds = rows[table.schema, table.name], KINDS[self.dialect.name]
                make(database.connection, physical(table), table.columns, found, kinds)
            yield database, Planner(self.dialect, backend, "unit", (), options)
            for table in used:
                database.connection.execute(Drop(physical(table), ""))
        except BaseException:
            self.close()
            raise

    def answer(self, root: op.Dataset, tables: Tables, options: Options | None = None) -> Answer:
        """Answer a dataset through mapping, planner and emitter."""
        columns = [name for name, _series in root.columns]
        with self._about(root, tables, options) as (database, planner):
            steps, selective = planner.dataset(root).steps, planner.options.selective
            return [tuple(row) for row in run_steps(database, steps, columns, selective)]

    def measures(
        self, root: op.Measures, tables: Tables, options: Options | None = None, hours: int = 72
    ) -> list[Result]:
        """Answer measures, before small numbers are hidden."""
        with self._about(root, tables, options) as (database, planner), scratch(database) as names:
            database.mapping = replace(database.mapping, measures_hours=hours)
            return measure_results(database, planner, root, names)

    def events(
        self, root: op.Dataset, tables: Tables, options: Options | None = None
    ) -> list[Answer]:
        """Answer the event tables of a dataset."""
        with self._about(root, tables, options) as (database, planner), scratch(database) as names:
            plan = planner.dataset(root)
            perform(database, plan.steps, names)
            stored = [step for step in plan.steps if step.name in plan.results[1:]]
            downloads = (Download(database, step.name, types_of(step), True) for step in stored)
            return [[tuple(row) for row in download.rows()] for download in downloads]


def memory(dataset: Dataset, tables: Tables, _folder: Path) -> Answer:
    """Answer with the reference engine."""
    return by_reference(plan_of(dataset).dataset, tables)


SERVERS: dict[str, Server] = {}


def server(url: str) -> Server:
    """Return the database of a URL, which stays connected until `close_all`."""
    return SERVERS.setdefault(url, Server(url))


def close_all() -> None:
    """End every connection."""
    while SERVERS:
        SERVERS.popitem()[1].close()


def on(url: str) -> Ask:
    """Return how a database answers."""
    return lambda dataset, tables, _folder: server(url).answer(plan_of(dataset).dataset, tables)


ENGINES: dict[str, Ask] = {
    "memory": memory,
    "sqlite": on("sqlite://"),
    "duckdb": on("duckdb://"),
}


def mapping(extra: str = "") -> BackendMapping:
    """Map every core table to one of the same name and columns, by a mapping file."""
    lines = ["format = 1", 'implements = ["core"]']
    lines += ['patient_id = { column = "patient_id", type = "int" }', extra]
    for name, spec in CORE.items():
        lines += [f"[tables.{name}]", f'source = "{name}"', f"[tables.{name}.columns]"]
        lines += [f'{column} = "{column}"' for column in spec.columns]
    return parse("same", "\n".join(lines))


def fill(path: Path, tables: Tables) -> None:
    """Write the core tables to a SQLite file."""
    rows = complete(tables, [schema_table("core", name) for name in CORE])
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    with engine.begin() as connection:
        for name, spec in CORE.items():
            make(connection, name, dict(spec.types), rows["core", name], KINDS["sqlite"], "table")
