"""Package archives: indexes are passed on as they are, packages are held after the first time.

apt checks signatures and hashes itself; nothing here changes a byte.
"""

from __future__ import annotations

import requests

from sallyport_proxy.models import Answer, ClientRequest, Grant, Reason, Refusal
from sallyport_proxy.policy import ArchivePolicy, Limits
from sallyport_proxy.services.keeper import Keeper, length
from sallyport_proxy.services.upstream import Upstream
from sallyport_proxy.storage.content import Writer

ASKED_ON = ("range", "if-range", "if-none-match", "if-modified-since")
PASSED_BACK = (
    "Accept-Ranges",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Last-Modified",
)
HELD = {"Content-Type": "application/octet-stream"}
USEFUL = {200, 206, 304, 416}
MISSING = {401, 403, 404, 410}


class Archives:
    """Serves what the rules allowed."""

    def __init__(self, upstream: Upstream, keeper: Keeper) -> None:
        self._upstream, self._keeper = upstream, keeper

    def fetch(
        self, archives: ArchivePolicy, limits: Limits, grant: Grant, request: ClientRequest
    ) -> Answer:
        """Return an index or a package; raise Refusal where the archive has none."""
        url = f"{archives.allow[grant.rule].upstream}/{grant.reference}"
        key = f"archives/{grant.name}/{grant.reference}"
        held = self._keeper.held(key, HELD) if grant.action == "package" else None
        if held:
            return held
        if grant.action == "index" or request.method == "HEAD" or "range" in request.headers:
            return self._relayed(url, limits, request)
        return self._keeper.fetch(
            key, HELD, lambda: self._open("GET", url, {}), _headers, _whole, limits.package
        )

    def _open(self, method: str, url: str, headers: dict[str, str]) -> requests.Response:
        response = self._upstream.open(method, url, headers)
        status = response.status_code
        if status in USEFUL:
            return response
        response.close()
        missing = status in MISSING
        raise Refusal(Reason.NOT_FOUND if missing else Reason.UPSTREAM_UNAVAILABLE, status)

    def _relayed(self, url: str, limits: Limits, request: ClientRequest) -> Answer:
        headers = {name: request.headers[name] for name in ASKED_ON if name in request.headers}
        response = self._open(request.method, url, headers)
        return Answer(
            response.status_code,
            _headers(response),
            self._upstream.chunks(response, limits.package),
            cache="pass",
            upstream_status=response.status_code,
            on_close=response.close,
        )


def _whole(written: Writer) -> bool:
    """Accept every package that arrived to its end; its bytes are apt's to check."""
    return written.size > 0


def _headers(response: requests.Response) -> dict[str, str]:
    passed = {name: response.headers[name] for name in PASSED_BACK if name in response.headers}
    if length(response) is None:
        passed.pop("Content-Length", None)
    return passed
