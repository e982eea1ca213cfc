"""Relations between a value and another one."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

from sallyport_data_builder.memory import values
from sallyport_data_builder.model import comparisons

T = TypeVar("T")


class Relation(StrEnum):
    """How a value relates to another one; the comparisons have the names of `op.Compare`."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    LACKS = "lacks"
    NULL = "null"
    PRESENT = "present"

    @property
    def is_comparison(self) -> bool:
        """Whether it is one of == != < <= > >=."""
        return self in comparisons.MIRROR

    @property
    def opposite(self) -> Relation:
        """The comparison that is true where this one is false."""
        return Relation(comparisons.OPPOSITE[self])

    @property
    def mirrored(self) -> Relation:
        """The comparison with the sides swapped: `a < b` is `b > a`."""
        return Relation(comparisons.MIRROR[self])

    def holds(self, value: Any, other: Any) -> bool:
        """Return whether a value has this relation to another one; NULL compares to nothing."""
        if self in (Relation.NULL, Relation.PRESENT):
            return (value is None) is (self is Relation.NULL)
        if value is None or other is None:
            return False
        if self in (Relation.IN, Relation.NOT_IN):
            return (value in other) is (self is Relation.IN)
        if self in (Relation.CONTAINS, Relation.LACKS):
            return (other in value) is (self is Relation.CONTAINS)
        return bool(values.COMPARE[self](value, other))


# A period of whole units, such as a year: which of its two ends a comparison with it needs.
ENDS = {
    Relation.EQ: (True, True), Relation.GE: (True, False), Relation.GT: (True, False),
    Relation.LT: (False, True), Relation.LE: (False, True),
}  # fmt: skip


def needed_ends(relation: Relation, low: T, high: T) -> list[T]:
    """Return the lower bound, the upper bound or both, as a comparison with a period needs them."""
    return [end for end, needed in zip((low, high), ENDS[relation], strict=True) if needed]
