"""The mapping file of a backend: which physical rows are the standard ones."""

from __future__ import annotations

import datetime
import fnmatch
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import ArgumentsError, MappingError, nearest
from sallyport_data_builder.model.types import ALL_TYPES

FORMAT = 1
NO_BACKEND = ("", "test", "expectations")
TOP = {
    "format", "implements", "dialect", "patient_id", "scratch_schema", "scratch_columns",
    "collation", "settings", "exclude_patients", "only_patients", "maintenance", "tables",
    "extra_tables",
}  # fmt: skip
TABLE = {
    "source", "query", "where", "patient_id", "materialise", "unavailable", "rows_estimate",
    "stale_after", "columns",
}  # fmt: skip
COLUMN = {"column", "sql", "map", "otherwise", "null_if", "collation"}
NOT_YET = {"scratch_columns", "collation", "materialise"}


@dataclass(frozen=True)
class MappedColumn:
    """Where a standard column comes from."""

    column: str = ""
    sql: str = ""
    map: Mapping[str, Any] = field(default_factory=dict)
    otherwise: Any = None
    null_if: Any = None


@dataclass(frozen=True)
class MappedTable:
    """Where a standard table comes from: a table or a query, and a column for each of ours."""

    name: str
    columns: Mapping[str, MappedColumn]
    types: Mapping[str, str]
    unavailable: frozenset[str]
    patient_id: str
    source: str = ""
    query: str = ""
    where: str = ""


@dataclass(frozen=True)
class Exclusion:
    """Patients that no study sees, or the only ones that studies see."""

    name: str
    sql: str
    only: bool
    unless_permission: str = ""


@dataclass(frozen=True)
class BackendMapping:
    """A whole mapping file."""

    slug: str
    implements: tuple[str, ...]
    tables: Mapping[tuple[str, str], MappedTable]
    exclusions: tuple[Exclusion, ...]
    patient_id: str
    scratch_schema: str = ""
    dialect: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    maintenance: str = ""


def find(slug: str, folder: Path) -> BackendMapping:
    """Load the mapping of a backend; raise ArgumentsError naming the known ones."""
    known = sorted(path.stem for path in folder.glob("*.toml"))
    if slug not in known:
        raise ArgumentsError(f"There is no backend {slug!r} in {folder}.{nearest(slug, known)}")
    return parse(slug, (folder / f"{slug}.toml").read_text(encoding="utf-8"))


