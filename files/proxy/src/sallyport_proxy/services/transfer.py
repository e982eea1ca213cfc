"""Passes a body on while it is hashed and stored; the last piece waits for the verdict."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import Counter

from sallyport_proxy.models import Reason, Refusal
from sallyport_proxy.storage.content import Writer

LOG = logging.getLogger(__name__)
MISMATCHES = Counter("sallyport_proxy_digest_mismatches", "Bodies that did not match their digest.")
Verdict = Callable[[Writer], bool]


def pass_on(
    chunks: Iterable[bytes], writer: Writer, right: Verdict, modified: float | None = None
) -> Iterator[bytes]:
    """Yield the body; keep the file when `right` accepts it.

    Otherwise raise Refusal before the last piece is given away, so that the client's transfer
    breaks off, and keep nothing.
    """
    held = b""
    with writer:
        for chunk in chunks:
            if held:
                yield held
            writer.write(chunk)
            held = chunk
        if not right(writer):
            MISMATCHES.inc()
            LOG.error("body refused", extra={"reason": Reason.DIGEST_MISMATCH})
            raise Refusal(Reason.DIGEST_MISMATCH)
        writer.keep(modified)
    yield held
