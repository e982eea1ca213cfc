"""Reads one column of a mapping file."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Protocol

from sallyport_data_builder.backends.lines import Path
from sallyport_data_builder.backends.parts import MappedColumn
from sallyport_data_builder.schemas.types import SCALARS, TEXTS

PLAIN = (str, int, float, bool, datetime.date)
COLUMN: dict[str, type | tuple[type, ...]] = {
    "column": str, "sql": str, "map": dict, "otherwise": PLAIN, "null_if": (*PLAIN, list),
    "collation": str,
}  # fmt: skip


class Notes(Protocol):
    """Where mistakes are noted."""

    def note(self, path: Path, text: str, check: str = ...) -> None:
        """Note a mistake at a path."""

    def keys(
        self, item: Any, known: Mapping[str, type | tuple[type, ...]], path: Path
    ) -> dict[str, Any]:
        """Return the entries that are known."""


def read(notes: Notes, path: Path, item: Any, kind: str) -> MappedColumn:
    """Return a column; what is wrong with it is noted."""
    if isinstance(item, str):
        return MappedColumn(column=item)
    if not isinstance(item, dict):
        notes.note(path, f"{'.'.join(path)} must be a column's name, or a table")
        return MappedColumn()
    given = notes.keys(item, COLUMN, path)
    place = ".".join(path)
    if ("column" in given) == ("sql" in given):
        notes.note(path, f"{place} needs either column or sql")
    if "otherwise" in given and "map" not in given:
        notes.note((*path, "otherwise"), f"{place}: otherwise belongs to a map")
    if "collation" in given and kind not in TEXTS:
        notes.note((*path, "collation"), f"{place} is {kind}: only text has a collation")
    listed = given.get("null_if", [])
    values = listed if isinstance(listed, list) else [listed]
    return MappedColumn(
        column=given.get("column", ""),
        sql=given.get("sql", ""),
        map={
            old: value(notes, (*path, "map", old), new, kind)
            for old, new in given.get("map", {}).items()
        },
        otherwise=value(notes, (*path, "otherwise"), given.get("otherwise"), kind),
        null_if=tuple(value(notes, (*path, "null_if"), item, kind) for item in values),
        collation=given.get("collation", ""),
    )


def value(notes: Notes, path: Path, given: Any, kind: str) -> Any:
    """Return a constant of a column's type; note one that is of another."""
    if given is None:
        return None
    wanted = SCALARS.get(kind, str)
    if wanted is datetime.date and isinstance(given, str):
        try:
            return datetime.date.fromisoformat(given)
        except ValueError:
            notes.note(path, f"{'.'.join(path)} must be a date of the form YYYY-MM-DD")
            return None
    if wanted is float and type(given) is int:
        return float(given)
    if type(given) is not wanted:
        notes.note(path, f"{'.'.join(path)} must be a value of type {kind}")
    return given
