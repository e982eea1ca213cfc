"""Bodies and answers of `/api/v2` that hatches, publishers and people's tools use."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from sallyport_common.names import SHA256
from sallyport_common.outputs import MAX_FILE_BYTES
from sallyport_common.paths import UnsafePathError, check_relative
from sallyport_common.schemas import Text, form
from sallyport_job_server.schemas import Answer, Body, Moment

LONGEST_NAME = 1000
"""Characters of a file's whole path."""
LONGEST_PART = 200
"""Bytes of one part of a file's path; file systems end at 255, and our own names come on top."""
TOO_LARGE = "File is too large, it must be below 16.0Mb"
"""The sentence that clients of the release API know."""


class FileName(Text):
    """The path of a file below its workspace."""

    __slots__ = ()
    accepted = (
        f"a relative path of at most {LONGEST_NAME} characters without '.', '..', '//' or "
        f"backslash, whose parts have at most {LONGEST_PART} bytes and do not start with a dot"
    )

    @classmethod
    def read(cls, text: str) -> FileName:
        """Return the path."""
        parts = text.split("/")
        if len(text) > LONGEST_NAME or any(len(part.encode()) > LONGEST_PART for part in parts):
            raise ValueError(cls.accepted)
        try:
            return cls(check_relative(text))
        except UnsafePathError:
            raise ValueError(cls.accepted) from None


Sha256 = Annotated[str, form(SHA256, "64 hexadecimal digits in lower case")]


class ListedFile(msgspec.Struct, frozen=True):
    """One file of a release; keys that peers add are ignored."""

    name: FileName
    url: str
    size: Annotated[int, Meta(ge=0, description="a number of bytes")]
    sha256: Sha256
    date: Moment
    metadata: dict[str, Any] | None
    review: dict[str, Any] | None

    def __post_init__(self) -> None:
        """Refuse a file that is too large."""
        if self.size > MAX_FILE_BYTES:
            raise ValueError(TOO_LARGE)


class FileList(msgspec.Struct, frozen=True):
    """The files of a release."""

    files: Annotated[
        list[ListedFile], Meta(min_length=1, description="a list of at least one file")
    ]
    metadata: dict[str, Any]
    review: Any

    def __post_init__(self) -> None:
        """Refuse a file that is listed twice, or that is the folder of another."""
        names = {file.name for file in self.files}
        if len(names) != len(self.files):
            raise ValueError("A file is listed more than once.")
        for name in sorted(names):
            parts = name.split("/")
            folders = ("/".join(parts[:number]) for number in range(1, len(parts)))
            if folder := next((one for one in folders if one in names), None):
                raise ValueError(f"{folder} is listed as a file and as the folder of {name}.")


class LogInBody(Body):
    """A one-use log-in."""

    user: Annotated[str, Meta(description="user name or mail address")]
    token: Annotated[str, Meta(description="three words")]


class PersonBody(Body):
    """The person whose permissions are looked up."""

    user: Annotated[str, Meta(description="user name or mail address")]


class EventType(enum.StrEnum):
    """What happens to a request in the review workflow."""

    SUBMITTED = "request_submitted"
    WITHDRAWN = "request_withdrawn"
    PARTIALLY_REVIEWED = "request_partially_reviewed"
    REVIEWED = "request_reviewed"
    APPROVED = "request_approved"
    RELEASED = "request_released"
    REJECTED = "request_rejected"
    RETURNED = "request_returned"
    RESUBMITTED = "request_resubmitted"


EventText = Annotated[str, Meta(min_length=1, description="a string that is not empty")]


class Event(msgspec.Struct, frozen=True):
    """An event of the review workflow; keys that peers add are ignored."""

    event_type: Annotated[EventType, Meta(description=f"one of {', '.join(EventType)}")]
    workspace: EventText
    request: EventText
    request_author: EventText
    user: EventText
    updates: list[Any] | None = None


class SnapshotBody(Body):
    """The files of a new snapshot."""

    file_ids: Annotated[list[str], Meta(description="a list of the ids of released files")]


class ProjectDetails(Answer):
    """The project of a person's workspace."""

    name: str
    ongoing: bool
    orgs: list[str]


class PersonWorkspace(Answer):
    """A workspace whose unreleased outputs a person may see."""

    project_details: ProjectDetails
    archived: bool


class Person(Answer):
    """What a hatch may know of a person."""

    username: str
    fullname: str
    workspaces: dict[str, PersonWorkspace]
    copiloted_workspaces: dict[str, PersonWorkspace]
    output_checker: bool
    readonly_access: bool


class EventAnswer(Answer):
    """Whether an event was stored: `ok`, or `error` with a message."""

    status: str
    message: str | UnsetType = UNSET


class CreatedRelease(Answer):
    """A release that was announced."""

    release_id: str
    release_url: str


class IndexEntry(Answer):
    """A released file in an index."""

    name: str
    id: str
    url: str
    user: str
    date: str
    sha256: str
    size: int
    is_deleted: bool
    backend: str
    metadata: dict[str, Any]
    review: dict[str, Any] | None


class Index(Answer):
    """Released files."""

    files: list[IndexEntry]


class ReleaseIndex(Index):
    """The files of a release."""

    metadata: dict[str, Any] = field(default_factory=dict)
    review: None = None


class CreatedSnapshot(Answer):
    """A snapshot that was created."""

    url: str
