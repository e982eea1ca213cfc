"""A request that two checkers approved, as the hatch hands it over; for tests of every layer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from sallyport_common.manifests import ApprovedFile, ApprovedManifest
from sallyport_disclosure.policy import Policy

REQUEST = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def sha256(data: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def approved_manifest(files: Mapping[str, bytes]) -> ApprovedManifest:
    """Return the manifest of a request of these files."""
    return ApprovedManifest(
        request=REQUEST,
        backend="hospital",
        workspace="w1",
        author="ada",
        releasing_checker="di",
        approved_at="2026-11-24T10:00:00Z",
        created_at="2026-11-23T10:00:00Z",
        reviewers=("cy", "di"),
        policy=Policy().version,
        files=tuple(
            ApprovedFile(
                name=name,
                sha256=sha256(data),
                size=len(data),
                date="2026-11-23T06:15:04Z",
                job_id="thm7jce7iltqiwx2",
                commit="9417bc4e" * 5,
                approved_by=("cy", "di"),
            )
            for name, data in files.items()
        ),
    )
