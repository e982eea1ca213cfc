"""Aggregations to one value per patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

from sallyport_data_builder.model.nodes import Frame, Node, Series, require
from sallyport_data_builder.model.rules import only_types
from sallyport_data_builder.schemas.types import CODES, NUMBERS, ORDERED, SORTABLE

FRAME_AGGREGATES = {"exists": "bool", "count": "int"}
SERIES_AGGREGATES: dict[str, tuple[str, ...]] = {
    "count_distinct": (*SORTABLE, "bool"),
    "count_episodes": ("date",),
    "min": ORDERED,
    "max": ORDERED,
    "sum": NUMBERS,
    "mean": NUMBERS,
    "collect": (*ORDERED, *CODES),
}
SPOKEN_AGGREGATES = {
    "collect": "is_in",
    "max": "maximum_for_patient",
    "min": "minimum_for_patient",
}
FIXED = {"count_distinct": "int", "count_episodes": "int", "mean": "float"}


@dataclass(frozen=True, eq=False)
class Aggregate(Series):
    """One value per patient, of a frame or of a many-row series (SEM-07 to SEM-09)."""

    op: str
    source: Node
    gap: int | None = None

    def check(self) -> None:
        """Refuse a source that the operation does not take (DOM-04)."""
        if self.op in FRAME_AGGREGATES:
            require(isinstance(self.source, Frame), f"{self.op} needs a frame.")
        else:
            require(isinstance(self.source, Series), f"{self.op} needs a series.")
            source = cast(Series, self.source)
            spoken = SPOKEN_AGGREGATES.get(self.op, f"{self.op}_for_patient")
            message = f"{spoken} needs a series with many values per patient; this one has one."
            require(source.domain is not None, message)
            only_types((source,), SERIES_AGGREGATES[self.op], spoken)
        episodes = self.op == "count_episodes"
        require((type(self.gap) is int) if episodes else self.gap is None, f"{self.op}: gap.")

    @cached_property
    def type(self) -> str:
        """By operation, else that of the source."""
        if isinstance(self.source, Series):
            return FIXED.get(self.op, self.source.type)
        return FRAME_AGGREGATES[self.op]

    @cached_property
    def domain(self) -> Frame | None:
        """One value per patient."""
        return None

    @cached_property
    def rows(self) -> Frame | None:
        """The domain that is aggregated; None for a frame with one row per patient."""
        return cast("Frame | Series", self.source).domain
