"""Output patterns: which are allowed, and which files they match."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath

from sallyport_common.names import matches_glob
from sallyport_common.outputs import KINDS, METADATA_FOLDER, PrivacyLevel

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:/")
_BACKSLASHES = re.compile(r"\\+")
_WILDCARDS = ("**", "?", "[")
_BRACES = re.compile(r"\{[^{}]*\}")


def problems(pattern: str, level: PrivacyLevel) -> list[str]:
    """Return why a pattern is refused, in independent reasons, with advice at their end.

    A reason that follows from another is left out: each is judged as if the others were gone.
    """
    cleaned = _cleaned(pattern)
    reasons = _characters(pattern)
    path = PurePosixPath(cleaned)  # once: a large project has tens of thousands of patterns
    reasons += _extension(path, cleaned, level)
    if level is PrivacyLevel.MODERATE and pattern != pattern.strip(" "):
        reasons.append("it begins or ends with a space")
    reasons += _location(path, cleaned)
    return reasons


def advice(pattern: str, level: PrivacyLevel) -> str | None:
    """Return a pattern that is allowed and means what a refused one does, None if unclear."""
    cleaned = _cleaned(pattern)
    if cleaned.startswith("/") or cleaned.endswith("/") or _DRIVE.match(cleaned):
        return None
    path = posixpath.normpath(cleaned)
    suffix = PurePosixPath(path).suffix
    if level is PrivacyLevel.MODERATE and suffix not in KINDS and suffix.lower() in KINDS:
        path = path.removesuffix(suffix) + suffix.lower()
    return path if path != pattern and not problems(path, level) else None


def warnings(pattern: str) -> list[str]:
    """Return what an accepted pattern probably does not mean."""
    found = []
    if any("," in braces for braces in _BRACES.findall(pattern)):
        found.append(
            "has braces, which do not list alternatives: only * is a wildcard. Write one line "
            "for each file"
        )
    if "'" in pattern or '"' in pattern:
        found.append("has a quotation mark; remove it unless the file's name has one too")
    if pattern != pattern.strip(" "):
        found.append("begins or ends with a space, which belongs to the file's name then")
    return found


def _cleaned(pattern: str) -> str:
    return _BACKSLASHES.sub("/", _CONTROL.sub("", pattern)).strip(" ")


def _characters(pattern: str) -> list[str]:
    reasons = []
    if _CONTROL.search(pattern):
        reasons.append("it contains a tab, a line break or another control character")
    if "\\" in pattern:
        reasons.append("it contains a backslash (separate folders with /)")
    wildcards = [wildcard for wildcard in _WILDCARDS if wildcard in pattern]
    if wildcards:
        reasons.append(f"it contains {' and '.join(wildcards)} (the only wildcard is a single *)")
    return reasons


def _extension(path: PurePosixPath, pattern: str, level: PrivacyLevel) -> list[str]:
    extension = path.suffix
    if path.name in {"", ".", ".."}:
        return ["it names a folder, not a file"] if ".." not in path.parts else []
    if not extension or pattern.endswith("/"):
        return ["it has no file extension, such as .csv (name files, not folders)"]
    if extension.endswith("*"):
        return ["its extension ends in * (write the extension in full, such as .csv)"]
    if level is not PrivacyLevel.MODERATE or extension in KINDS:
        return []
    if extension.lower() in KINDS:
        return [f"{extension} is in capitals (use lower case, here and in the name of the file)"]
    return [f"{extension} is not a type that output checkers can review ({', '.join(KINDS)})"]


def _location(path: PurePosixPath, pattern: str) -> list[str]:
    if pattern.startswith("/") or _DRIVE.match(pattern):  # the latter is absolute on Windows
        name = path.name if path.suffix else "table.csv"
        return [f"it is an absolute path (begin at the study's folder, as in 'output/{name}')"]
    if ".." in path.parts:
        return ["it contains '..' (outputs are inside the study's folder)"]
    if path.parts and path.parts[0] == METADATA_FOLDER:
        return [f"the folder '{METADATA_FOLDER}' is reserved for logs"]
    if posixpath.normpath(pattern) != pattern.rstrip("/"):
        return ["it contains './' or '//'"]
    return []


def matches(pattern: str, path: str) -> bool:
    """Return whether a relative path matches; `*` stands for any text within one folder.

    Nothing in the folder of logs and manifests matches, whatever a wildcard might reach.
    """
    if path.startswith(f"{METADATA_FOLDER}/"):
        return False
    return matches_glob(pattern, path)
