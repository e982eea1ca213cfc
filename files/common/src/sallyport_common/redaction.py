"""Known secrets taken out of what is written down: logs, records and messages.

Only what is configured is known, as it is, as an URL or JSON spells it, and line by line. A secret
that a program encodes in another way is not found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

MARK = "[redacted]"
SHORTEST = 8
"""Characters: shorter texts occur by chance, and what is left would say where."""
LINE = 24
"""Characters of a line of a longer secret, such as a key, that is one by itself."""
BLOCK = 64 * 1024
"""Bytes that are looked at together."""


class Redactor:
    """Replaces some secrets wherever they occur."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spelt = {form for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST}
        texts = sorted(spelt, key=len, reverse=True)
        self._forms = [text.encode() for text in texts]
        self._longest = max(map(len, self._forms), default=0)
        self._text = re.compile("|".join(map(re.escape, texts)) or r"(?!)")
        self._data = re.compile(b"|".join(map(re.escape, self._forms)) or rb"(?!)")

    def finds(self, data: bytes) -> bool:
        """Return whether a secret is in some bytes."""
        return any(form in data for form in self._forms)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        return self._text.sub(MARK, text)

    def value(self, value: Any) -> Any:
        """Return JSON without secrets in its texts; keys are left alone."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return {k: self.value(v) for k, v in value.items()} if isinstance(value, dict) else value

    def stream(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield bytes without secrets, one that two chunks share included."""
        if not self._forms:
            yield from chunks
            return
        held = bytearray()
        for chunk in chunks:
            held += chunk
            if len(held) >= BLOCK:
                done, rest = self._split(bytes(held))
                held = bytearray(rest)
                yield done
        yield self._data.sub(MARK.encode(), held)

    def _split(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the part that is done, and the rest, in which a secret may have begun."""
        sure = max(len(data) - self._longest + 1, 0)
        if not self.finds(data):
            return data[:sure], data[sure:]
        done, place = [], 0
        for match in self._data.finditer(data):
            if match.start() >= sure:
                break
            done += [data[place : match.start()], MARK.encode()]
            place = match.end()
        sure = max(sure, place)
        return b"".join([*done, data[place:sure]]), data[sure:]


def password(url: str) -> str:
    """Return the password that an URL spells; empty where it has none or is not an URL."""
    try:
        return urlsplit(url if "//" in url else f"//{url}").password or ""
    except ValueError:
        return ""


def _forms(secret: str) -> Iterator[str]:
    """Yield the ways in which a secret is spelt."""
    lines = [line for line in secret.splitlines() if len(line) >= LINE and "-----" not in line]
    for one in (secret, *lines, password(secret)):
        yield from (one, unquote(one), json.dumps(one)[1:-1], json.dumps(unquote(one))[1:-1])
