"""Reports to the hatch over its unix socket; the kernel tells the hatch who is reporting."""

from __future__ import annotations

import http.client
import json
from http import HTTPStatus
from pathlib import Path

from sallyport_common import unix_socket
from sallyport_output_publisher.models import PostponedError

TIMEOUT = 15.0


class Outbox:
    """Tells the hatch what became of a request; raises PostponedError if it does not listen."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def file_uploaded(self, request: str, sha256: str, file_id: str) -> None:
        """Report that a file has arrived."""
        self._post(f"/requests/{request}/files/{sha256}", {"file_id": file_id})

    def released(self, request: str) -> None:
        """Report that every file has arrived."""
        self._post(f"/requests/{request}/released", {})

    def failed(self, request: str, reason: str) -> None:
        """Report why a request is not published yet."""
        self._post(f"/requests/{request}/failed", {"reason": reason})

    def _post(self, path: str, body: dict[str, str]) -> None:
        headers = {"Content-Type": "application/json"}
        data = json.dumps(body).encode()
        try:
            status = unix_socket.request(
                self._path, "POST", path, body=data, headers=headers, timeout=TIMEOUT
            ).status
        except (OSError, http.client.HTTPException) as error:
            raise PostponedError(f"The hatch cannot be reached ({type(error).__name__}).") from None
        if status != HTTPStatus.OK:
            raise PostponedError(f"The hatch answered a report with {status}.")
