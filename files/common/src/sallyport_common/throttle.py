"""Slows guessing down: after some failures an account, or an address, has to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from sallyport_common.problems import TooManyError

WINDOW = 900.0
"""Seconds for which a failure counts."""
PER_ACCOUNT = 10
PER_ADDRESS = 30
"""Higher than for an account: everybody behind one address shares it."""
MESSAGE = "Too many failed attempts. Wait 15 minutes and try again."


class FailureLog(Protocol):
    """Where failures are counted: a table, so that all worker processes count together."""

    def count(self, subject: str, since: float) -> int:
        """Return how often a subject failed after a moment (seconds since the epoch)."""

    def add(self, subject: str, moment: float) -> None:
        """Count a failure of a subject."""

    def forget(self, subject: str) -> None:
        """Drop the failures of a subject."""


def account(name: str, purpose: str = "user") -> str:
    """Return the subject for an account's name, whatever its case; `purpose` keeps counts apart."""
    return f"{purpose}:{name[:150].lower()}"


def address(text: str) -> str:
    """Return the subject for a client's address."""
    return f"address:{text[:60]}"


class Throttle:
    """The one rule for failed log-ins, passwords, codes and one-use tokens."""

    def __init__(self, log: FailureLog, clock: Callable[[], float] = time.time) -> None:
        self._log, self._clock = log, clock

    def check(self, *subjects: str) -> None:
        """Raise TooManyError if one of the subjects has failed too often within the window."""
        since = self._clock() - WINDOW
        for subject in subjects:
            limit = PER_ADDRESS if subject.startswith("address:") else PER_ACCOUNT
            if self._log.count(subject, since) >= limit:
                raise TooManyError(MESSAGE)

    def failed(self, *subjects: str) -> None:
        """Count a failure of each subject."""
        moment = self._clock()
        for subject in subjects:
            self._log.add(subject, moment)

    def succeeded(self, subject: str) -> None:
        """Forget the failures of a subject."""
        self._log.forget(subject)
