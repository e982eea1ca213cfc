"""What the manifests between components have in common: names, versions, and one strict reader."""

from __future__ import annotations

import json
from typing import Any

from sallyport_common.errors import SallyportError

WORKSPACE_MANIFEST = "metadata/manifest.json"
"""Below a workspace of the medium-privacy tree: the runner writes it, the hatch reads it."""
APPROVED_MANIFEST = "manifest.json"
"""Below the folder of an approved request: the hatch writes it, the publisher reads it."""
APPROVED_VERSION = 1
APPROVED_STATE = "APPROVED"
MAX_DEPTH = 20
"""Nesting that no manifest comes near; deeper JSON is refused before it is parsed."""


_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class ManifestError(SallyportError):
    """A manifest cannot be read; the message says why."""


def read_object(raw: bytes, limit: int) -> dict[str, Any]:
    """Return the JSON object of a manifest of at most `limit` bytes; raise ManifestError."""
    if len(raw) > limit:
        raise ManifestError(f"The manifest has more than {limit} bytes.")
    if _depth(raw) > MAX_DEPTH:
        raise ManifestError(f"The manifest is nested more than {MAX_DEPTH} levels deep.")
    try:
        value = json.loads(raw, object_pairs_hook=_unique)
    except ValueError as error:
        raise ManifestError(f"The manifest is not a JSON object: {_reason(error)}.") from None
    if not isinstance(value, dict):
        raise ManifestError("The manifest is not a JSON object.")
    return value


def _depth(raw: bytes) -> int:
    """Return the deepest nesting, brackets in strings included; only a bound is needed."""
    depth = deepest = 0
    for byte in raw.translate(None, delete=_NO_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with a key twice: two readers could take different ones."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key appears twice")
    return value


def _reason(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:100]
