"""Which database can be asked what."""

from __future__ import annotations

from sallyport_data_builder.checks.catalogue import Catalogue
from sallyport_data_builder.checks.mariadb import MariaDBCatalogue
from sallyport_data_builder.checks.postgresql import PostgreSQLCatalogue

CATALOGUES = {"postgresql": PostgreSQLCatalogue, "mariadb": MariaDBCatalogue}


def catalogue_of(name: str) -> Catalogue:
    """Return what a connector's database can be asked."""
    return CATALOGUES.get(name, Catalogue)()
