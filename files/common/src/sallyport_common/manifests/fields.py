"""Values of a manifest whose form is narrower than their JSON type."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any


@dataclass(frozen=True)
class Form:
    """What a value must look like: the words for people, and the check."""

    words: str
    accepts: Callable[[Any], object]


def _has_offset(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


Sha256 = Annotated[str, Form("a SHA-256 in hexadecimal", re.compile(r"[0-9a-f]{64}").fullmatch)]
Size = Annotated[int, Form("a number of bytes", lambda size: size >= 0)]
Moment = Annotated[str, Form("a time with an offset from UTC", _has_offset)]
Name = Annotated[
    str,
    Form("a plain name", re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,199}").fullmatch),
]
"""A person, a workspace, a backend."""
