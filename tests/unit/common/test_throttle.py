"""Guessing is slowed down for a name at an address and for an address, each with its own limit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pytest

from sallyport_common.problems import TooManyError
from sallyport_common.throttle import (
    PER_ACCOUNT,
    PER_ADDRESS,
    WINDOW,
    Throttle,
    account,
    address,
    browser,
    guess,
)

HERE = "2001:db8::1"


class Memory:
    """Counts attempts in a dictionary."""

    def __init__(self) -> None:
        self.moments: defaultdict[str, list[float]] = defaultdict(list)

    def take(self, limits: Mapping[str, int], moment: float) -> bool:
        """Count an attempt of each subject, unless one is at its limit."""
        for subject, limit in limits.items():
            if sum(one > moment - WINDOW for one in self.moments[subject]) >= limit:
                return False
        for subject in limits:
            self.moments[subject].append(moment)
        return True

    def give_back(self, subject: str) -> None:
        """Count one attempt less."""
        self.moments[subject].pop()

    def forget(self, subject: str) -> None:
        """Drop the attempts of a subject."""
        del self.moments[subject]


@pytest.mark.parametrize(
    ("subject", "limit"),
    [
        (account("rita"), PER_ACCOUNT),
        (guess("rita", HERE), PER_ACCOUNT),
        (browser("b"), PER_ACCOUNT),
        (address(HERE), PER_ADDRESS),
    ],
)
def test_the_attempt_beyond_the_limit_is_refused_until_the_window_is_over(
    subject: str, limit: int
) -> None:
    now = [1000.0]
    throttle = Throttle(Memory(), lambda: now[0])
    for _ in range(limit):
        throttle.attempt(subject)
    with pytest.raises(TooManyError, match="15 minutes"):
        throttle.attempt(subject)
    throttle.attempt(account("somebody else"))
    now[0] += WINDOW + 1
    throttle.attempt(subject)


def test_an_account_is_counted_once_however_its_name_is_written() -> None:
    assert {account(name) for name in ("rita", " RITA", "Rita ", f"rita{' ' * 200}")} == {
        account("rita")
    }
    assert account("rita") != account("rita", "hatch")


def test_a_success_forgets_the_name_and_one_attempt_of_the_address() -> None:
    throttle = Throttle(Memory())
    for _ in range(PER_ADDRESS):
        throttle.attempt(address(HERE))
    throttle.succeeded(address(HERE))
    subjects = (guess("rita", HERE), address(HERE))
    throttle.attempt(*subjects)
    throttle.succeeded(subjects[0])
    for _ in range(PER_ACCOUNT):
        throttle.attempt(subjects[0])
    with pytest.raises(TooManyError):
        throttle.attempt(address(HERE))


def test_a_refused_attempt_is_counted_nowhere() -> None:
    memory = Memory()
    throttle = Throttle(memory)
    for _ in range(PER_ACCOUNT):
        throttle.attempt(guess("rita", HERE))
    with pytest.raises(TooManyError):
        throttle.attempt(guess("rita", HERE), address(HERE))
    assert memory.moments[address(HERE)] == []


def test_the_case_of_a_name_does_not_give_more_attempts() -> None:
    assert account("Rita") == account("rita") != account("rita", "totp")
    assert guess("Rita", HERE) == guess("rita", HERE) != guess("rita", "2001:db8::2")
