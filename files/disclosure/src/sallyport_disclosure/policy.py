"""The rules of a site for outputs, as data, with a version that decisions can name."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import PurePosixPath

SUFFIXES = (
    ".csv", ".jpg", ".jpeg", ".png", ".svg", ".svgz", ".html", ".txt", ".log", ".json", ".md",
)  # fmt: skip
MAX_BYTES = 16 * 1024 * 1024
MAX_ROWS = 5000


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a site allows to leave, and from which numbers on a person must look twice."""

    threshold: int = 7
    rounding_base: int = 5
    max_bytes: int = MAX_BYTES
    max_rows: int = MAX_ROWS
    suffixes: tuple[str, ...] = SUFFIXES

    @property
    def version(self) -> str:
        """Return a short digest that changes whenever a rule does."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def allows_suffix(self, name: str) -> bool:
        """Tell whether a file of this name may be an output at all."""
        return PurePosixPath(name).suffix in self.suffixes
