"""When something is due although nothing happens: limits, samples, another try."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Timers:
    """Moments by name; of several moments of one name the earliest counts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def at(self, name: str, moment: float) -> None:
        """Make `name` due at a moment, in seconds of the clock, unless it is due earlier."""
        if moment < self._due.get(name, float("inf")):
            self._due[name] = moment
            heapq.heappush(self._heap, (moment, name))

    def after(self, name: str, seconds: float) -> None:
        """Make `name` due in some seconds."""
        self.at(name, self._clock() + seconds)

    def take(self) -> set[str]:
        """Return what is due, which then is due no more."""
        now, due = self._clock(), set()
        while self._heap and self._heap[0][0] <= now:
            moment, name = heapq.heappop(self._heap)
            if self._due.get(name) == moment:
                del self._due[name]
                due.add(name)
        return due

    def rest(self, longest: float) -> float:
        """Return the seconds until something is due, `longest` at most."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if not self._heap:
            return longest
        return min(max(self._heap[0][0] - self._clock(), 0.0), longest)
