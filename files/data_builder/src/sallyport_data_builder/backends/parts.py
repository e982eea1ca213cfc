"""What a backend is made of: tables, columns, exclusions. Immutable, and free of any database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa

from sallyport_data_builder.backends.lines import Lines


@dataclass(frozen=True)
class MappedColumn:
    """Where a standard column comes from."""

    column: str = ""
    sql: str = ""
    map: Mapping[str, Any] = field(default_factory=dict)
    otherwise: Any = None
    null_if: tuple[Any, ...] = ()
    collation: str = ""

    @property
    def plain(self) -> bool:
        """Return whether the physical column is the standard one, unchanged."""
        return bool(self.column) and not (self.map or self.null_if or self.collation)


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
    materialise: bool = False
    rows_estimate: int = 0
    stale_after: int = 0
    section: str = "tables"

    @property
    def absent(self) -> bool:
        """Return whether the backend has nothing for the table, which then has no rows."""
        return not (self.source or self.query)


TableSource = MappedTable


@dataclass(frozen=True)
class Exclusion:
    """Patients that no study sees, or the only ones that studies see."""

    name: str
    sql: str
    only: bool
    unless_permission: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        """Return where the mapping file says it."""
        return ("only_patients" if self.only else "exclude_patients", self.name)


@dataclass(frozen=True)
class ScratchColumn:
    """A column that every stored table must carry; the value may come from the environment."""

    value: bool | int | float | str = ""
    env: str = ""

    def resolve(self, environ: Mapping[str, str]) -> bool | int | float | str:
        """Return the value; a variable that is not set is an empty text."""
        return environ.get(self.env, "") if self.env else self.value


class BackendClass(Protocol):
    """What a Python backend class decides beside its mapping."""

    def exclusions(self, permissions: Sequence[str]) -> Sequence[Exclusion]:
        """Return the exclusions in force for a job with these permissions."""

    def classify_error(self, exc: Exception) -> int | None:
        """Return the exit code of a driver's error, None to leave it to the connector."""

    def decorate_scratch(self, select: sa.Select[Any]) -> sa.Select[Any]:
        """Return a SELECT that is about to be stored, with what the site wants in each table."""


@dataclass(frozen=True)
class BackendMapping:
    """A whole backend, from a mapping file, from Python or from both."""

    slug: str
    implements: tuple[str, ...]
    tables: Mapping[tuple[str, str], MappedTable]
    exclusions: tuple[Exclusion, ...]
    patient_id: str
    patient_type: str = "int"
    key_table: str = ""
    scratch_schema: str = ""
    scratch_columns: Mapping[str, ScratchColumn] = field(default_factory=dict)
    dialect: str = ""
    collation: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    maintenance: str = ""
    measures_hours: int = 72
    lines: Lines = field(default_factory=lambda: Lines(""))
    backend: BackendClass | None = None

    def in_force(self, permissions: Sequence[str]) -> list[Exclusion]:
        """Return the exclusions that hold for a job with these permissions (BK-01)."""
        if self.backend is not None:
            return list(self.backend.exclusions(permissions))
        return in_force(self.exclusions, permissions)

    def classify(self, error: Exception, own: Callable[[Exception], tuple[int, str]]) -> Any:
        """Return exit code and native code of an error; a Python backend may know better."""
        code, native = own(error)
        known = self.backend.classify_error(error) if self.backend is not None else None
        return (code if known is None else known), native


def in_force(exclusions: Sequence[Exclusion], permissions: Sequence[str]) -> list[Exclusion]:
    """Return the exclusions that no permission lifts."""
    return [item for item in exclusions if item.unless_permission not in {*permissions} - {""}]
