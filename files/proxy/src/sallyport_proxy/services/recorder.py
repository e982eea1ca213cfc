"""Writes each decision down before it takes effect, and folds floods of equal refusals."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter

from sallyport_proxy.models import Asked, Kind, Meaning, Refusal
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

    def granted(self, asked: Asked, meaning: Meaning, request_id: str) -> int:
        """Record a grant; return the row's number."""
        DECISIONS.labels("allow", meaning.kind, "").inc()
        self.flush()
        data = _common(asked, request_id) | {
            "action": meaning.action,
            "ref": meaning.reference,
            "rule": meaning.rule,
            "bytes_in": len(asked.body),
        }
        return self._append(asked, "allow", f"{meaning.kind}:{meaning.name}", data)

    def refused(
        self, asked: Asked, kind: Kind, refusal: Refusal, request_id: str, name: str = ""
    ) -> int | None:
        """Record a refusal; return the row's number, or None where it was only counted."""
        DECISIONS.labels("refuse", kind, refusal.reason).inc()
        self.flush()
        if self._fold((asked.address, kind, refusal.reason)):
            return None
        data = _common(asked, request_id) | {
            "path": asked.target.partition("?")[0][:PATH_LENGTH],
            "reason": str(refusal.reason),
            "status": int(refusal.status),
            "upstream_status": refusal.upstream_status,
        }
        return self._append(asked, "refuse", f"{kind}:{name}", data)

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

    def _append(self, asked: Asked, event: str, object: str, data: dict[str, Any]) -> int:
        return self._log.append(actor=asked.address[:200], event=event, object=object, data=data)


def _common(asked: Asked, request_id: str) -> dict[str, Any]:
    return {"id": request_id, "method": asked.method[:16]}
