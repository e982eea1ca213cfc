"""Strict reading of mappings: missing, unknown and misshapen keys are all named."""

from __future__ import annotations

import re
from typing import Any


class Fields:
    """Takes the keys of one mapping; problems are collected, never raised."""

    def __init__(self, data: object, where: str, problems: list[str]) -> None:
        self._where, self._problems = where, problems
        self._data: dict[str, Any] = {}
        self._taken: set[str] = set()
        if isinstance(data, dict):
            self._data = {str(key): value for key, value in data.items()}
        elif data is not None:
            problems.append(f"{where} must be a mapping")

    def problem(self, key: str, text: str) -> None:
        """Remember one problem of a key."""
        self._problems.append(f"{self._where}.{key}: {text}")

    def has(self, key: str) -> bool:
        """Return whether the key is there with a value."""
        self._taken.add(key)
        return self._data.get(key) is not None

    def names(self) -> list[str]:
        """Return every key."""
        return list(self._data)

    def text(self, key: str, pattern: re.Pattern[str]) -> str:
        """Return a string that matches a pattern from first to last character."""
        if not self.has(key):
            self.problem(key, "is missing")
            return ""
        return self._checked(key, self._data[key], pattern)

    def texts(self, key: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
        """Return a list of texts; none where the key is missing."""
        values = self._data[key] if self.has(key) else []
        if not isinstance(values, list):
            self.problem(key, "must be a list")
            return ()
        return tuple(self._checked(key, value, pattern) for value in values)

    def text_mapping(self, key: str, pattern: re.Pattern[str]) -> dict[str, str]:
        """Return a mapping of names to texts; empty where the key is missing."""
        inner = self.mapping(key)
        return {name: inner.text(name, pattern) for name in inner.names()}

    def integer(self, key: str, low: int, high: int, default: int | None) -> int | None:
        """Return a whole number within limits, or the default where the key is missing."""
        if not self.has(key):
            return default
        value = self._data[key]
        if type(value) is not int or not low <= value <= high:
            self.problem(key, f"must be a whole number from {low} to {high}")
            return low
        return value

    def mapping(self, key: str) -> Fields:
        """Return the fields of an inner mapping; none where the key is missing."""
        value = self._data[key] if self.has(key) else None
        return Fields(value, f"{self._where}.{key}", self._problems)

    def mappings(self, key: str) -> list[Fields]:
        """Return the fields of each mapping in a list; the key must be there."""
        value = self._data.get(key) if self.has(key) or key in self._data else None
        if not isinstance(value, list):
            self.problem(key, "must be a list")
            return []
        return [
            Fields(item, f"{self._where}.{key}[{index}]", self._problems)
            for index, item in enumerate(value)
        ]

    def done(self) -> None:
        """Name every key that nobody took."""
        for key in sorted(set(self._data) - self._taken):
            self._problems.append(f"{self._where}.{key} is not a known key")

    def _checked(self, key: str, value: object, pattern: re.Pattern[str]) -> str:
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        self.problem(key, f"{value!r} is not of the form {pattern.pattern}")
        return ""
