"""The connectors by the scheme of the database's URL: those that ship, and installed plug-ins.

A driver is imported when a job uses it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from sallyport_data_builder.errors import ArgumentsError, nearest
from sallyport_data_builder.sql.dialect import Dialect

GROUP = "sallyport_data_builder.connectors"
CONNECTORS = {
    "postgresql": "PostgreSQL",
    "duckdb": "DuckDB",
    "sqlite": "SQLite",
    "mariadb": "MariaDB",
    "mssql": "SQLServer",
    "trino": "Trino",
}
ALIASES = {"postgres": "postgresql", "mysql": "mariadb"}


def plug_ins() -> dict[str, EntryPoint]:
    """Return the connectors that installed distributions add, by scheme; none replaces ours."""
    return {item.name: item for item in entry_points(group=GROUP) if item.name not in CONNECTORS}


def dialect_of(url: str, override: str = "") -> Dialect:
    """Return the connector for a URL; raise ArgumentsError listing the available ones."""
    scheme = override or url.partition(":")[0].partition("+")[0]
    name = ALIASES.get(scheme, scheme)
    if name in CONNECTORS:
        module = import_module(f"sallyport_data_builder.sql.{name}")
        return cast(Dialect, getattr(module, CONNECTORS[name])())
    installed = plug_ins()
    if name not in installed:
        names = [*CONNECTORS, *installed]
        raise ArgumentsError(f"There is no connector {scheme}.{nearest(scheme, names)}")
    connector = installed[name].load()
    if not (isinstance(connector, type) and issubclass(connector, Dialect)):
        raise ArgumentsError(f"The entry point {name} in {GROUP} is not a subclass of Dialect.")
    return connector()


def grammar_of(url: str, override: str = "") -> str:
    """Return the name that sqlglot has for the SQL of a URL's database; none without a URL."""
    return dialect_of(url, override).grammar if url or override else ""
