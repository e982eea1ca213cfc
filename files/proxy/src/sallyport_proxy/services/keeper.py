"""Gives held files, and fetches others once: whoever asks meanwhile waits for the first."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

import requests

from sallyport_proxy.models import Answer
from sallyport_proxy.services.keyed_locks import KeyedLocks
from sallyport_proxy.services.transfer import Verdict, pass_on
from sallyport_proxy.services.upstream import Upstream
from sallyport_proxy.storage.content import ContentStore

Open = Callable[[], requests.Response]
Headers = Callable[[requests.Response], dict[str, str]]


class Keeper:
    """Serves one file by key from the cache or from upstream."""

    def __init__(self, upstream: Upstream, store: ContentStore, locks: KeyedLocks) -> None:
        self._upstream, self._store, self._locks = upstream, store, locks

    def held(self, key: str, headers: dict[str, str]) -> Answer | None:
        """Return a held file as an answer that nginx sends, or None."""
        path = self._store.find(key)
        return Answer(200, headers, file=path, cache="hit") if path else None

    def fetch(
        self,
        key: str,
        own: dict[str, str],
        start: Open,
        headers: Headers,
        right: Verdict,
        limit: int,
    ) -> Answer:
        """Return the file; a cold one is stored while it passes and kept if it is `right`.

        `own` are the headers of a held file, `headers` makes those of a cold one; `limit` is in
        bytes. Raises what `start` raises.
        """
        self._locks.acquire(key)
        try:
            answer = self.held(key, own)
            if answer is None:
                return self._streamed(key, start(), headers, right, limit)
        except BaseException:
            self._locks.release(key)
            raise
        self._locks.release(key)
        return answer

    def _streamed(
        self, key: str, response: requests.Response, headers: Headers, right: Verdict, limit: int
    ) -> Answer:
        writer = self._store.writer(key)

        def finish() -> None:
            response.close()
            writer.close()
            self._locks.release(key)

        chunks = self._upstream.chunks(response, limit)
        return Answer(
            200,
            headers(response),
            pass_on(chunks, writer, right, modified(response)),
            cache="miss",
            upstream_status=response.status_code,
            on_close=finish,
        )


def modified(response: requests.Response) -> float | None:
    """Return the time of `Last-Modified` in seconds, if there is a readable one."""
    try:
        return parsedate_to_datetime(response.headers["Last-Modified"]).timestamp()
    except (KeyError, ValueError):
        return None


def length(response: requests.Response) -> int | None:
    """Return the declared length of a body in bytes, if there is one."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None
