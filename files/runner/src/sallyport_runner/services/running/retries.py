"""Another try after a fault that may pass: growing pauses, and an end."""

from __future__ import annotations

from collections.abc import Callable

from sallyport_common.backoff import Backoff

MAX_TRIES = 12
FIRST, LONGEST = 2.0, 60.0


class Retries:
    """Keeps, for each job, when it may be tried again."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._faults: dict[str, tuple[int, float, Backoff]] = {}

    def due(self, key: str) -> bool:
        """Return whether a job may be tried now."""
        return key not in self._faults or self._clock() >= self._faults[key][1]

    def fail(self, key: str) -> bool:
        """Count a fault; return whether it was the last that is retried."""
        count, _when, backoff = self._faults.get(key, (0, 0.0, Backoff(FIRST, LONGEST)))
        self._faults[key] = (count + 1, self._clock() + backoff.next(), backoff)
        return count + 1 >= MAX_TRIES

    def clear(self, key: str) -> None:
        """Forget the faults of a job."""
        self._faults.pop(key, None)
