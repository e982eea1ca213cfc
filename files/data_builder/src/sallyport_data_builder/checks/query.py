"""One statement of a check, whose failure is either a finding or the end."""

from __future__ import annotations

from typing import Any

from sallyport_data_builder.errors import DatabaseFailure, ExitCode, Failure
from sallyport_data_builder.sql.database import Database


class UnreachableError(Failure):
    """The database connection was lost: that is not a finding about the mapping."""

    code = ExitCode.UNREACHABLE


def ask(database: Database, statement: Any, label: str = "check") -> Any:
    """Run a statement; raise DatabaseFailure where refused, UnreachableError without an answer."""
    try:
        return database.execute(label, statement)
    except DatabaseFailure as error:
        if error.code == ExitCode.UNREACHABLE:
            raise UnreachableError(str(error)) from None
        raise
