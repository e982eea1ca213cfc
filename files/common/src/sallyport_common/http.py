"""HTTP for our clients: verified TLS and a timeout on every call."""

from __future__ import annotations

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
    client = requests.Session()
    client.trust_env = False
    client.verify = str(ca_file) if ca_file else True
    client.headers["User-Agent"] = user_agent
    adapter = _TimeoutAdapter(timeout)
    client.mount("https://", adapter)
    client.mount("http://", adapter)
    return client
