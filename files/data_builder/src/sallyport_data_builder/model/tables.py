"""Tables of a plan: those of a schema by name, a study's own and inline ones with columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import nearest
from sallyport_data_builder.model.layout import PlanError, Scalar
from sallyport_data_builder.model.nodes import Inline, Table
from sallyport_data_builder.schemas.types import parse_date

Spec = tuple[tuple[str, str], ...]
DIGEST = re.compile(r"[0-9a-f]{64}")


def list_of(value: Any) -> list[Any]:
    """Return a list, or raise PlanError."""
    if type(value) is not list:
        raise PlanError("a list expected")
    return value


def word(value: Any) -> str:
    """Return text, or raise PlanError."""
    if type(value) is not str:
        raise PlanError("text expected")
    return value


def pair(value: Any) -> tuple[Any, Any]:
    """Return a list of two as a pair, or raise PlanError."""
    if type(value) is not list or len(value) != 2:
        raise PlanError("pairs expected")
    return value[0], value[1]


def has_keys(item: Any, keys: set[str], what: str) -> Mapping[str, Any]:
    """Return an object that has exactly these keys, or raise PlanError."""
    if not isinstance(item, dict) or set(item) != keys:
        raise PlanError(f"{what}: its fields are {', '.join(sorted(keys))}")
    return item


def write_spec(spec: Spec) -> list[list[str]]:
    """Return columns as pairs of name and type."""
    return [list(column) for column in spec]


def read_spec(value: Any) -> Spec:
    """Read columns; the node that gets them checks the types."""
    return tuple((word(key), word(kind)) for key, kind in map(pair, list_of(value)))


def schema_table(schema: str, name: str) -> Table:
    """Return the node of a table of an installed schema."""
    spec = schemas.load(schema).tables[name]
    return Table(schema, name, spec.rows, spec.types)


def physical_name(table: Table) -> str:
    """Return the name of a table's file, without the extension: two schemas may share it."""
    return (
        schemas.load(table.schema).tables[table.name].physical_name if table.schema else table.name
    )


def column_spec(table: Table, column: str) -> schemas.ColumnSpec:
    """Return the constraints of a column."""
    columns = schemas.load(table.schema).tables[table.name].columns if table.schema else {}
    return columns.get(column, schemas.ColumnSpec(table.columns[column]))


def write_table(table: Table) -> dict[str, Any]:
    """Return the JSON object of a table (PLAN-03)."""
    item = {"k": "Table", "schema": table.schema, "name": table.name, "rows": table.rows}
    return item if table.schema else {**item, "spec": write_spec(table.spec)}


def read_table(item: Mapping[str, Any]) -> Table:
    """A schema's table is the installed one; a study's own table says its columns (PLAN-03)."""
    schema, name, rows = (word(item.get(key)) for key in ("schema", "name", "rows"))
    has_keys(item, {"k", "schema", "name", "rows"} | (set() if schema else {"spec"}), "a table")
    if not schema:
        return Table("", name, rows, read_spec(item["spec"]))
    tables = schemas.load(schema).tables
    if name not in tables:
        raise PlanError(f"schema {schema} has no table {name}.{nearest(name, tables)}")
    if tables[name].rows != rows:
        raise PlanError(f"{schema}.{name} has other rows")
    return schema_table(schema, name)


def write_inline(table: Inline, inputs: Sequence[Inline]) -> dict[str, Any]:
    """Return the JSON object of an inline table; one in a file says which of the inputs."""
    if table.source:
        return {"k": "Inline", "input": inputs.index(table)}
    rows = [[Scalar().write(value, {}) for value in row] for row in table.rows]
    return {"k": "Inline", "spec": write_spec(table.spec), "rows": rows}


def read_inline(item: Mapping[str, Any], inputs: Sequence[Inline]) -> Inline:
    """Read an inline table."""
    if "input" in item:
        place = has_keys(item, {"k", "input"}, "an inline table")["input"]
        if type(place) is not int or not 0 <= place < len(inputs):
            raise PlanError("an inline table names one of the inputs")
        return inputs[place]
    has_keys(item, {"k", "spec", "rows"}, "an inline table")
    spec = read_spec(item["spec"])
    kinds = ("int", *(kind for _name, kind in spec))
    rows = tuple(
        tuple(_value(value, kind) for value, kind in zip(list_of(row), kinds, strict=False))
        for row in list_of(item["rows"])
    )
    if any(len(row) != len(kinds) for row in item["rows"]):
        raise PlanError("a row has another number of values")
    if list(rows) != sorted(rows, key=lambda row: row[0] if row[0] is not None else 0):
        raise PlanError("the rows of an inline table are sorted by patient")
    return Inline(spec, rows)


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    found = Scalar().read(value, ())
    return parse_date(found) if kind == "date" and isinstance(found, str) else found


def write_input(table: Inline) -> dict[str, Any]:
    """Return what a plan says of a data file (PLAN-04)."""
    return {"path": table.source, "digest": table.digest, "columns": write_spec(table.spec)}


def read_input(item: Any) -> Inline:
    """Read one of the inputs: its path lies below the workspace."""
    has_keys(item, {"path", "digest", "columns"}, "an input")
    if DIGEST.fullmatch(word(item["digest"])) is None:
        raise PlanError("the digest of an input is its SHA-256 in hexadecimal")
    return Inline(read_spec(item["columns"]), (), relative(word(item["path"])), item["digest"])


def relative(path: str) -> str:
    """Return a path below the workspace as it is written in one way, or raise PlanError."""
    parts = PurePosixPath(path).parts
    wrong = not parts or path.startswith("/") or ".." in parts or not path.isprintable()
    if wrong or "\\" in path or str(PurePosixPath(path)) != path:
        raise PlanError(f"{path!r} is not a path below the workspace")
    return path
