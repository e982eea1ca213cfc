"""Schemas are data: one TOML file per set of standard tables.

Ours lie beside this module. A site puts further ones into the folder that DATA_BUILDER_SCHEMAS
names; the name of a file is that of its schema.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from sallyport_data_builder.errors import DefinitionError, nearest
from sallyport_data_builder.schemas.reader import (
    ColumnSpec,
    Schema,
    SchemaError,
    TableSpec,
    parse,
)

__all__ = [
    "ColumnSpec", "Schema", "SchemaError", "TableSpec", "load", "names", "parse", "site_folder",
]  # fmt: skip
FOLDER = Path(__file__).parent
SITE = "DATA_BUILDER_SCHEMAS"


def site_folder() -> Path:
    """Return the folder of the site's own schemas, which need not exist."""
    return Path(os.environ.get(SITE, "/schemas"))


def _files() -> dict[str, Path]:
    """Return the files by schema: a site adds schemas and changes none of ours."""
    found = {path.stem: path for path in sorted(site_folder().glob("*.toml"))}
    return found | {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def names() -> list[str]:
    """Return the names of the installed schemas."""
    return sorted(_files())


def load(name: str) -> Schema:
    """Return an installed schema; raise DefinitionError for an unknown name."""
    path = _files().get(name)
    if path is None:
        raise DefinitionError(f"There is no schema {name}.{nearest(name, names())}")
    return _read(path)


@cache
def _read(path: Path) -> Schema:
    schema = parse(path.read_text(encoding="utf-8"))
    if schema.name != path.stem:
        raise SchemaError(f"{path.name} holds the schema {schema.name}; the names must agree.")
    return schema
