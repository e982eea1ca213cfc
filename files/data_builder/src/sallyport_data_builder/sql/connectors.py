"""The connectors by the scheme of the database's URL; a driver is imported when it is wanted."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from sallyport_data_builder.errors import ArgumentsError, nearest
from sallyport_data_builder.sql.dialect import Dialect

CONNECTORS = {
    "postgresql": "PostgreSQL",
    "duckdb": "DuckDB",
    "sqlite": "SQLite",
    "mariadb": "MariaDB",
    "mssql": "SQLServer",
    "trino": "Trino",
}
ALIASES = {"postgres": "postgresql", "mysql": "mariadb"}


def dialect_of(url: str, override: str = "") -> Dialect:
    """Return the connector for a URL; raise ArgumentsError naming those that there are."""
    scheme = override or url.partition(":")[0].partition("+")[0]
    name = ALIASES.get(scheme, scheme)
    if name not in CONNECTORS:
        raise ArgumentsError(f"There is no connector {scheme}.{nearest(scheme, CONNECTORS)}")
    module = import_module(f"sallyport_data_builder.sql.{name}")
    return cast(Dialect, getattr(module, CONNECTORS[name])())
