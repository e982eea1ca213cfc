"""Browsers in which a person has logged in: a signed cookie says so, and lets nobody in.

Guessing from elsewhere cannot lock a person out of such a browser, because it is counted for
itself (the "device cookies" of OWASP's article on slowing down online guessing).
"""

from __future__ import annotations

import secrets

from itsdangerous import BadData, URLSafeSerializer

from sallyport_common.settings import Secret

LIFETIME = 180 * 86400
"""Seconds for which a browser remembers it."""


class KnownBrowsers:
    """Makes and reads the values of these cookies."""

    def __init__(self, key: Secret) -> None:
        self._serializer = URLSafeSerializer(key.reveal(), salt="known browser")

    def value(self, username: str) -> str:
        """Return a value for a browser in which a person has logged in."""
        return str(self._serializer.dumps([username.lower(), secrets.token_hex(16)]))

    def number(self, value: str, username: str) -> str | None:
        """Return the number of a browser in which this person has logged in; None for others."""
        try:
            name, number = self._serializer.loads(value)
        except (BadData, TypeError, ValueError):
            return None
        return str(number) if name == username.lower() else None
