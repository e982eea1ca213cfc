"""Signed tokens: the published vector, and everything that must be refused."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from itsdangerous import Signer
from tests.unit.release_hatch.doubles import SIGNING_KEY

from sallyport_release_hatch.services.tokens import (
    TokenExpiredError,
    TokenForbiddenError,
    TokenReader,
)

NOW = datetime(2026, 11, 25, tzinfo=UTC)
READER = TokenReader(SIGNING_KEY, "https://hatch.sallyport.test")
VECTOR = (
    '{"url": "http://127.0.0.1:8001/workspace/w1", "user": "alice", '
    '"expiry": "2099-01-01T00:00:00+00:00"}'
    ".Ii0YQlRYl0vLD5xuBEkqutbh9LoY3IpIthWLBZWxBEg"
)


def sign(payload: Any, key: str = SIGNING_KEY) -> str:
    """Sign a payload as the job server does."""
    signer = Signer(key, b"hatch", key_derivation="hmac", digest_method=hashlib.sha256)
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return signer.sign(text.encode()).decode()


def payload(**changes: Any) -> dict[str, Any]:
    """Return a payload that is accepted, changed."""
    return {
        "url": "https://hatch.sallyport.test/workspace/w1",
        "user": "ada",
        "expiry": (NOW + timedelta(minutes=5)).isoformat(),
    } | changes


def test_the_published_vector_verifies() -> None:
    reader = TokenReader(SIGNING_KEY, "http://127.0.0.1:8001")
    near = datetime(2098, 12, 31, 23, 30, tzinfo=UTC)
    claim = reader.read(VECTOR, near)
    assert (claim.user, claim.workspace) == ("alice", "w1")
    with pytest.raises(TokenForbiddenError):
        reader.read(VECTOR.replace("alice", "alicf"), near)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"expiry": "2026-11-25T00:30:00Z"},
        {"expiry": NOW.timestamp() + 60},
        {"expiry": str(int(NOW.timestamp()) + 60)},
        {"url": "http://localhost:8001/workspace/w1"},
        {"url": "http://hatch.sallyport.test:99/workspace/w1"},
        {"jti": "x", "note": "a.b.c"},
    ],
)
def test_genuine_tokens_are_read(changes: dict[str, Any]) -> None:
    assert READER.read(sign(payload(**changes)), NOW).workspace == "w1"


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://elsewhere.test/workspace/w1"},
        {"url": "https://hatch.sallyport.test/workspace/w1/current"},
        {"url": "https://hatch.sallyport.test/workspace/"},
        {"url": "https://hatch.sallyport.test/"},
        {"url": "https://hatch.sallyport.test"},
        {"url": "ftp://hatch.sallyport.test/workspace/w1"},
        {"url": 5},
        {"user": ""},
        {"user": 5},
        {"expiry": "soon"},
        {"expiry": True},
        {"expiry": (NOW + timedelta(minutes=61)).isoformat()},
    ],
)
def test_tokens_for_other_places_are_forbidden(changes: dict[str, Any]) -> None:
    assert READER.read(sign(payload()), NOW).user == "ada"
    with pytest.raises(TokenForbiddenError):
        READER.read(sign(payload(**changes)), NOW)


@pytest.mark.parametrize("token", ["", "x", "a.b", "{}.x", sign("[1]"), sign("nonsense")])
def test_nonsense_is_forbidden(token: str) -> None:
    with pytest.raises(TokenForbiddenError):
        READER.read(token, NOW)


def test_expired_is_unauthorised_only_if_genuine() -> None:
    old = payload(expiry=(NOW - timedelta(seconds=1)).isoformat())
    with pytest.raises(TokenExpiredError):
        READER.read(sign(old), NOW)
    with pytest.raises(TokenExpiredError):
        READER.read(sign(payload(expiry="2026-11-25T00:10:00")), NOW)
    with pytest.raises(TokenForbiddenError):
        READER.read(sign(old, key="f" * 40), NOW)
