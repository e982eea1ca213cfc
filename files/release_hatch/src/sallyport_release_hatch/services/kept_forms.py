"""Forms that met an ended session: kept until the same person has logged in again.

The form travels through the log-in page as an encrypted field, so nothing is stored, nobody else at
the same browser can read it, and only a form that this server accepted can come back.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken

Fields = list[tuple[str, str]]


@dataclass(frozen=True)
class KeptForm:
    """A form that was sent to `path`, with all its fields in order."""

    path: str
    fields: Fields


class KeptForms:
    """Seals forms for the people who wrote them; a sealed form expires after `lifetime` seconds."""

    def __init__(self, secret_key: str, lifetime: int) -> None:
        key = hashlib.sha256(b"kept forms\0" + secret_key.encode()).digest()
        self._fernet, self._lifetime = Fernet(base64.urlsafe_b64encode(key)), lifetime

    def seal(self, user: str, path: str, fields: Iterable[tuple[str, str]]) -> str:
        """Return a form of a person as text that only this server can read."""
        content = {"user": user, "path": path, "fields": list(fields)}
        return self._fernet.encrypt(json.dumps(content).encode()).decode()

    def unseal(self, sealed: str, user: str) -> KeptForm | None:
        """Return a person's own form; None for another person's, an expired or a damaged one."""
        try:
            content = json.loads(self._fernet.decrypt(sealed, ttl=self._lifetime))
        except (InvalidToken, ValueError):
            return None
        if content["user"] != user:
            return None
        return KeptForm(content["path"], [(name, value) for name, value in content["fields"]])
