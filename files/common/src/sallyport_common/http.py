"""HTTP for our clients: verified TLS, a timeout on every call, and back-off with jitter."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

Timeout = tuple[float, float]
"""Seconds to connect, seconds between two bytes."""


class _TimeoutAdapter(HTTPAdapter):
    """Gives every request a timeout that has none of its own."""

    def __init__(self, timeout: Timeout) -> None:
        self._timeout = timeout
        super().__init__()

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout
        return super().send(request, *args, **kwargs)


def session(ca_file: Path | None, timeout: Timeout, user_agent: str) -> requests.Session:
    """Return a session that ignores proxy variables and verifies against `ca_file` if given."""
    made = requests.Session()
    made.trust_env = False
    made.verify = str(ca_file) if ca_file else True
    made.headers["User-Agent"] = user_agent
    adapter = _TimeoutAdapter(timeout)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


class Backoff:
    """Growing pauses in seconds: doubled each time, capped, between half and the whole value."""

    def __init__(
        self, base: float, cap: float, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._base, self._cap, self._uniform = base, cap, uniform
        self._failures = 0

    def next(self) -> float:
        """Return the pause after one more failure."""
        value = min(self._cap, self._base * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return self._uniform(value / 2, value)

    def reset(self) -> None:
        """Start from the base again, after a success."""
        self._failures = 0
