"""Outputs of studies: how sensitive they are, and the types of files that they may be."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from pathlib import PurePosixPath

METADATA_FOLDER = "metadata"
"""The folder of a workspace for its logs and its manifest; no output can be there."""
MAX_FILE_BYTES = 16 * 1024 * 1024
"""Largest file that the release API of job servers takes, ours and existing ones."""


class PrivacyLevel(enum.StrEnum):
    """How sensitive an output is; only MODERATE reaches the medium-privacy tree."""

    HIGH = "highly_sensitive"
    MODERATE = "moderately_sensitive"
    MINIMAL = "minimally_sensitive"


class View(enum.Enum):
    """How a file is shown to checkers; markup is shown as its text, so nothing in it runs."""

    TABLE = enum.auto()
    IMAGE = enum.auto()
    TEXT = enum.auto()
    MARKUP = enum.auto()


@dataclass(frozen=True)
class Kind:
    """A type of file: how it is shown, its media type, and the bytes it begins with."""

    view: View
    media_type: str = "text/plain"
    magic: bytes | None = None
    packed: bool = False


KINDS = {
    ".csv": Kind(View.TABLE, "text/csv"),
    ".jpg": Kind(View.IMAGE, "image/jpeg", b"\xff\xd8\xff"),
    ".jpeg": Kind(View.IMAGE, "image/jpeg", b"\xff\xd8\xff"),
    ".png": Kind(View.IMAGE, "image/png", b"\x89PNG\r\n\x1a\n"),
    ".svg": Kind(View.MARKUP, "image/svg+xml"),
    ".svgz": Kind(View.MARKUP, "image/svg+xml", b"\x1f\x8b", packed=True),
    ".html": Kind(View.MARKUP, "text/html"),
    ".txt": Kind(View.TEXT),
    ".log": Kind(View.TEXT),
    ".json": Kind(View.TEXT, "application/json"),
    ".md": Kind(View.TEXT, "text/markdown"),
}
"""Every type that a site's policy may allow; another type is neither released nor shown."""


@functools.lru_cache(maxsize=1024)
def suffix_of(name: str) -> str:
    """Return the suffix of a file's name, as it is spelt; each check of a file asks for it."""
    return PurePosixPath(name).suffix
