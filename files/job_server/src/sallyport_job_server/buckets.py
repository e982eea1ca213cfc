"""A token bucket for each caller, of whom there may be any number."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

RATE = 20.0
"""Calls a second."""
BURST = 60.0
"""Calls at once, after a while without any."""
MOST = 10_000
"""Callers that are remembered; one that was forgotten begins with a full bucket."""


class Buckets:
    """How much each caller has left."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def take(self, caller: bytes) -> bool:
        """Return whether a caller may call now, and count it."""
        now = self._clock()
        left, since = self._left.pop(caller, (BURST, now))
        left = min(BURST, left + (now - since) * RATE)
        allowed = left >= 1
        self._left[caller] = (left - allowed, now)
        if len(self._left) > MOST:
            self._left.popitem(last=False)
        return allowed
