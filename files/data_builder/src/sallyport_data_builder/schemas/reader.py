"""Reads a schema file strictly: an unknown key is an error that names the nearest one."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sallyport_data_builder.errors import ExitCode, Failure, nearest
from sallyport_data_builder.schemas.types import ALL_TYPES, SCALARS

NAME = re.compile(r"[a-z][a-z0-9_]*")
SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
SCHEMA_KEYS = {"name", "version", "tables"}
TABLE_KEYS = {
    "rows", "columns", "physical_name", "permission", "activation_date", "methods", "description",
}  # fmt: skip
RANGE_KEYS = {"min", "max", "step", "open_min", "open_max"}
FLAGS = ("not_null", "unique", "first_of_month")
TEXT_KEYS = ("physical_name", "permission", "activation_date", "methods", "description")


class SchemaError(Failure):
    """A schema file is invalid; that is a matter of the site, not of a study."""

    code = ExitCode.REFUSED


@dataclass(frozen=True)
class ColumnSpec:
    """A column and the constraints that its values keep."""

    type: str
    not_null: bool = False
    unique: bool = False
    categories: tuple[Any, ...] = ()
    first_of_month: bool = False
    regex: str = ""
    range: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class TableSpec:
    """A standard table. `activation_date` is the column by which a backend may cut records off."""

    rows: str
    columns: Mapping[str, ColumnSpec]
    physical_name: str
    permission: str = ""
    activation_date: str = ""
    methods: str = ""
    description: str = ""

    @property
    def types(self) -> tuple[tuple[str, str], ...]:
        """The names of the columns and their types."""
        return tuple((name, column.type) for name, column in self.columns.items())


@dataclass(frozen=True)
class Schema:
    """A set of standard tables."""

    name: str
    version: int
    tables: Mapping[str, TableSpec]


def parse(text: str) -> Schema:
    """Read a schema file; raise SchemaError naming the place that breaks a rule."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"A schema file is not TOML: {error}.") from None
    name = document.get("name")
    if not isinstance(name, str) or SCHEMA_NAME.fullmatch(name) is None:
        raise SchemaError(f"A schema needs a name of lower-case letters, not {name!r}.")
    _known(document, SCHEMA_KEYS, name)
    version, tables = document.get("version"), document.get("tables")
    _require(type(version) is int and version > 0, f"{name}: version must be a positive int.")
    _require(isinstance(tables, dict) and bool(tables), f"{name}: there is no table.")
    read = {table: _table(name, table, item) for table, item in document["tables"].items()}
    return Schema(name, document["version"], read)


def _table(schema: str, name: str, item: Any) -> TableSpec:
    place = f"{schema}.{name}"
    _require(NAME.fullmatch(name) is not None, f"{place}: a table's name is lower case.")
    _require(isinstance(item, dict), f"{place}: keys and values expected.")
    _known(item, TABLE_KEYS, place)
    _require(item.get("rows") in ("one", "many"), f"{place}: rows must be one or many.")
    texts = {key: item.get(key, "") for key in TEXT_KEYS}
    for key, value in texts.items():
        _require(isinstance(value, str), f"{place}: {key} must be text.")
    listed = item.get("columns")
    if not isinstance(listed, dict) or not listed:
        raise SchemaError(f"{place}: there is no column.")
    columns = {key: _column(f"{place}.{key}", key, value) for key, value in listed.items()}
    _check_references(place, texts["activation_date"], columns)
    texts["physical_name"] = texts["physical_name"] or name
    return TableSpec(item["rows"], columns, **texts)


def _check_references(place: str, activation: str, columns: Mapping[str, ColumnSpec]) -> None:
    """Columns that a key names are there, and are dates."""
    named = [(activation, "activation_date")] if activation else []
    named += [(earlier, "after") for spec in columns.values() for earlier in spec.after]
    for column, key in named:
        _require(column in columns, f"{place}: {key} names {column}.{nearest(column, columns)}")
        _require(columns[column].type == "date", f"{place}: {key} must name a date column.")


def _column(place: str, name: str, item: Any) -> ColumnSpec:
    _require(NAME.fullmatch(name) is not None, f"{place}: a column's name is lower case.")
    _require(name != "patient_id", f"{place}: every table has patient_id; leave it out.")
    _require(isinstance(item, dict), f"{place}: keys and values expected.")
    _known(item, {each.name for each in fields(ColumnSpec)}, place)
    kind = item.get("type")
    _require(
        kind in ALL_TYPES, f"{place}: {kind} is not a valid type.{nearest(str(kind), ALL_TYPES)}"
    )
    for flag in FLAGS:
        _require(type(item.get(flag, False)) is bool, f"{place}: {flag} must be true or false.")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in item.items()
    }
    spec = ColumnSpec(**values)
    _check_constraints(place, spec)
    _check_range(place, spec.range)
    return spec


def _check_constraints(place: str, spec: ColumnSpec) -> None:
    """Constraints must suit the type of their column."""
    wanted = SCALARS.get(spec.type, str)
    categories = isinstance(spec.categories, tuple) and all(
        type(value) is wanted for value in spec.categories
    )
    _require(categories, f"{place}: categories must be a list of {wanted.__name__}.")
    _require(len(set(spec.categories)) == len(spec.categories), f"{place}: a category twice.")
    _require(
        not spec.first_of_month or spec.type == "date", f"{place}: first_of_month is for dates."
    )
    _require(not spec.range or spec.type in ("int", "float"), f"{place}: range is for numbers.")
    _require(not spec.regex or wanted is str, f"{place}: regex is for text.")
    _require(isinstance(spec.after, tuple), f"{place}: after must be a list of columns.")
    _require(not spec.after or spec.type == "date", f"{place}: after is for dates.")
    _require(isinstance(spec.description, str), f"{place}: description must be text.")
    try:
        re.compile(spec.regex)
    except (re.error, TypeError):
        raise SchemaError(f"{place}: regex is not a regular expression.") from None


def _check_range(place: str, limits: Any) -> None:
    """A range has least and greatest values, the step between values, and may leave ends out."""
    _require(isinstance(limits, dict), f"{place}: range has min, max and step.")
    _known(limits, RANGE_KEYS, place)
    for key, value in limits.items():
        allowed = (bool,) if key.startswith("open_") else (int, float)
        _require(type(value) in allowed, f"{place}: {key} of range is of a wrong type.")
    ordered = limits.get("min", -math.inf) <= limits.get("max", math.inf)
    _require(ordered, f"{place}: min of range is above max.")


def _known(item: Mapping[str, Any], keys: set[str], place: str) -> None:
    for key in item:
        _require(key in keys, f"{place}: {key} is not a key of a schema.{nearest(key, keys)}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SchemaError(message)