def parse(slug: str, text: str) -> BackendMapping:
    """Read a mapping; raise MappingError naming what is wrong and what is known (BK-02)."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{slug}.toml is not TOML: {error}") from None
    _known(document, TOP, slug)
    if document.get("format") != FORMAT:
        raise MappingError(f"{slug}.toml: format must be {FORMAT}.")
    patient_id = _patient_id(document.get("patient_id", {}), slug)
    implements = tuple(document.get("implements", ()))
    return BackendMapping(
        slug=slug,
        implements=implements,
        tables=_tables(document, implements, patient_id),
        exclusions=_exclusions(document),
        patient_id=patient_id,
        scratch_schema=str(document.get("scratch_schema", "")),
        dialect=str(document.get("dialect", "")),
        settings=dict(document.get("settings", {})),
        maintenance=str(document.get("maintenance", {}).get("sql", "")),
    )


def _known(item: Mapping[str, Any], keys: set[str], place: str) -> None:
    for key in item:
        if key not in keys:
            raise MappingError(f"{place}: {key} is no key of a mapping.{nearest(key, keys)}")
        if key in NOT_YET:
            raise MappingError(f"{place}: {key} is not in this version of the data builder.")


def _patient_id(item: Mapping[str, Any], place: str) -> str:
    _known(item, {"column", "type", "key_table"}, f"{place}: patient_id")
    if item.get("type", "int") != "int" or "key_table" in item:
        raise MappingError(f"{place}: patient_id of this version is an int column.")
    if not item.get("column"):
        raise MappingError(f"{place}: patient_id needs a column.")
    return str(item["column"])


def _exclusions(document: Mapping[str, Any]) -> tuple[Exclusion, ...]:
    found = []
    for kind in ("exclude_patients", "only_patients"):
        for name, item in document.get(kind, {}).items():
            _known(item, {"sql", "unless_permission"}, f"{kind}.{name}")
            if not item.get("sql"):
                raise MappingError(f"{kind}.{name} needs sql that returns patient ids.")
            permission = str(item.get("unless_permission", ""))
            found.append(Exclusion(name, item["sql"], kind == "only_patients", permission))
    return tuple(found)


def _tables(
    document: Mapping[str, Any], implements: tuple[str, ...], patient_id: str
) -> dict[tuple[str, str], MappedTable]:
    items = dict(document.get("tables", {}))
    found, known = {}, set()
    for schema in implements:
        if schema not in schemas.names():
            raise MappingError(f"implements: no schema {schema}.{nearest(schema, schemas.names())}")
        for name, spec in schemas.load(schema).tables.items():
            known.add(spec.physical_name)
            if spec.physical_name not in items:
                raise MappingError(f"tables.{spec.physical_name} of schema {schema} is not mapped.")
            item = items[spec.physical_name]
            found[schema, name] = _table(spec.physical_name, item, dict(spec.node.spec), patient_id)
    for name in items:
        if name not in known:
            raise MappingError(f"tables.{name} is in none of the schemas.{nearest(name, known)}")
    for name, item in document.get("extra_tables", {}).items():
        found["", name] = _extra(name, item, patient_id)
    return found


def _extra(name: str, item: Mapping[str, Any], patient_id: str) -> MappedTable:
    types = {key: value["type"] for key, value in item.get("columns", {}).items()}
    for key, kind in types.items():
        if kind not in ALL_TYPES:
            raise MappingError(f"extra_tables.{name}.{key}: {kind} is no type.")
    plain = {
        key: {inner: word for inner, word in value.items() if inner != "type"} or key
        for key, value in item.get("columns", {}).items()
    }
    return _table(name, {**item, "columns": plain}, types, patient_id)


def _table(
    name: str, item: Mapping[str, Any], types: Mapping[str, str], patient_id: str
) -> MappedTable:
    place = f"tables.{name}"
    _known(item, TABLE, place)
    if bool(item.get("source")) == bool(item.get("query")):
        raise MappingError(f"{place} needs either source or query.")
    given = item.get("columns", {})
    for column in given:
        if column not in types:
            raise MappingError(f"{place}: there is no column {column}.{nearest(column, types)}")
    patterns = [*item.get("unavailable", ())]
    missing = {c for c in types if any(fnmatch.fnmatchcase(c, pattern) for pattern in patterns)}
    columns = {}
    for column in types:
        if column in given:
            columns[column] = _column(f"{place}.columns.{column}", given[column], types[column])
        elif column not in missing and item.get("query"):
            columns[column] = MappedColumn(column=column)
        elif column not in missing:
            raise MappingError(f"{place}: column {column} is neither mapped nor unavailable.")
    own_id = item.get("patient_id")
    return MappedTable(
        name=name,
        columns=columns,
        types=dict(types),
        unavailable=frozenset(missing - set(given)),
        patient_id=_patient_id(own_id, place) if own_id else patient_id,
        source=str(item.get("source", "")),
        query=str(item.get("query", "")),
        where=str(item.get("where", "")),
    )


def _column(place: str, item: Any, kind: str) -> MappedColumn:
    if isinstance(item, str):
        return MappedColumn(column=item)
    _known(item, COLUMN, place)
    if bool(item.get("column")) == bool(item.get("sql")):
        raise MappingError(f"{place} needs either column or sql.")
    null_if = item.get("null_if")
    if kind == "date" and isinstance(null_if, str):
        null_if = datetime.date.fromisoformat(null_if)
    return MappedColumn(
        column=str(item.get("column", "")),
        sql=str(item.get("sql", "")),
        map=dict(item.get("map", {})),
        otherwise=item.get("otherwise"),
        null_if=null_if,
    )
