"""Guessing is slowed down for an account and for an address, each with a limit of its own."""

from __future__ import annotations

from collections import defaultdict

import pytest

from sallyport_common.problems import TooManyError
from sallyport_common.throttle import PER_ACCOUNT, PER_ADDRESS, WINDOW, Throttle, account, address


class Memory:
    """Counts failures in a dictionary."""

    def __init__(self) -> None:
        self.moments: defaultdict[str, list[float]] = defaultdict(list)

    def count(self, subject: str, since: float) -> int:
        """Return how often a subject failed after a moment."""
        return sum(moment > since for moment in self.moments[subject])

    def add(self, subject: str, moment: float) -> None:
        """Count a failure."""
        self.moments[subject].append(moment)

    def forget(self, subject: str) -> None:
        """Drop the failures of a subject."""
        del self.moments[subject]


@pytest.mark.parametrize(
    ("subject", "limit"), [(account("rita"), PER_ACCOUNT), (address("2001:db8::1"), PER_ADDRESS)]
)
def test_the_attempt_at_the_limit_is_refused_until_the_window_is_over(
    subject: str, limit: int
) -> None:
    now = [1000.0]
    throttle = Throttle(Memory(), lambda: now[0])
    for _ in range(limit):
        throttle.check(subject)
        throttle.failed(subject)
    with pytest.raises(TooManyError, match="15 minutes"):
        throttle.check(subject)
    throttle.check(account("somebody else"))
    now[0] += WINDOW + 1
    throttle.check(subject)


def test_a_success_forgets_the_failures_of_the_account_alone() -> None:
    throttle = Throttle(Memory())
    subjects = (account("rita"), address("2001:db8::1"))
    for _ in range(PER_ADDRESS):
        throttle.failed(*subjects)
    throttle.succeeded(subjects[0])
    throttle.check(subjects[0])
    with pytest.raises(TooManyError):
        throttle.check(*subjects)


def test_the_case_of_a_name_does_not_give_more_attempts() -> None:
    assert account("Rita") == account("rita") != account("rita", "totp")
