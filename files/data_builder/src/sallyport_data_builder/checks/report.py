"""What check-backend found, for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sallyport_data_builder import __version__

STATUSES = ("ok", "warn", "fail", "skip")


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, and what to change if it is not as it should be."""

    id: str
    status: str
    text: str
    table: str = ""
    column: str = ""
    rows: int | None = None
    of: int | None = None

    def line(self) -> str:
        """Return the line that people read."""
        place = ".".join(filter(None, (self.table, self.column)))
        return f"{self.status:5}{self.id}  " + " ".join(
            filter(None, (place, self.count(), self.text))
        )

    def count(self) -> str:
        """Return the number of rows, as the beginning of a sentence."""
        if self.rows is None:
            return ""
        return f"{self.rows:,} of {self.of or 0:,} rows" if self.rows else f"{self.of or 0:,} rows:"


@dataclass(frozen=True)
class Run:
    """A whole run of checks."""

    backend: str
    schemas: tuple[str, ...]
    server: str
    level: str
    started: str
    seconds: float
    checks: Sequence[Check]

    def summary(self) -> dict[str, int]:
        """Count the findings by status."""
        counts = Counter(check.status for check in self.checks)
        return {status: counts[status] for status in STATUSES}

    def lines(self) -> list[str]:
        """Return the table for people: every finding, then what it comes to."""
        found = self.summary()
        total = ", ".join(f"{found[status]} {status}" for status in STATUSES)
        verdict = "failed" if found["fail"] else "passed"
        end = f"{self.backend}: {verdict} ({self.level}): {total}; {self.seconds:.1f} s"
        return [*(check.line() for check in self.checks), end]

    def document(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {
            "backend": self.backend,
            "engine": __version__,
            "schemas": list(self.schemas),
            "server": self.server,
            "level": self.level,
            "started": self.started,
            "seconds": round(self.seconds, 3),
            "checks": [asdict(check) for check in self.checks],
            "summary": self.summary(),
        }
