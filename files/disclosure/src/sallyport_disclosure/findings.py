"""What a check reports: where and why, never the value itself."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import Any


class Severity(enum.StrEnum):
    """How much a finding weighs: BLOCK stops a file everywhere, WARN is shown to checkers."""

    BLOCK = "block"
    WARN = "warn"


MAX_CELLS = 50
"""Cells that a finding names; its message has the number of all."""


@dataclass(frozen=True)
class Finding:
    """One remark on a file; `row` counts data rows from 1, `column` is a header.

    `cells` are (row, column) of the first cells concerned, both counted from 1.
    """

    code: str
    severity: Severity
    message: str
    row: int | None = None
    column: str | None = None
    cells: tuple[tuple[int, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for storing."""
        return asdict(self) | {"severity": self.severity.value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Finding:
        """Read what `to_json` wrote."""
        cells = tuple((row, column) for row, column in value.get("cells", ()))
        return cls(**(value | {"severity": Severity(value["severity"]), "cells": cells}))


@dataclass(frozen=True)
class Verdict:
    """All findings on one file, and the shape of the table if it is one."""

    findings: tuple[Finding, ...] = ()
    rows: int | None = None
    columns: int | None = None

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that stop a release."""
        return tuple(f for f in self.findings if f.severity is Severity.BLOCK)

    @property
    def reasons(self) -> tuple[str, ...]:
        """A sentence for each finding that stops a release; it names a column, never a value."""
        return tuple(_sentence(finding) for finding in self.blocking)


def _sentence(finding: Finding) -> str:
    where = f" (column {finding.column.strip()})" if finding.column else ""
    return f"{finding.message[:1].upper()}{finding.message[1:]}{where}."
