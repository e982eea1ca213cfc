"""Reads a mapping file and notes each mistake with its line (BK-02)."""

from __future__ import annotations

import difflib
import fnmatch
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sallyport_data_builder import schemas
from sallyport_data_builder.backends import columns
from sallyport_data_builder.backends.lines import Lines, Path
from sallyport_data_builder.backends.parts import (
    BackendMapping,
    Exclusion,
    MappedColumn,
    MappedTable,
    ScratchColumn,
)
from sallyport_data_builder.errors import nearest
from sallyport_data_builder.schemas.types import ALL_TYPES

FORMAT = 1
TOP: dict[str, type | tuple[type, ...]] = {
    "format": int, "implements": list, "dialect": str, "patient_id": dict, "scratch_schema": str,
    "scratch_columns": dict, "collation": str, "settings": dict, "exclude_patients": dict,
    "only_patients": dict, "maintenance": dict, "measures_hours": int, "tables": dict,
    "extra_tables": dict,
}  # fmt: skip
TABLE: dict[str, type | tuple[type, ...]] = {
    "source": str, "query": str, "where": str, "patient_id": (str, dict), "materialise": bool,
    "unavailable": list, "rows_estimate": int, "stale_after": int, "columns": dict,
}  # fmt: skip
PATIENT_ID: dict[str, type | tuple[type, ...]] = {"column": str, "type": str, "key_table": str}
RULE: dict[str, type | tuple[type, ...]] = {"sql": str, "unless_permission": str}
KINDS = {
    dict: "a table",
    list: "a list",
    str: "a string",
    int: "a whole number",
    bool: "true/false",
}
BAD_FILE, INCOMPLETE = "CHK-01", "CHK-02"


@dataclass(frozen=True)
class Problem:
    """A mistake in a mapping file, and where it is."""

    check: str
    slug: str
    line: int
    text: str
    table: str = ""
    column: str = ""

    def __str__(self) -> str:
        """Say it as an error does."""
        return f"{self.slug}.toml, line {self.line}: {self.text}"


