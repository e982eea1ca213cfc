"""What the parent asks of the child process that runs a definition."""

from __future__ import annotations

from enum import StrEnum


class Request(StrEnum):
    """Which variable of a definition file becomes the plan, or what else is done with the file."""

    DATASET = "dataset"
    MEASURES = "measures"
    ANY = "any"
    MEASURES_FIRST = "measures-first"
    ASSURANCE = "assurance"
    DEBUG = "debug"

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that may hold the definition, the preferred one first."""
        both = ("dataset", "measures")
        if self in (Request.MEASURES_FIRST, Request.DEBUG):
            return both[::-1]
        if self is Request.ASSURANCE:
            return ("dataset",)
        return both if self is Request.ANY else (self.value,)

    @classmethod
    def of_command(cls, name: str) -> Request:
        """Return the request of a command such as `generate-dataset`."""
        kind = name.partition("-")[2]
        return cls(kind) if kind in ("dataset", "measures") else cls.ANY
