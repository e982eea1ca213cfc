"""Bodies and answers of the APIs, described once.

The views read bodies as these types and answer with them, filled from the models by field name; the
OpenAPI description and the tests are made from them.
"""

from __future__ import annotations

from msgspec import Struct

from sallyport_common.protocol import parse_utc, utc_text
from sallyport_common.schemas import Text


class Body(Struct, forbid_unknown_fields=True):
    """A body that has the described fields only; a field that is null counts as left out."""


class Answer(Struct, forbid_unknown_fields=True):
    """An answer, which has exactly the described fields."""


class Error(Answer):
    """Why a call was refused: one or more sentences."""

    detail: str


class Moment(Text):
    """A moment, kept and answered in UTC with seconds and `Z`."""

    __slots__ = ()
    accepted = "a time with an offset or Z, such as 2026-11-23T06:15:04Z"
    shape = "date-time"

    @classmethod
    def read(cls, text: str) -> Moment:
        """Return the moment in the form that is kept."""
        try:
            return cls(utc_text(parse_utc(text)))
        except (ValueError, OverflowError):
            raise ValueError(cls.accepted) from None
