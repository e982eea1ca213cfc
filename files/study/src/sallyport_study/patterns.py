"""Output patterns: which are allowed, and which files they match."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from pathlib import PurePosixPath, PureWindowsPath

from sallyport_common.names import matches_glob
from sallyport_common.outputs import KINDS, METADATA_FOLDER, PrivacyLevel


def _climbs_or_hides(pattern: str) -> str | None:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in pattern):
        return "it holds a control character"
    if "\\" in pattern:
        return "it holds a backslash; separate folders with /"
    if any(wildcard in pattern for wildcard in ("**", "?", "[")):
        return "only single * wildcards are supported, not **, ? or ["
    return None


def _extension(pattern: str, level: PrivacyLevel) -> str | None:
    extension = PurePosixPath(pattern).suffix
    if not extension or pattern.endswith("/"):
        return "it has no file extension; name files, not folders"
    if extension.endswith("*"):
        return "its extension ends in *; say which type of file it is"
    if level is PrivacyLevel.MODERATE and extension not in KINDS:
        allowed = ", ".join(KINDS)
        return f"{extension} is not a type that output checkers can review ({allowed})"
    return None


def _place(pattern: str) -> str | None:
    if posixpath.normpath(pattern) != pattern:
        return f"write it as {posixpath.normpath(pattern)}"
    if PurePosixPath(pattern).parts[0] == METADATA_FOLDER:
        return f"the folder {METADATA_FOLDER} is kept for logs"
    if PurePosixPath(pattern).is_absolute() or PureWindowsPath(pattern).is_absolute():
        return "it is an absolute path; start at the study's folder"
    if ".." in PurePosixPath(pattern).parts:
        return "it holds '..'; outputs stay inside the study's folder"
    return None


def problem(pattern: str, level: PrivacyLevel) -> str | None:
    """Return why a pattern is refused, the first reason only; None when it is good."""
    checks: list[Callable[[], str | None]] = [
        lambda: _climbs_or_hides(pattern),
        lambda: _extension(pattern, level),
        lambda: _place(pattern),
    ]
    return next((found for check in checks if (found := check())), None)


def matches(pattern: str, path: str) -> bool:
    """Return whether a relative path matches; `*` stands for any text within one folder.

    Nothing in the folder of logs and manifests matches, whatever a wildcard might reach.
    """
    if path.startswith(f"{METADATA_FOLDER}/"):
        return False
    return matches_glob(pattern, path)
