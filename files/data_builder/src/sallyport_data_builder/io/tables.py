"""What an output file holds: the agreement between those who make rows and those who write them.

Rows are tuples in the order of the columns, lists of such tuples, Arrow record batches with these
columns, or CSV that a database rendered itself; the writer of a file takes any (`outputs.Rows`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sallyport_data_builder.schemas import ColumnSpec

PATIENT_ID = "patient_id"
COUNT = {"min": 0, "max": 2**31 - 1}


class OutputColumn(NamedTuple):
    """A column: its name, its type (one of schemas.types.ALL_TYPES) and what its values keep to.

    Of the constraints, `categories`, `range` and `not_null` decide the type in typed files.
    """

    name: str
    type: str
    spec: ColumnSpec


@dataclass(frozen=True)
class OutputTable:
    """A table of an output: `dataset`, an event table, or measures. Columns are in file order."""

    name: str
    columns: tuple[OutputColumn, ...]

    @classmethod
    def of_patients(cls, name: str, columns: Iterable[OutputColumn]) -> OutputTable:
        """Return a table whose first column is the patient's id (FMT-01)."""
        return cls(name, (column(PATIENT_ID, "int", not_null=True), *columns))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, in file order."""
        return tuple(item.name for item in self.columns)


def column(name: str, kind: str, **constraints: Any) -> OutputColumn:
    """Return a column from its name, its type and its constraints."""
    return OutputColumn(name, kind, ColumnSpec(kind, **constraints))


@dataclass(frozen=True)
class RenderedCsv:
    """CSV lines that a database rendered by FMT-02, without a header.

    `count` is asked for the number of rows after the last chunk.
    """

    chunks: Iterable[bytes]
    count: Callable[[], int]
