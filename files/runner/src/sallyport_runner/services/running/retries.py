"""Another try after a fault that may pass: growing pauses, and an end."""

from __future__ import annotations

from collections.abc import Callable

from sallyport_common.backoff import Backoff
from sallyport_runner.services.running.timers import Timers

MAX_TRIES = 12
FIRST, LONGEST = 2.0, 60.0


class Retries:
    """Keeps, for each job or request, when it may be tried again."""

    def __init__(self, clock: Callable[[], float], timers: Timers) -> None:
        self._clock, self._timers = clock, timers
        self._faults: dict[str, tuple[int, float, Backoff]] = {}

    def due(self, key: str) -> bool:
        """Return whether a job may be tried now."""
        return key not in self._faults or self._clock() >= self._faults[key][1]

    def fail(self, key: str) -> bool:
        """Count a fault and set a timer; return whether it was the last that is retried."""
        count, _when, backoff = self._faults.get(key, (0, 0.0, Backoff(FIRST, LONGEST)))
        due = self._clock() + backoff.next()
        self._faults[key] = (count + 1, due, backoff)
        self._timers.at(key, due)
        return count + 1 >= MAX_TRIES

    def clear(self, key: str) -> None:
        """Forget the faults of a job."""
        self._faults.pop(key, None)
