"""The FileList of the release API: read with every rule, or refused with the rule's sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sallyport_common.outputs import MAX_FILE_BYTES
from sallyport_common.paths import UnsafePathError, check_relative
from sallyport_common.protocol import parse_utc
from sallyport_job_server.models import Problem

LONGEST_PART = 200
"""Bytes of one part of a file's path; file systems end at 255, and our own names come on top."""
TOO_LARGE = "File is too large, it must be below 16.0Mb"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Listed:
    """One file that a release is to hold."""

    name: str
    sha256: str
    size: int
    date: str
    details: dict[str, Any]
    review: dict[str, Any] | None


def read_files(body: object) -> list[Listed]:
    """Return the files of a FileList; raise Problem naming the first fault."""
    if not isinstance(body, dict) or not isinstance(body.get("files"), list):
        raise Problem("The body must be an object with a list 'files'.")
    for key in ("metadata", "review"):
        if key not in body:
            raise Problem(f"The key '{key}' is missing.")
    files = [_read(entry) for entry in body["files"]]
    if not files:
        raise Problem("The list 'files' is empty.")
    names = [file.name for file in files]
    if len(set(names)) != len(names):
        raise Problem("A file is listed more than once.")
    return files


def read_details(body: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of a FileList."""
    details = body["metadata"]
    if not isinstance(details, dict):
        raise Problem("The key 'metadata' must be an object.")
    return details


def _read(entry: object) -> Listed:
    keys = ("name", "url", "size", "sha256", "date", "metadata", "review")
    if not isinstance(entry, dict):
        raise Problem("An entry of 'files' must be an object.")
    for key in keys:
        if key not in entry:
            raise Problem(f"The key '{key}' of a file is missing.")
    if not isinstance(entry["url"], str):
        raise Problem("The key 'url' of a file must be a string.")
    if not isinstance(entry["metadata"], dict | None) or not isinstance(
        entry["review"], dict | None
    ):
        raise Problem("The keys 'metadata' and 'review' of a file must be objects.")
    return Listed(
        _name(entry["name"]),
        _sha256(entry["sha256"]),
        _size(entry["size"]),
        _date(entry["date"]),
        entry["metadata"] or {},
        entry["review"],
    )


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        raise Problem("The key 'name' of a file must be a string.")
    if any(len(part.encode()) > LONGEST_PART for part in value.split("/")):
        raise Problem(f"The name '{value[:50]}…' has a part of more than {LONGEST_PART} bytes.")
    try:
        return str(check_relative(value))
    except UnsafePathError as error:
        raise Problem(f"The name '{value[:200]}' is refused: {error}.") from None


def _sha256(value: object) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise Problem("The key 'sha256' of a file must be 64 hexadecimal digits.")
    return value


def _size(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Problem("The key 'size' of a file must be a whole number.")
    if value > MAX_FILE_BYTES:
        raise Problem(TOO_LARGE)
    return value


def _date(value: object) -> str:
    try:
        parse_utc(str(value))
    except (ValueError, OverflowError):
        raise Problem("The key 'date' of a file must be a time with an offset or Z.") from None
    return str(value)[:40]
