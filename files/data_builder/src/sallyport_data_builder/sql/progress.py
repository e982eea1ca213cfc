"""How far measures are, and when they would be finished."""

from __future__ import annotations

import logging
import time

from sallyport_data_builder.errors import TooSlowError

LOG = logging.getLogger("data_builder")
ENOUGH_INTERVALS = 12
ENOUGH_WORK = 0.1


class Progress:
    """Counts intervals; raises TooSlowError once the end lies beyond the limit."""

    def __init__(self, intervals: int, hours: float) -> None:
        self._of, self._limit, self._done = intervals, hours * 3600, 0
        self._started = time.monotonic()

    def finished(self, intervals: int) -> None:
        """Log that some intervals are done, with what is to be expected."""
        self._done += intervals
        spent = time.monotonic() - self._started
        whole = spent / self._done * self._of
        LOG.info(
            "measures: %s of %s intervals after %.1f s; about %.1f s to go",
            self._done,
            self._of,
            spent,
            whole - spent,
        )
        known = self._done >= ENOUGH_INTERVALS or self._done >= ENOUGH_WORK * self._of
        if known and self._done < self._of and whole > self._limit:
            raise TooSlowError(
                f"These measures would take about {whole / 3600:.0f} hours, and the limit is "
                f"{self._limit / 3600:.0f}: ask for fewer intervals, or for fewer patients."
            )
