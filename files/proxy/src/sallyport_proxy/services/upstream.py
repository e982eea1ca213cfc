"""Requests to declared upstreams: built from parsed parts, never redirected unseen, bounded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3

from sallyport_common.http import session
from sallyport_proxy.models import Reason, Refusal

CHUNK = 256 * 1024
CONNECT_TIMEOUT = 10.0
USER_AGENT = "sallyport-proxy"
Credential = tuple[str, str]
"""User and password."""


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, as policies write them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


class Upstream:
    """Sends GET and HEAD with the proxy's own headers; verifies TLS against `ca_file`."""

    def __init__(self, ca_file: Path, timeout: float, transfer_timeout: float) -> None:
        self._session = session(ca_file, (CONNECT_TIMEOUT, timeout), USER_AGENT)
        self._session.headers["Accept-Encoding"] = "identity"
        self._transfer_timeout = transfer_timeout

    def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        credential: Credential | None = None,
    ) -> requests.Response:
        """Return the answer with its body unread; raise Refusal if the upstream does not answer."""
        try:
            return self._session.request(
                method,
                url,
                headers=dict(headers),
                auth=credential,
                stream=True,
                allow_redirects=False,
            )
        except requests.exceptions.SSLError:
            raise Refusal(Reason.UPSTREAM_TLS) from None
        except requests.exceptions.RequestException:
            raise Refusal(Reason.UPSTREAM_UNAVAILABLE) from None

    def chunks(self, response: requests.Response, limit: int) -> Iterator[bytes]:
        """Yield the body as sent; raise Refusal when it breaks off, grows or takes too long."""
        deadline = time.monotonic() + self._transfer_timeout
        size = 0
        try:
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                size += len(chunk)
                if size > limit or time.monotonic() > deadline:
                    raise Refusal(Reason.UPSTREAM_LIMIT)
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError):
            raise Refusal(Reason.UPSTREAM_UNAVAILABLE) from None
        finally:
            response.close()

    def read(self, response: requests.Response, limit: int) -> bytes:
        """Return a whole small body."""
        return b"".join(self.chunks(response, limit))


def read_credential(secrets: Path, name: str) -> Credential:
    """Return user and password from a secret file of the form `user:password`."""
    user, _, password = (secrets / name).read_text(encoding="utf-8").strip().partition(":")
    return user, password
