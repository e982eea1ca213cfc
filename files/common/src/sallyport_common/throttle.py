"""Slows guessing down: an attempt is counted before it is judged, and given back if it was right.

Attempts at once are each counted, so none is judged beyond the limit. A name is counted together
with the address it is tried from, so that nobody is locked out from elsewhere. Everybody behind
one address shares a higher limit; a browser in which a person has logged in before is counted for
itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from sallyport_common.problems import TooManyError

WINDOW = 900.0
"""Seconds for which an attempt counts."""
PER_ACCOUNT = 10
PER_ADDRESS = 30
"""Higher than for an account: everybody behind one address shares it."""
MESSAGE = "Too many attempts. Wait 15 minutes and try again."


class Attempts(Protocol):
    """Where attempts are counted: a table, so that all worker processes count together."""

    def take(self, limits: Mapping[str, int], moment: float) -> bool:
        """Count an attempt of each subject, unless one is at its limit; return whether counted.

        An attempt before `moment - WINDOW` counts no more. All is one step.
        """

    def give_back(self, subject: str) -> None:
        """Count one attempt less."""

    def forget(self, subject: str) -> None:
        """Drop the attempts of a subject."""


def account(name: str, purpose: str = "user") -> str:
    """Return the subject for an account's name, whatever its case and the space around it.

    `purpose` keeps counts apart.
    """
    return f"{purpose}:{name.strip().casefold()[:100]}"


def guess(name: str, text: str) -> str:
    """Return the subject for an account's name that is tried from an address."""
    return f"{account(name)}@{text[:60]}"


def address(text: str, purpose: str = "") -> str:
    """Return the subject for a client's address; `purpose` keeps counts apart."""
    return f"address:{purpose}:{text[:60]}" if purpose else f"address:{text[:60]}"


def browser(number: str) -> str:
    """Return the subject for a browser in which the person has logged in before."""
    return f"browser:{number[:60]}"


class Throttle:
    """The one rule for log-ins, passwords, codes and one-use tokens."""

    def __init__(self, attempts: Attempts, clock: Callable[[], float] = time.time) -> None:
        self._attempts, self._clock = attempts, clock

    def attempt(self, *subjects: str) -> None:
        """Count an attempt; raise TooManyError if a subject had too many within the window."""
        limits = {
            subject: PER_ADDRESS if subject.startswith("address:") else PER_ACCOUNT
            for subject in subjects
        }
        if not self._attempts.take(limits, self._clock()):
            raise TooManyError(MESSAGE)

    def undone(self, *subjects: str) -> None:
        """Count an attempt less that could not be judged."""
        for subject in subjects:
            self._attempts.give_back(subject)

    def succeeded(self, *subjects: str) -> None:
        """Forget the attempts of those subjects that are one person, and one of each address."""
        for subject in subjects:
            if subject.startswith("address:"):
                self._attempts.give_back(subject)
            else:
                self._attempts.forget(subject)
