"""One strict reader of manifests: what it refuses is refused by every component."""

from __future__ import annotations

import json

import pytest

from sallyport_common.manifests import ManifestError
from sallyport_common.manifests.reader import MAX_DEPTH, read_object

GOOD = {"outputs": {"a[{.csv": {"size": 1, "names": ["x", "y"]}}}


def nested(levels: int) -> bytes:
    """Return an object with this many levels."""
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


def test_an_object_is_read() -> None:
    assert read_object(json.dumps(GOOD).encode(), 1000) == GOOD
    assert read_object(nested(MAX_DEPTH), 1000)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b"{", "not a JSON object"),
        (b"\xff{}", "not a JSON object"),
        (b'{"a": 1, "a": 2}', "a key appears twice"),
        (b'{"b": {"a": 1, "a": 2}}', "a key appears twice"),
        (nested(MAX_DEPTH + 1), "levels deep"),
        (b"[" * 900, "levels deep"),
        (b"{}" + b" " * 999, "more than 1000 bytes"),
    ],
)
def test_what_is_not_a_manifest_is_refused(raw: bytes, reason: str) -> None:
    assert read_object(b"{}", 1000) == {}
    with pytest.raises(ManifestError, match=reason):
        read_object(raw, 1000)
