"""Schemas are data: one TOML file per set of standard tables."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sallyport_data_builder.errors import DefinitionError, nearest
from sallyport_data_builder.model.nodes import Table
from sallyport_data_builder.model.types import ALL_TYPES

FOLDER = Path(__file__).parent
TABLE_KEYS = {"rows", "columns", "physical_name", "permission", "methods", "description"}
COLUMN_KEYS = {
    "type", "not_null", "unique", "categories", "first_of_month", "regex", "range", "after",
    "description",
}  # fmt: skip


@dataclass(frozen=True)
class ColumnSpec:
    """A column and the constraints that its values keep."""

    type: str
    not_null: bool = False
    unique: bool = False
    categories: tuple[str, ...] = ()
    first_of_month: bool = False
    regex: str = ""
    range: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class TableSpec:
    """A standard table."""

    node: Table
    columns: Mapping[str, ColumnSpec]
    physical_name: str
    permission: str = ""
    methods: str = ""
    description: str = ""


@dataclass(frozen=True)
class Schema:
    """A set of standard tables."""

    name: str
    version: int
    tables: Mapping[str, TableSpec]


def names() -> list[str]:
    """Return the names of the installed schemas."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@cache
def load(name: str) -> Schema:
    """Return an installed schema; raise DefinitionError if there is none of that name."""
    if name not in names():
        raise DefinitionError(f"There is no schema {name}.{nearest(name, names())}")
    return parse((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def parse(text: str) -> Schema:
    """Read a schema file; raise DefinitionError on a key that no rule knows."""
    document = tomllib.loads(text)
    tables = {
        table: _table(document["name"], table, item) for table, item in document["tables"].items()
    }
    return Schema(document["name"], document["version"], tables)


def _table(schema: str, name: str, item: Mapping[str, Any]) -> TableSpec:
    _known(item, TABLE_KEYS, name)
    columns = {key: _column(f"{name}.{key}", value) for key, value in item["columns"].items()}
    spec = tuple((key, column.type) for key, column in columns.items())
    return TableSpec(
        node=Table(schema, name, item["rows"], spec),
        columns=columns,
        physical_name=item.get("physical_name", name),
        permission=item.get("permission", ""),
        methods=item.get("methods", ""),
        description=item.get("description", ""),
    )


def _column(place: str, item: Mapping[str, Any]) -> ColumnSpec:
    _known(item, COLUMN_KEYS, place)
    if item["type"] not in ALL_TYPES:
        raise DefinitionError(f"{place}: {item['type']} is no type.{nearest('', ALL_TYPES)}")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in item.items()
    }
    return ColumnSpec(**values)


def _known(item: Mapping[str, Any], keys: set[str], place: str) -> None:
    for key in item:
        if key not in keys:
            raise DefinitionError(f"{place}: {key} is no key of a schema.{nearest(key, keys)}")
