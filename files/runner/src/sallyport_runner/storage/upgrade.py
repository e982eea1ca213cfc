"""`python -m sallyport_runner.storage.upgrade FILE`: migrates a database of an older release."""

from __future__ import annotations

import sys

from sallyport_common.database import create_engine
from sallyport_common.revisions import migrate
from sallyport_runner.storage.schema import MIGRATIONS, PACKAGE


def main(path: str) -> None:
    """Bring the database in a file to the newest revision."""
    engine = create_engine(f"sqlite:///{path}")
    migrate(engine, PACKAGE, MIGRATIONS)
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