class Reader:
    """Reads one file; goes on after a mistake, so that all are named at once."""

    def __init__(self, slug: str, text: str) -> None:
        self._slug, self._text = slug, text
        self._lines = Lines("")
        self._patient_id = ""
        self.problems: list[Problem] = []

    def note(self, path: Path, text: str, check: str = BAD_FILE) -> None:
        """Note a mistake at a path."""
        table = path[1] if len(path) > 1 and path[0] in ("tables", "extra_tables") else ""
        column = path[3] if len(path) > 3 and path[2] == "columns" else ""
        line = self._lines.of(path)
        self.problems.append(Problem(check, self._slug, line, text, table, column))

    def mapping(self) -> BackendMapping:
        """Return what could be read; it is of use only if there are no problems."""
        try:
            document = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            self.note((), f"this is not TOML: {error}")
            document = {"format": FORMAT}
            return BackendMapping(self._slug, (), {}, (), "")
        self._lines = Lines(self._text)
        document = self.keys(document, TOP, ())
        if document.get("format") != FORMAT:
            self.note(("format",), f"format must be {FORMAT}")
        patient = self.keys(document.get("patient_id", {}), PATIENT_ID, ("patient_id",))
        self._check_patient(patient)
        implements = self._implements(document.get("implements", []))
        return BackendMapping(
            slug=self._slug,
            implements=implements,
            tables={
                **self._tables(document.get("tables", {}), implements),
                **self._extra(document),
            },
            exclusions=tuple(self._rules(document)),
            patient_id=self._patient_id,
            patient_type=patient.get("type", "int"),
            key_table=patient.get("key_table", ""),
            scratch_schema=document.get("scratch_schema", ""),
            scratch_columns=self._scratch(document.get("scratch_columns", {})),
            dialect=document.get("dialect", ""),
            collation=document.get("collation", ""),
            settings=document.get("settings", {}),
            maintenance=self._maintenance(document),
            measures_hours=self._hours(document),
            lines=self._lines,
        )

    def keys(
        self, item: Any, known: Mapping[str, type | tuple[type, ...]], path: Path
    ) -> dict[str, Any]:
        """Return the entries whose key is known and whose value is of its kind; note the others."""
        if not isinstance(item, dict):
            self.note(path, f"{'.'.join(path)} must be a table")
            return {}
        kept = {}
        for key, value in item.items():
            if key not in known:
                what = f"{'.'.join(path)}: {key}" if path else key
                self.note((*path, key), f"{what} is not a key of a mapping.{nearest(key, known)}")
            elif not _is(value, known[key]):
                wanted = _kind(known[key])
                self.note((*path, key), f"{'.'.join((*path, key))} must be {wanted}")
            else:
                kept[key] = value
        return kept

    def _check_patient(self, item: Mapping[str, Any]) -> None:
        self._patient_id = item.get("column", "")
        if not self._patient_id:
            self.note(("patient_id",), 'add patient_id = { column = "...", type = "int" }')
        if item.get("type", "int") not in ("int", "str"):
            self.note(("patient_id", "type"), "patient_id.type must be int or str")
        if item.get("key_table") and item.get("type") != "str":
            self.note(("patient_id", "key_table"), "key_table is for patient ids of type str")

    def _implements(self, names: list[Any]) -> tuple[str, ...]:
        known = schemas.names()
        for name in names:
            if name not in known:
                said = f"implements: there is no schema {name}.{nearest(str(name), known)}"
                self.note(("implements",), said, INCOMPLETE)
        return tuple(name for name in names if name in known)

    def _rules(self, document: Mapping[str, Any]) -> Iterable[Exclusion]:
        for kind in ("exclude_patients", "only_patients"):
            for name, item in document.get(kind, {}).items():
                path = (kind, name)
                rule = self.keys(item, RULE, path)
                if not rule.get("sql"):
                    self.note(path, f"{kind}.{name} needs sql that returns patient ids")
                    continue
                permission = rule.get("unless_permission", "")
                yield Exclusion(name, rule["sql"], kind == "only_patients", permission)

    def _maintenance(self, document: Mapping[str, Any]) -> str:
        item = self.keys(document.get("maintenance", {}), {"sql": str}, ("maintenance",))
        if "maintenance" in document and not item.get("sql"):
            self.note(("maintenance",), "maintenance needs sql that returns one bool")
        return str(item.get("sql", ""))

    def _hours(self, document: Mapping[str, Any]) -> int:
        hours = int(document.get("measures_hours", BackendMapping.measures_hours))
        if hours < 1:
            self.note(("measures_hours",), "measures_hours must be 1 or more")
        return hours

    def _scratch(self, items: Mapping[str, Any]) -> dict[str, ScratchColumn]:
        found = {}
        for name, value in items.items():
            path = ("scratch_columns", name)
            if isinstance(value, dict):
                env = self.keys(value, {"env": str}, path).get("env", "")
                found[name] = ScratchColumn(env=env)
                if not env:
                    self.note(path, f'write {name} = {{ env = "VARIABLE" }}, or a plain value')
            elif isinstance(value, bool | int | float | str):
                found[name] = ScratchColumn(value)
            else:
                self.note(path, f"scratch_columns.{name} must be a plain value")
        return found

    def _tables(
        self, items: Mapping[str, Any], implements: tuple[str, ...]
    ) -> dict[tuple[str, str], MappedTable]:
        types: dict[str, dict[str, str]] = {}
        places: dict[tuple[str, str], str] = {}
        for schema in implements:
            for name, spec in schemas.load(schema).tables.items():
                places[schema, name] = spec.physical_name
                wanted = types.setdefault(spec.physical_name, {})
                for column, kind in spec.types:
                    if wanted.setdefault(column, kind) != kind:
                        said = (
                            f"{spec.physical_name}.{column} is {wanted[column]} and {kind} in two"
                        )
                        self.note(("implements",), f"{said} of the schemas", INCOMPLETE)
        for name in items:
            if name not in types:
                said = f"tables.{name} is in none of the schemas.{nearest(name, types)}"
                self.note(("tables", name), said, INCOMPLETE)
        made = {name: self._mapped(name, items, types[name]) for name in types}
        return {place: made[name] for place, name in places.items()}

    def _mapped(self, name: str, items: Mapping[str, Any], types: Mapping[str, str]) -> MappedTable:
        if name in items:
            return self.table(("tables", name), items[name], types)
        guess = difflib.get_close_matches(name, items, n=1)
        path = ("tables", guess[0]) if guess else ("implements",)
        said = f'tables.{name} is not mapped; add it, or [tables.{name}] with unavailable = ["*"]'
        self.note(path, said, INCOMPLETE)
        return MappedTable(name, {}, types, frozenset(types), "")

    def _extra(self, document: Mapping[str, Any]) -> dict[tuple[str, str], MappedTable]:
        found = {}
        for name, item in document.get("extra_tables", {}).items():
            path = ("extra_tables", name)
            types, plain = {}, {}
            for column, given in (item.get("columns") or {}).items():
                kind = given.get("type") if isinstance(given, dict) else None
                if kind not in ALL_TYPES:
                    said = f"{'.'.join(path)}.{column} needs a type.{nearest(str(kind), ALL_TYPES)}"
                    self.note((*path, "columns", column), said)
                    continue
                types[column] = kind
                rest = {key: value for key, value in given.items() if key != "type"}
                patterns = map(str, item.get("unavailable", ()))
                if rest or not any(fnmatch.fnmatchcase(column, word) for word in patterns):
                    plain[column] = rest or column
            found["", name] = self.table(path, {**item, "columns": plain}, types)
        return found

    def table(self, path: Path, item: Any, types: Mapping[str, str]) -> MappedTable:
        """Read one table, with a column for each of the types."""
        found = self.keys(item, TABLE, path)
        place, given = ".".join(path), found.get("columns", {})
        missing = self._unavailable(path, found.get("unavailable", []), types)
        absent = "source" not in found and "query" not in found
        if (absent and missing != {*types}) or {"source", "query"} <= {*found}:
            self.note(path, f"{place} needs either source or query")
        for column in given:
            if column not in types:
                said = f"{place}: there is no column {column}.{nearest(column, types)}"
                self.note((*path, "columns", column), said, INCOMPLETE)
        read = {
            column: columns.read(self, (*path, "columns", column), given[column], kind)
            for column, kind in types.items()
            if column in given
        }
        for column in types:
            if column in given or column in missing:
                continue
            read[column] = MappedColumn(column=column)
            if "query" not in found:
                said = f"{place}: column {column} is neither mapped nor unavailable"
                self.note((*path, "columns"), said, INCOMPLETE)
        return MappedTable(
            name=path[1],
            columns=read,
            types=dict(types),
            unavailable=frozenset(missing - {*given}),
            patient_id=self._own_id(path, found.get("patient_id", {})),
            section=path[0],
            **{
                key: found[key]
                for key in found
                if key not in ("columns", "unavailable", "patient_id")
            },
        )

    def _own_id(self, path: Path, item: Any) -> str:
        place = (*path, "patient_id")
        given = {"column": item} if isinstance(item, str) else self.keys(item, PATIENT_ID, place)
        for key in ("type", "key_table"):
            if key in given:
                self.note(
                    (*place, key), f"patient_id.{key} is the same for all tables: see the top"
                )
        return str(given.get("column", self._patient_id))

    def _unavailable(self, path: Path, patterns: list[Any], types: Mapping[str, str]) -> set[str]:
        missing: set[str] = set()
        for pattern in patterns:
            found = {column for column in types if fnmatch.fnmatchcase(column, str(pattern))}
            missing |= found
            if not found:
                said = f"{'.'.join(path)}: unavailable names {pattern}, which is not a column."
                self.note((*path, "unavailable"), said + nearest(str(pattern), types), INCOMPLETE)
        return missing


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
    """Return whether a value is of a kind; true and false are not whole numbers."""
    return isinstance(value, kind) and not (isinstance(value, bool) and kind is int)


def _kind(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(KINDS[item] for item in kinds)
