"""The rules of a site for outputs: one value that the runner, the hatch and the publisher share."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sallyport_common.outputs import KINDS, MAX_FILE_BYTES, suffix_of

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a site allows to leave, and from which numbers on a person must look twice.

    `threshold` and `rounding_base` are numbers of people, `max_bytes` the size of one file and
    `max_rows` the data rows of one table; `suffixes` are lower-case and begin with a dot.
    """

    threshold: int = 7
    rounding_base: int = 5
    max_bytes: int = MAX_FILE_BYTES
    max_rows: int = 5000
    suffixes: tuple[str, ...] = tuple(KINDS)
    forbidden_columns: tuple[str, ...] = ("patient_id",)

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read the JSON object of a setting; raise ValueError naming what is wrong with it.

        Every rule must be there, so that a site never runs with a rule that nobody chose.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("expected a JSON object") from None
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(values, dict) or set(values) != names:
            raise ValueError(f"expected a JSON object of {', '.join(sorted(names))}")
        for name, value in values.items():
            _check(name, value, getattr(cls, name))
        rules: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**rules)

    @property
    def version(self) -> str:
        """Return a short digest that changes whenever a rule does."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def max_size(self) -> str:
        """Return the largest size of a file for people."""
        whole, rest = divmod(self.max_bytes, MEBIBYTE)
        return f"{self.max_bytes} bytes" if rest else f"{whole} MiB"

    def allows_suffix(self, name: str) -> bool:
        """Return whether a file of this name may be an output at all."""
        return suffix_of(name) in self.suffixes


def _check(name: str, value: Any, default: object) -> None:
    if isinstance(default, int):
        if type(value) is not int or value < 1:
            raise ValueError(f"{name} must be a whole number from 1")
        if name == "max_bytes" and value > MAX_FILE_BYTES:
            raise ValueError(f"max_bytes may be up to {MAX_FILE_BYTES}; job servers take no more")
    elif not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name} must be a list of strings")
    elif name == "suffixes" and not set(value) <= set(KINDS):
        raise ValueError(f"suffixes may hold {', '.join(KINDS)}")
