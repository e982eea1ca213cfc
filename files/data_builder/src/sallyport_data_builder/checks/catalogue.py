"""What only the database itself knows of its tables, accounts and clocks."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.checks.query import ask
from sallyport_data_builder.checks.subject import Subject
from sallyport_data_builder.sql.database import Database

DAY = datetime.date(2024, 3, 2)


class Catalogue:
    """A database that tells nothing; each method's answer then leaves its check out."""

    oldest: tuple[int, ...] = ()
    has_indexes = True
    # Whether an expression made of a column compares as the column does.
    keeps_collation = False
    # Whether a cast that a SELECT forgives is an error where its result is stored.
    strict_when_storing = False

    def ask(self, database: Database, sql: str, **values: Any) -> Any:
        """Ask with values bound."""
        return ask(database, sa.text(sql).bindparams(**values))

    def version(self, database: Database) -> tuple[int, ...]:
        """Return the server's version."""
        found = database.connection.dialect.server_version_info or ()
        return tuple(part for part in found if isinstance(part, int))

    def rows(self, database: Database, table: str) -> int:
        """Return how many rows the database believes that a table has."""
        del database, table
        return 0

    def indexes(self, database: Database, table: str) -> set[str] | None:
        """Return what each index of a table starts with, in the form of `normal`."""
        del database, table
        return None

    def estimate(self, database: Database, sql: str) -> int:
        """Return the optimiser's guess at the number of rows; 0 where it makes none."""
        del database, sql
        return 0

    def privileges(self, database: Database, scratch: str) -> list[str] | None:
        """Say what the account may do beyond its task; None where there are no accounts."""
        del database, scratch
        return None

    def shifted(self, database: Database, subject: Subject) -> Iterator[str]:
        """Say what the connection does to dates that it should not."""
        del subject
        returned = ask(database, sa.select(database.dialect.literal(DAY, "date"))).scalar()
        if str(returned) != DAY.isoformat():
            yield "the connection returns another date than it was given: look at settings"

    def normal(self, key: str) -> str:
        """Return a column or expression so that two spellings of it are the same text."""
        return re.sub(r'::[\w ]+|[\s()"`]', "", key.lower())
