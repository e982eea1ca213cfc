"""Operations on dates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sallyport_data_builder.model.nodes import Series
from sallyport_data_builder.model.rules import only_types


@dataclass(frozen=True, eq=False)
class DateAdd(Series):
    """A date moved by days, months or years (SEM-17)."""

    op: str
    date: Series
    amount: Series

    def check(self) -> None:
        """Refuse other types."""
        only_types((self.date,), ("date",), "Adding a duration")
        only_types((self.amount,), ("int",), "A duration")
        _ = self.domain

    @cached_property
    def type(self) -> str:
        """Always date."""
        return "date"


@dataclass(frozen=True, eq=False)
class DateDiff(Series):
    """Whole days, months or years from start to end (SEM-18)."""

    op: str
    start: Series
    end: Series

    def check(self) -> None:
        """Refuse what is not a date."""
        only_types((self.start, self.end), ("date",), "A difference of dates")
        _ = self.domain

    @cached_property
    def type(self) -> str:
        """Always int."""
        return "int"


@dataclass(frozen=True, eq=False)
class DatePart(Series):
    """year, month or day of a date."""

    op: str
    date: Series

    def check(self) -> None:
        """Refuse what is not a date."""
        only_types((self.date,), ("date",), self.op)

    @cached_property
    def type(self) -> str:
        """Always int."""
        return "int"


@dataclass(frozen=True, eq=False)
class DateFloor(Series):
    """The first day of the month or year."""

    op: str
    date: Series

    def check(self) -> None:
        """Refuse what is not a date."""
        only_types((self.date,), ("date",), f"to_first_of_{self.op}")

    @cached_property
    def type(self) -> str:
        """Always date."""
        return "date"
