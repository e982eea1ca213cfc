"""Whether a file holds what its suffix says, and its text."""

from __future__ import annotations

import zlib

from sallyport_common.outputs import KINDS, Kind, View, suffix_of

FOREIGN = (
    b"PK\x03\x04", b"%PDF-", b"\x1f\x8b", b"\x7fELF", b"\x89PNG", b"\xff\xd8\xff", b"PAR1",
    b"ARROW1", b"FEA1", b"SQLite format 3\x00",
)  # fmt: skip
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
ENCODING = "the text is not in UTF-8{0}; save the file as UTF-8"
OTHER_KIND = "the content is not what the suffix says"


class KindError(ValueError):
    """The content of a file is not of the kind that its suffix promises; `code` says how."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def kind_of(name: str) -> Kind | None:
    """Return the type of a file by its name, or None for a type that is never an output."""
    return KINDS.get(suffix_of(name).lower())


def text_of(name: str, data: bytes, limit: int) -> str | None:
    """Return the text of a file, or None for an image; raise KindError where it has none.

    Packed markup is unpacked to at most `limit` bytes, so that a small file cannot fill memory.
    """
    kind = kind_of(name)
    if kind is None:
        raise KindError("TYPE_MISMATCH", OTHER_KIND)
    if kind.magic is not None and not data.startswith(kind.magic):
        raise KindError("TYPE_MISMATCH", OTHER_KIND)
    if kind.view is View.IMAGE:
        return None
    return decode(unpack(data, limit) if kind.packed else data)


def decode(data: bytes) -> str:
    """Return bytes as text without a byte-order mark; raise KindError unless they are UTF-8."""
    if data.startswith(FOREIGN):
        raise KindError("TYPE_MISMATCH", OTHER_KIND)
    if data.startswith(UTF_16) or _looks_like_utf_16(data[:1000]):
        raise KindError("NOT_UTF8", ENCODING.format(" but in UTF-16"))
    if b"\0" in data:
        raise KindError("TYPE_MISMATCH", OTHER_KIND)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise KindError("NOT_UTF8", ENCODING.format(", perhaps in Latin-1")) from None


def _looks_like_utf_16(data: bytes) -> bool:
    """Return whether every second byte is NUL, as in UTF-16 without a byte-order mark."""
    pairs = len(data) // 2
    return pairs > 1 and pairs in (data[::2].count(0), data[1::2].count(0))


def unpack(data: bytes, limit: int) -> bytes:
    """Return the content of one gzip member of at most `limit` bytes; raise KindError."""
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = unpacker.decompress(data, limit + 1)
    except zlib.error:
        raise KindError("TYPE_MISMATCH", "the compressed content cannot be read") from None
    if len(content) > limit:
        raise KindError("TOO_LARGE", f"the compressed content has more than {limit} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise KindError("TYPE_MISMATCH", "the compressed content is cut short or not alone")
    return content
