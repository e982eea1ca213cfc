"""Time-based one-time codes (RFC 6238), each of which counts once."""

from __future__ import annotations

import re
import time

import pyotp

_SECRET = re.compile(r"[A-Z2-7]{32}")
STEP = 30
DRIFT = 1
"""Steps that a phone's clock may be early or late."""


def new_secret() -> str:
    """Return a secret for an authenticator."""
    return pyotp.random_base32()


def address(secret: str, username: str, issuer: str) -> str:
    """Return the `otpauth:` address that authenticators read."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=issuer)


def is_secret(text: str) -> bool:
    """Return whether a string has the form of a secret of ours."""
    return _SECRET.fullmatch(text) is not None


def matching_step(secret: str, code: str) -> int | None:
    """Return the number of the time step that a code belongs to, or None for a wrong code."""
    if not is_secret(secret):
        return None
    current = int(time.time()) // STEP
    for step in range(current - DRIFT, current + DRIFT + 1):
        if pyotp.utils.strings_equal(code.replace(" ", ""), pyotp.TOTP(secret).at(step * STEP)):
            return step
    return None
