"""Writes each decision down before it takes effect, and folds floods of equal refusals."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter

from sallyport_proxy.models import ClientRequest, Grant, Kind, Refusal
from sallyport_proxy.storage.decisions import DecisionLog

DECISIONS = Counter(
    "sallyport_proxy_decisions", "Requests by decision.", ["decision", "kind", "reason"]
)
FOLD_SECONDS = 60.0
PATH_LENGTH = 200
Key = tuple[str, str, str]


class Recorder:
    """Grants are always recorded one by one.

    Of refusals with the same client, kind and reason the first is recorded at once; those that
    follow within a minute are counted into one row, so nobody can fill the log at will.
    """

    def __init__(self, log: DecisionLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._lock = threading.Lock()
        self._since: dict[Key, float] = {}
        self._folded: dict[Key, int] = {}

    def granted(self, request: ClientRequest, grant: Grant, request_id: str) -> int:
        """Record a grant; return the row's number."""
        DECISIONS.labels("allow", grant.kind, "").inc()
        self.flush()
        data = _common(request, request_id) | {
            "action": grant.action,
            "ref": grant.reference,
            "rule": grant.rule,
            "bytes_in": len(request.body),
        }
        return self._append(request, "allow", f"{grant.kind}:{grant.name}", data)

    def refused(
        self, request: ClientRequest, kind: Kind, refusal: Refusal, request_id: str, name: str = ""
    ) -> int | None:
        """Record a refusal; return the row's number, or None where it was only counted."""
        DECISIONS.labels("refuse", kind, refusal.reason).inc()
        self.flush()
        if self._fold((request.address, kind, refusal.reason)):
            return None
        data = _common(request, request_id) | {
            "path": request.target.partition("?")[0][:PATH_LENGTH],
            "reason": str(refusal.reason),
            "status": int(refusal.status),
            "upstream_status": refusal.upstream_status,
        }
        return self._append(request, "refuse", f"{kind}:{name}", data)

    def flush(self) -> None:
        """Write the counts of floods that are over."""
        with self._lock:
            over = [key for key, at in self._since.items() if self._clock() - at >= FOLD_SECONDS]
            counts = {key: self._folded.pop(key, 0) for key in over}
            for key in over:
                del self._since[key]
        for (address, kind, reason), count in counts.items():
            if count:
                data = {"reason": reason, "times": count}
                self._log.append(actor=address, event="refused_again", object=f"{kind}:", data=data)

    def _fold(self, key: Key) -> bool:
        with self._lock:
            if key not in self._since:
                self._since[key] = self._clock()
                return False
            self._folded[key] = self._folded.get(key, 0) + 1
            return True

    def _append(self, request: ClientRequest, event: str, object: str, data: dict[str, Any]) -> int:
        return self._log.append(actor=request.address[:200], event=event, object=object, data=data)


def _common(request: ClientRequest, request_id: str) -> dict[str, Any]:
    return {"id": request_id, "method": request.method[:16]}
