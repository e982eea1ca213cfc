"""Tokens and identifiers of the job protocol (formats: OpenSAFELY's classic job API)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from ulid import ULID

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def new_backend_token() -> str:
    """Return 40 hexadecimal characters from 20 random bytes."""
    return secrets.token_hex(20)


def digest(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal; this, never the token, is stored."""
    return hashlib.sha256(token.encode("utf-8")).hexdigest()


def matches(token: str, stored_digest: str) -> bool:
    """Compare a token with a stored digest in constant time."""
    return hmac.compare_digest(digest(token), stored_digest)


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").lower()


def new_request_identifier() -> str:
    """Return a job request identifier: 10 random bytes as 16 characters of `[a-z2-7]`."""
    return _base32(secrets.token_bytes(10))


def job_identifier(request_identifier: str, action: str) -> str:
    """Return the deterministic job id: base32 of the first 10 bytes of SHA-1 of both names.

    A runner that lost its database computes the same ids again. SHA-1 is the wire format's.
    """
    text = f"{request_identifier}\n{action}".encode()
    return _base32(hashlib.sha1(text, usedforsecurity=False).digest()[:10])


def new_ulid() -> str:
    """Return a new 26-character ULID."""
    return str(ULID())


def is_ulid(text: str) -> bool:
    """Return whether a string is a ULID in canonical, upper-case form."""
    return _ULID.fullmatch(text) is not None
