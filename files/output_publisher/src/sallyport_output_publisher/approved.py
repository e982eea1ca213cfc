"""The approved tree, read with suspicion: whatever is not exactly right is refused."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sallyport_common.manifests import (
    APPROVED_MANIFEST,
    APPROVED_STATE,
    APPROVED_VERSION,
    ManifestError,
    read_object,
)
from sallyport_common.paths import UnsafePathError, check_relative, open_beneath
from sallyport_common.tokens import is_ulid
from sallyport_disclosure.engine import check_file
from sallyport_disclosure.policy import Policy
from sallyport_output_publisher.models import ApprovedFile, ApprovedRequest, RefusedError

LONGEST_MANIFEST = 8 * 1024 * 1024
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,199}")
DIGEST = re.compile(r"[0-9a-f]{64}")


class ApprovedTree:
    """Requests that the hatch handed over, each a folder of a manifest and files by hash."""

    def __init__(self, folder: Path, backend: str, policy: Policy) -> None:
        self._folder, self._backend, self._policy = folder, backend, policy

    def requests(self) -> list[str]:
        """Return the ids of all that was handed over, oldest first."""
        return sorted(path.name for path in self._folder.iterdir() if is_ulid(path.name))

    def load(self, request: str) -> ApprovedRequest:
        """Return a request whose every check passed; raise RefusedError with all problems."""
        raw = self._read(f"{request}/{APPROVED_MANIFEST}", LONGEST_MANIFEST)
        manifest = _object(raw)
        problems = list(_decision_problems(manifest, request, self._backend))
        problems += self._policy_problems(manifest.get("policy"))
        entries = manifest.get("files")
        if not isinstance(entries, list) or not entries:
            problems.append("The manifest lists no file.")
            entries = []
        files = []
        for entry in entries:
            faults = list(_entry_problems(entry, manifest))
            problems += faults
            if not faults:
                files.append(ApprovedFile(**{key: entry[key] for key in _FILE_KEYS}))
        problems = problems or list(self._folder_problems(request, files))
        if problems:
            raise RefusedError(problems)
        for file in files:
            self.read(request, file)
        return ApprovedRequest(
            id=request,
            workspace=manifest["workspace"],
            author=manifest["author"],
            releasing_checker=manifest["releasing_checker"],
            reviewers=tuple(manifest["reviewers"]),
            policy=self._policy.version,
            manifest_sha256=hashlib.sha256(raw).hexdigest(),
            files=tuple(files),
        )

    def read(self, request: str, file: ApprovedFile) -> bytes:
        """Return a file's bytes, which are exactly those that were approved."""
        data = self._read(f"{request}/{file.sha256}", self._policy.max_bytes)
        if hashlib.sha256(data).hexdigest() != file.sha256 or len(data) != file.size:
            raise RefusedError([f"{file.name}: the stored bytes are not those that were approved."])
        reasons = check_file(file.name, data, self._policy).reasons
        if reasons:
            raise RefusedError(f"{file.name}: {reason}" for reason in reasons)
        return data

    def _policy_problems(self, version: object) -> Iterator[str]:
        """Compare the rules that the hatch checked by with those that are checked by here."""
        if version != self._policy.version:
            yield (
                f"The request was approved under the rules for outputs {str(version)[:12]!r}, and "
                f"the publisher has {self._policy.version!r}. Deploy the release hatch and the "
                "publisher with the same site_output values, and request the release again if "
                "the rules have changed since."
            )

    def _read(self, name: str, limit: int) -> bytes:
        try:
            with open_beneath(self._folder, name) as stream:
                data = stream.read(limit + 1)
        except (OSError, UnsafePathError):
            raise RefusedError([f"{name} cannot be read as a plain file."]) from None
        if len(data) > limit:
            raise RefusedError([f"{name} is too large."])
        return data

    def _folder_problems(self, request: str, files: list[ApprovedFile]) -> Iterator[str]:
        names = [file.name for file in files]
        if len(set(names)) != len(names):
            yield "The manifest names a file twice."
        listed = {file.sha256 for file in files} | {APPROVED_MANIFEST}
        found = {path.name for path in (self._folder / request).iterdir()}
        if found - listed:
            yield "The folder holds what the manifest does not list."


_FILE_KEYS = ("name", "sha256", "size", "date")


def _object(raw: bytes) -> dict[str, Any]:
    try:
        return read_object(raw, LONGEST_MANIFEST)
    except ManifestError as error:
        raise RefusedError([str(error)]) from None


def _people(value: Any) -> set[str]:
    names = value if isinstance(value, list) else []
    return {name for name in names if isinstance(name, str) and WORD.fullmatch(name)}


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and WORD.fullmatch(value) is not None


def _decision_problems(manifest: dict[str, Any], request: str, backend: str) -> Iterator[str]:
    author, checker = manifest.get("author"), manifest.get("releasing_checker")
    reviewers = _people(manifest.get("reviewers"))
    expected = {
        "version": APPROVED_VERSION,
        "request": request,
        "state": APPROVED_STATE,
        "backend": backend,
    }
    for key, value in expected.items():
        if manifest.get(key) != value:
            yield f"The manifest's {key} is not {value}."
    for key in ("workspace", "author", "releasing_checker"):
        if not _is_word(manifest.get(key)):
            yield f"The manifest has no usable {key}."
    if len(reviewers) < 2 or author in reviewers or checker == author:
        yield "The request was not decided by two people besides its author."


def _entry_problems(entry: Any, manifest: dict[str, Any]) -> Iterator[str]:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        yield "The manifest has a file without a name."
        return
    name = entry["name"]
    try:
        check_relative(name)
    except UnsafePathError as error:
        yield f"A file name is refused: {error}."
        return
    if not name.isprintable() or '"' in name:
        yield "A file name is refused: it holds a quote or a control character."
        return
    if not (isinstance(entry.get("sha256"), str) and DIGEST.fullmatch(entry["sha256"])):
        yield f"{name}: the manifest has no sha256."
    if type(entry.get("size")) is not int or not _is_moment(entry.get("date")):
        yield f"{name}: the manifest has no usable size and date."
    approved_by = _people(entry.get("approved_by")) - {manifest.get("author")}
    if len(approved_by & _people(manifest.get("reviewers"))) < 2:
        yield f"{name}: not approved by two people besides the author."


def _is_moment(value: Any) -> bool:
    try:
        return datetime.fromisoformat(str(value)).tzinfo is not None
    except ValueError:
        return False
