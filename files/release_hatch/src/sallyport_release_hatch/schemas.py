"""Bodies and answers of the compatible token API; keys that clients add are ignored."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from sallyport_common.schemas import Text


class FileName(Text):
    """The path of a file; clients on old Windows machines send backslashes."""

    __slots__ = ()
    accepted = "a string"

    @classmethod
    def read(cls, text: str) -> FileName:
        """Return the path with slashes."""
        return cls(text.replace("\\", "/"))


class NamedFile(Struct, frozen=True):
    """The file of a request that a client wants uploaded."""

    name: FileName


class Review(Struct, frozen=True):
    """The review of one file; whether it is complete is judged for all files together."""

    status: str | None = None
    comments: dict[str, Any] | None = None


class ListedFile(Struct, frozen=True):
    """One file that a client asks to be released, or reviews."""

    name: FileName
    sha256: str
    metadata: dict[str, Any] | None = None
    review: Review | None = None


class FileList(Struct, frozen=True):
    """The files of a request."""

    files: list[ListedFile]
    metadata: dict[str, Any] | None = None


class FileEntry(Struct, frozen=True):
    """One file of an index."""

    name: str
    url: str
    size: int
    sha256: str
    date: str
    metadata: None = None
    review: None = None


class Index(Struct, frozen=True):
    """The files of a workspace or of a request."""

    files: list[FileEntry]
    metadata: None = None
    review: None = None


class CreatedRequest(Struct, frozen=True):
    """A request that was created, and the page that shows it."""

    release_id: str
    release_url: str
