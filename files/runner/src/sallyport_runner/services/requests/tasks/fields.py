"""Fields of a task: each is read as one type, or the task is malformed."""

from __future__ import annotations

import math
import re
from typing import Any

from sallyport_common.outputs import PrivacyLevel
from sallyport_study.patterns import problems

_SIZE = re.compile(r"([0-9]{1,12})([bkmgt]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
SMALLEST_MEMORY = 6 * 1024**2
"""Bytes below which the engine starts no container."""
LATEST = 2**34
"""Seconds since 1970, five centuries after it: a later time is malformed."""


class MalformedTaskError(Exception):
    """A field is missing or is not what it should be; the text names the field, not its value."""


def text(fields: dict[str, Any], name: str) -> str:
    """Return a string."""
    return str(_typed(fields, name, str))


def words(fields: dict[str, Any], name: str) -> list[str]:
    """Return a list of texts."""
    found = _typed(fields, name, list)
    if not all(isinstance(one, str) for one in found):
        raise MalformedTaskError(name)
    return list(found)


def mapping(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object."""
    return dict(_typed(fields, name, dict))


def texts(fields: dict[str, Any], name: str) -> dict[str, str]:
    """Return an object of texts."""
    found = mapping(fields, name)
    if not all(isinstance(one, str) for one in found.values()):
        raise MalformedTaskError(name)
    return found


def flag(fields: dict[str, Any], name: str) -> bool:
    """Return true or false."""
    return bool(_typed(fields, name, bool))


def whole(fields: dict[str, Any], name: str) -> int:
    """Return a whole number from 0."""
    found = _typed(fields, name, int)
    if isinstance(found, bool) or not 0 <= found < 2**62:
        raise MalformedTaskError(name)
    return int(found)


def moment(fields: dict[str, Any], name: str) -> int:
    """Return a time in seconds since 1970."""
    found = whole(fields, name)
    if found >= LATEST:
        raise MalformedTaskError(name)
    return found


def number(fields: dict[str, Any], name: str) -> float:
    """Return a number above 0."""
    found = fields.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found < math.inf:
        raise MalformedTaskError(name)
    return float(found)


def size(fields: dict[str, Any], name: str) -> int:
    """Return bytes from a string as container engines read it: `4G`, `512m`, `1024`."""
    match = _SIZE.fullmatch(text(fields, name))
    if match is None:
        raise MalformedTaskError(name)
    found = int(match[1]) * _UNITS[match[2].lower()]
    if found < SMALLEST_MEMORY:
        raise MalformedTaskError(name)
    return found


def matching(fields: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    """Return a string of a form."""
    found = text(fields, name)
    if not form.fullmatch(found):
        raise MalformedTaskError(name)
    return found


def outputs(fields: dict[str, Any], name: str) -> dict[str, str]:
    """Return patterns with their levels, by the rules of project.yaml."""
    found = texts(fields, name)
    levels = {level.value: level for level in PrivacyLevel}
    for pattern, level in found.items():
        if level not in levels or problems(pattern, levels[level]):
            raise MalformedTaskError(name)
    if not found:
        raise MalformedTaskError(name)
    return found


def _typed(fields: dict[str, Any], name: str, kind: type[Any]) -> Any:
    found = fields.get(name)
    if not isinstance(found, kind):
        raise MalformedTaskError(name)
    return found
