"""Growing pauses between tries: the only back-off of our components, computed by tenacity."""

from __future__ import annotations

from tenacity import RetryCallState, Retrying, wait_exponential, wait_random_exponential

MOST_DOUBLINGS = 30


def pause(failures: int, base: float, cap: float) -> float:
    """Return the seconds to wait after so many failures, one or more, in a row.

    The value doubles from `base` up to `cap`; jitter takes off up to half of it.
    """
    half = {"multiplier": base / 2, "max": cap / 2}
    strategy = wait_exponential(**half) + wait_random_exponential(**half)
    state = RetryCallState(Retrying(), fn=None, args=(), kwargs={})
    state.attempt_number = min(failures, MOST_DOUBLINGS)
    return strategy(state)


class Backoff:
    """The pauses of one loop or one thing that is retried."""

    def __init__(self, base: float, cap: float) -> None:
        self._base, self._cap = base, cap
        self._failures = 0

    def next(self) -> float:
        """Return the pause in seconds after one more failure."""
        self._failures += 1
        return pause(self._failures, self._base, self._cap)

    def reset(self) -> None:
        """Start from the base again, after a success."""
        self._failures = 0
