"""The same dataset on the reference engine and on SQLite, from the same small tables."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder import schemas
from sallyport_data_builder.backends.mapping import BackendMapping, parse
from sallyport_data_builder.lang.datasets import Dataset, plan_of
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.model.types import ALL_TYPES
from sallyport_data_builder.sql.run import connect, dialect_of, run_steps
from sallyport_data_builder.sql.steps import Planner

Rows = Sequence[Sequence[Any]]
Tables = Mapping[str, Rows]
Answer = list[tuple[Any, ...]]
CORE = schemas.load("core").tables


def mapping(extra: str = "") -> BackendMapping:
    """Map every core table to one of the same name and columns."""
    lines = ["format = 1", 'implements = ["core"]']
    lines += ['patient_id = { column = "patient_id", type = "int" }', extra]
    for name, spec in CORE.items():
        lines += [f"[tables.{name}]", f'source = "{name}"', f"[tables.{name}.columns]"]
        lines += [f'{column} = "{column}"' for column in spec.columns]
    return parse("same", "\n".join(lines))


def _rows(tables: Tables) -> dict[tuple[str, str], list[dict[str, Any]]]:
    return {
        ("core", name): [
            dict.fromkeys(CORE[name].columns)
            | dict(zip(["patient_id", *CORE[name].columns], row, strict=False))
            for row in rows
        ]
        for name, rows in tables.items()
    }


def memory(dataset: Dataset, tables: Tables, _folder: Path) -> Answer:
    """Answer with the reference engine."""
    engine = Engine(_rows(tables), plan_of(dataset).dataset)
    return [tuple(row.values()) for row in engine.results()]


def _insert(connection: sa.Connection, tables: Tables, kinds: Mapping[str, str]) -> None:
    """Make the core tables, temporary ones if there are kinds of columns, and fill them."""
    word = "temporary table" if kinds else "table"
    for name, spec in CORE.items():
        typed = [f"{key} {kinds.get(column.type, '')}" for key, column in spec.columns.items()]
        columns = ", ".join([f"patient_id {kinds.get('int', '')}", *typed])
        connection.exec_driver_sql(f"create {word} {name} ({columns})")
        rows = _rows({name: tables.get(name, [])})["core", name]
        if rows:
            named = sa.table(name, *(sa.column(key) for key in rows[0]))
            texts = [{key: _stored(value, kinds) for key, value in row.items()} for row in rows]
            connection.execute(sa.insert(named), texts)


def _stored(value: Any, kinds: Mapping[str, str]) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) and not kinds else value


def fill(path: Path, tables: Tables) -> None:
    """Write the core tables to a SQLite file."""
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    with engine.begin() as connection:
        _insert(connection, tables, {})


def sqlite(dataset: Dataset, tables: Tables, folder: Path) -> Answer:
    """Answer with SQLite, through mapping, planner and emitter."""
    path = folder / "tables.sqlite3"
    path.unlink(missing_ok=True)
    fill(path, tables)
    url, backend, plan = f"sqlite:///{path}", mapping(), plan_of(dataset)
    dialect = dialect_of(url)
    steps = Planner(dialect, backend, "unit").dataset(plan.dataset)
    columns = [name for name, _series in plan.dataset.columns]
    with connect(dialect, url, backend, "unit") as database:
        return [tuple(row) for row in run_steps(database, steps, columns)]


def postgresql(dataset: Dataset, tables: Tables, _folder: Path) -> Answer:
    """Answer with the PostgreSQL server of DATA_BUILDER_POSTGRESQL, in temporary tables."""
    url, plan = os.environ["DATA_BUILDER_POSTGRESQL"], plan_of(dataset)
    backend, dialect = mapping(), dialect_of(url)
    steps = Planner(dialect, backend, "unit").dataset(plan.dataset)
    columns = [name for name, _series in plan.dataset.columns]
    with connect(dialect, url, backend, "unit") as database:
        _insert(database.connection, tables, NATIVE)
        return [tuple(row) for row in run_steps(database, steps, columns)]


NATIVE = {
    **dict.fromkeys(ALL_TYPES, "text"),
    **{"date": "date", "int": "bigint", "float": "double precision"},
}
ENGINES: dict[str, Callable[[Dataset, Tables, Path], Answer]] = {
    "memory": memory,
    "sqlite": sqlite,
}
if "DATA_BUILDER_POSTGRESQL" in os.environ:
    ENGINES["postgresql"] = postgresql
