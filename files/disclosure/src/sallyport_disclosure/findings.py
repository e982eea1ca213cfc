"""What a check has found: where and why, never the value itself."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import Any


class Severity(enum.StrEnum):
    """How much a finding weighs."""

    BLOCK = "block"
    WARN = "warn"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One remark on a file; `row` counts data rows from 1, `column` is a header."""

    code: str
    severity: Severity
    message: str
    row: int | None = None
    column: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for storing."""
        return asdict(self) | {"severity": self.severity.value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Finding:
        """Read what `to_json` wrote."""
        return cls(**(value | {"severity": Severity(value["severity"])}))


def blocking(findings: list[Finding]) -> list[Finding]:
    """Return the findings that stop a release."""
    return [finding for finding in findings if finding.severity is Severity.BLOCK]
