"""Output patterns: which are allowed, and which files they match."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath

from sallyport_common.names import matches_glob
from sallyport_common.outputs import KINDS, METADATA_FOLDER, PrivacyLevel

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _character(pattern: str) -> str | None:
    if _CONTROL.search(pattern):
        return "it contains a control character"
    if "\\" in pattern:
        return "it contains a backslash; separate folders with /"
    if any(wildcard in pattern for wildcard in ("**", "?", "[")):
        return "only single * wildcards are supported, not **, ? or ["
    return None


def _extension(path: PurePosixPath, pattern: str, level: PrivacyLevel) -> str | None:
    extension = path.suffix
    if not extension or pattern.endswith("/"):
        return "it has no file extension; name files, not folders"
    if extension.endswith("*"):
        return "its extension ends in *; say which type of file it is"
    if level is PrivacyLevel.MODERATE and extension not in KINDS:
        allowed = ", ".join(KINDS)
        return f"{extension} is not a type that output checkers can review ({allowed})"
    return None


def _location(path: PurePosixPath, pattern: str) -> str | None:
    if posixpath.normpath(pattern) != pattern:
        return f"write it as {posixpath.normpath(pattern)}"
    if path.parts[0] == METADATA_FOLDER:
        return f"the folder {METADATA_FOLDER} is kept for logs"
    if pattern.startswith("/") or pattern[1:3] == ":/":  # the latter is absolute on Windows
        return "it is an absolute path; start at the study's folder"
    if ".." in path.parts:
        return "it contains '..'; outputs stay inside the study's folder"
    return None


def problem(pattern: str, level: PrivacyLevel) -> str | None:
    """Return why a pattern is refused, the first reason only; None if it is valid."""
    path = PurePosixPath(pattern)  # once: a large project has tens of thousands of patterns
    return _character(pattern) or _extension(path, pattern, level) or _location(path, pattern)


def matches(pattern: str, path: str) -> bool:
    """Return whether a relative path matches; `*` stands for any text within one folder.

    Nothing in the folder of logs and manifests matches, whatever a wildcard might reach.
    """
    if path.startswith(f"{METADATA_FOLDER}/"):
        return False
    return matches_glob(pattern, path)
