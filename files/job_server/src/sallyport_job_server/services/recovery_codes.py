"""Recovery codes: each lets a person in once, in the place of a one-time code."""

from __future__ import annotations

import secrets

from sallyport_common import tokens

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Letters and digits that nobody takes for one another."""
LENGTH = 16
"""79 bits, too many to be guessed from a plain digest."""
GROUP = 4
COUNT = 10


def new() -> list[str]:
    """Return new codes as they are shown: `abcd-efgh-jkmn-pqrs`."""
    return [_shown("".join(secrets.choice(ALPHABET) for _ in range(LENGTH))) for _ in range(COUNT)]


def _shown(code: str) -> str:
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def digest(typed: str) -> str | None:
    """Return the digest of what somebody typed; None unless it has the form of a code."""
    plain = "".join(typed.lower().replace("-", " ").split())
    is_code = len(plain) == LENGTH and set(plain) <= set(ALPHABET)
    return tokens.digest(plain) if is_code else None
