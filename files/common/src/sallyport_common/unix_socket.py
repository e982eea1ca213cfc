"""HTTP over a unix socket: the only client for the sockets of our own services."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Response:
    """Status and body of an answer."""

    status: int
    body: bytes


def request(
    path: Path,
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float,
) -> Response:
    """Send one request to a service's socket.

    Raises OSError when nobody answers within `timeout` seconds, and http.client.HTTPException
    when what answers does not speak HTTP.
    """
    connection = _Connection(path, timeout)
    try:
        connection.request(method, url, body, dict(headers or {}))
        response = connection.getresponse()
        return Response(response.status, response.read())
    finally:
        connection.close()
