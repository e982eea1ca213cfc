"""Does a file hold what its suffix says? Decided by its first bytes, without parsing."""

from __future__ import annotations

from pathlib import PurePosixPath

MAGIC = {
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".svgz": (b"\x1f\x8b",),
}
TEXT = {".csv", ".txt", ".log", ".json", ".md", ".svg", ".html"}
FOREIGN = (
    b"PK\x03\x04", b"%PDF-", b"\x1f\x8b", b"\x7fELF", b"\x89PNG", b"\xff\xd8\xff", b"PAR1",
    b"ARROW1", b"FEA1", b"SQLite format 3\x00",
)  # fmt: skip


def is_text(data: bytes) -> bool:
    """Tell whether bytes are UTF-8 text without NUL."""
    if b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def matches_suffix(name: str, data: bytes) -> bool:
    """Tell whether the content is of the kind that the suffix promises."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in MAGIC:
        return data.startswith(MAGIC[suffix])
    if suffix in TEXT:
        return is_text(data) and not data.startswith(FOREIGN)
    return False
