"""The approved tree, read with suspicion: whatever is not exactly right is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sallyport_common.manifests import ApprovedFile, ApprovedManifest, ManifestError, approved
from sallyport_common.paths import UnsafePathError, check_relative, open_beneath
from sallyport_common.tokens import is_ulid
from sallyport_disclosure.engine import check_file
from sallyport_disclosure.policy import Policy
from sallyport_output_publisher.models import ApprovedRequest, RefusedError


class ApprovedTree:
    """Requests that the hatch handed over, each a folder of a manifest and files by hash."""

    def __init__(self, folder: Path, backend: str, policy: Policy) -> None:
        self._folder, self._backend, self._policy = folder, backend, policy

    def requests(self) -> list[str]:
        """Return the ids of all that was handed over, oldest first."""
        return sorted(path.name for path in self._folder.iterdir() if is_ulid(path.name))

    def load(self, request: str) -> ApprovedRequest:
        """Return a request whose every check passed; raise RefusedError with all problems."""
        raw = self._read(f"{request}/{approved.FILE}", approved.LONGEST)
        try:
            manifest = ApprovedManifest.from_json(raw)
        except ManifestError as error:
            raise RefusedError(error.problems) from None
        problems = list(_decision_problems(manifest, request, self._backend))
        problems += self._policy_problems(manifest.policy)
        for file in manifest.files:
            problems += _file_problems(file, manifest)
        problems = problems or list(self._folder_problems(manifest))
        if problems:
            raise RefusedError(problems)
        for file in manifest.files:
            self.read(request, file)
        return ApprovedRequest(manifest, hashlib.sha256(raw).hexdigest())

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

    def _folder_problems(self, manifest: ApprovedManifest) -> Iterator[str]:
        names = [file.name for file in manifest.files]
        if len(set(names)) != len(names):
            yield "The manifest names a file twice."
        listed = {file.sha256 for file in manifest.files} | {approved.FILE}
        present = {path.name for path in (self._folder / manifest.request).iterdir()}
        if present - listed:
            yield "The folder contains files that the manifest does not list."


def _decision_problems(manifest: ApprovedManifest, request: str, backend: str) -> Iterator[str]:
    expected = {"request": request, "backend": backend}
    for key, value in expected.items():
        if getattr(manifest, key) != value:
            yield f"The manifest's {key} is not {value}."
    if not manifest.files:
        yield "The manifest lists no file."
    author, reviewers = manifest.author, set(manifest.reviewers)
    if len(reviewers) < 2 or author in reviewers or manifest.releasing_checker == author:
        yield "The request was not decided by two people besides its author."


def _file_problems(file: ApprovedFile, manifest: ApprovedManifest) -> Iterator[str]:
    try:
        check_relative(file.name)
    except UnsafePathError as error:
        yield f"A file name is refused: {error}."
        return
    approvers = set(file.approved_by) & set(manifest.reviewers) - {manifest.author}
    if len(approvers) < 2:
        yield f"{file.name}: not approved by two people besides the author."
