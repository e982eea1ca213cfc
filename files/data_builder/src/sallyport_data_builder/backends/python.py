"""The escape hatch: a backend written in Python by the operator, installed in a derived image.

Each method's default reads the mapping file, so that a class can override one of them.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder import schemas
from sallyport_data_builder.backends.parts import (
    BackendMapping,
    Exclusion,
    MappedTable,
    TableSource,
    in_force,
)
from sallyport_data_builder.errors import ArgumentsError, MappingError

GROUP = "sallyport_data_builder.backends"


class Backend:
    """A backend; subclass it, override what a mapping file cannot say."""

    slug = ""
    implements: tuple[str, ...] = ()
    patient_id = ""
    patient_type = "int"
    scratch_schema = ""

    def __init__(self, mapping: BackendMapping | None, environ: Mapping[str, str]) -> None:
        """Take the mapping file of the same name, if there is one, and the environment."""
        self.mapping, self.environ = mapping, environ

    def tables(self, environ: Mapping[str, str]) -> Mapping[str, TableSource]:
        """Return each table by its name in a mapping file."""
        del environ
        return {item.name: item for item in self.mapping.tables.values()} if self.mapping else {}

    def exclusions(self, permissions: Sequence[str]) -> Sequence[Exclusion]:
        """Return the exclusions in force for a job with these permissions."""
        return in_force(self.mapping.exclusions, permissions) if self.mapping else []

    def dialect(self) -> str | None:
        """Return the connector's name, or None to take the URL's."""
        return self.mapping.dialect or None if self.mapping else None

    def classify_error(self, exc: Exception) -> int | None:
        """Return the exit code of a driver's error, or None where the connector's is right."""
        del exc
        return None

    def decorate_scratch(self, select: sa.Select[Any]) -> sa.Select[Any]:
        """Return a SELECT that is about to be stored, with what the site wants in each table."""
        return with_columns(select, self.mapping, self.environ) if self.mapping else select


def with_columns(
    select: sa.Select[Any], mapping: BackendMapping, environ: Mapping[str, str]
) -> sa.Select[Any]:
    """Add the columns that every stored table must carry."""
    values = {name: item.resolve(environ) for name, item in mapping.scratch_columns.items()}
    return select.add_columns(*(sa.literal(item).label(name) for name, item in values.items()))


def decorated(select: sa.Select[Any], mapping: BackendMapping) -> sa.Select[Any]:
    """Return a SELECT that is about to be stored, with what the backend wants in each table."""
    if mapping.backend is not None:
        return mapping.backend.decorate_scratch(select)
    return with_columns(select, mapping, os.environ)


def names() -> list[str]:
    """Return the slugs of the installed backends."""
    return sorted(item.name for item in entry_points(group=GROUP))


def find(slug: str) -> type[Backend] | None:
    """Return the class behind a slug or a dotted path; raise ArgumentsError for an unknown one."""
    installed = {item.name: item for item in entry_points(group=GROUP)}
    if slug in installed:
        found = installed[slug].load()
    elif "." in slug:
        module, _, name = slug.rpartition(".")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ArgumentsError(f"The backend {slug} cannot be imported: {error}.") from None
    else:
        return None
    if not (isinstance(found, type) and issubclass(found, Backend)):
        raise ArgumentsError(f"{slug} is not a subclass of {__name__}.Backend.")
    return found


def apply(
    kind: type[Backend], slug: str, mapping: BackendMapping | None, environ: Mapping[str, str]
) -> BackendMapping:
    """Return the backend that a class makes of its mapping file, or makes alone."""
    backend = kind(mapping, environ)
    base = mapping or BackendMapping(
        slug, kind.implements, {}, (), kind.patient_id, kind.patient_type,
        scratch_schema=kind.scratch_schema,
    )  # fmt: skip
    return replace(
        base,
        tables=_placed(slug, base.implements, backend.tables(environ)),
        exclusions=tuple(backend.exclusions(())),
        dialect=backend.dialect() or "",
        backend=backend,
    )


def _placed(
    slug: str, implements: Sequence[str], tables: Mapping[str, TableSource]
) -> dict[tuple[str, str], MappedTable]:
    found, known = {}, set()
    for schema in implements:
        for name, spec in schemas.load(schema).tables.items():
            known.add(spec.physical_name)
            if spec.physical_name not in tables:
                raise MappingError(f"{slug}: tables() gives no {spec.physical_name}.")
            found[schema, name] = tables[spec.physical_name]
    return found | {("", name): item for name, item in tables.items() if name not in known}
