"""Brings SQL databases to a revision of their schema.

Apart from `database`, because a process that has loaded Alembic is tens of megabytes larger.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Engine

from sallyport_common.database import write

ENVIRONMENT = Path(__file__).parent / "migrations"
"""Holds what Alembic runs around the revisions of every component."""


def migrate(engine: Engine, package: str, folder: Path, revision: str = "head") -> None:
    """Bring a database up to a revision of `folder`, those of a package; the newest by default."""
    configuration = Config()
    configuration.set_main_option("script_location", str(ENVIRONMENT))
    configuration.set_main_option("version_locations", str(folder / "versions"))
    configuration.set_main_option("path_separator", "newline")  # no path is taken for several
    configuration.set_main_option("version_table", f"{package}_version")
    with write(engine) as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)
