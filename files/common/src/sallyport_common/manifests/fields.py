"""Values of a manifest whose form is narrower than their JSON type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sallyport_common import names


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


Sha256 = Annotated[str, Form("a SHA-256 in hexadecimal", names.SHA256.fullmatch)]
Size = Annotated[int, Form("a number of bytes", lambda size: size >= 0)]
Moment = Annotated[str, Form("a time with an offset from UTC", _has_offset)]
Person = Annotated[str, Form("a user name", names.PERSON.fullmatch)]
Workspace = Annotated[str, Form("the name of a workspace", names.WORKSPACE.fullmatch)]
Backend = Annotated[str, Form("the name of a backend", names.SLUG.fullmatch)]
