"""Signed tokens of the compatible API: JSON, a dot, and an HMAC; scoped to one workspace."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from itsdangerous import BadSignature, Signer

from sallyport_common.problems import Problem

SALT = b"hatch"
FURTHEST = timedelta(minutes=60)


class TokenForbiddenError(Problem):
    """The token is forged, or is not for this place."""


class TokenExpiredError(Problem):
    """The token is genuine and no longer, or not yet usefully, valid."""


@dataclass(frozen=True)
class Claim:
    """What a genuine token says."""

    user: str
    workspace: str
    fingerprint: str


class TokenReader:
    """Verifies tokens for one hatch."""

    def __init__(self, key: str, url: str) -> None:
        self._signer = Signer(key, SALT, key_derivation="hmac", digest_method=hashlib.sha256)
        self._host = urlsplit(url).hostname

    def read(self, token: str, now: datetime | None = None) -> Claim:
        """Return a token's claim; raise TokenForbiddenError or TokenExpiredError.

        The signature comes first, so a forged token is never told that it expired.
        """
        try:
            payload = json.loads(self._signer.unsign(token.encode("utf-8", "surrogateescape")))
            user, url, expiry = payload["user"], urlsplit(payload["url"]), payload["expiry"]
            hostname = url.hostname
        except (BadSignature, ValueError, KeyError, TypeError, AttributeError):
            raise TokenForbiddenError("Forbidden") from None
        segments = url.path.split("/")
        ours = hostname in (self._host, "localhost") and url.scheme in ("http", "https")
        shaped = len(segments) == 3 and segments[:2] == ["", "workspace"] and segments[2]
        if not (ours and shaped and isinstance(user, str) and user):
            raise TokenForbiddenError("Forbidden")
        _check_expiry(expiry, now or datetime.now(UTC))
        fingerprint = hashlib.sha256(token.encode()).hexdigest()[:12]
        return Claim(user, segments[2], fingerprint)


def _check_expiry(value: Any, now: datetime) -> None:
    try:
        if isinstance(value, bool):
            raise ValueError
        if isinstance(value, int | float) or str(value).isdigit():
            moment = datetime.fromtimestamp(float(value), UTC)
        else:
            moment = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        raise TokenForbiddenError("Forbidden") from None
    if moment.tzinfo is None or moment <= now:
        raise TokenExpiredError("Unauthorized")
    if moment - now > FURTHEST:
        raise TokenForbiddenError("Forbidden")
