"""Sessions start with a one-use token, and end on time, on refusal, and without a job server."""

from __future__ import annotations

import pytest
from tests.unit.release_hatch.doubles import JobServerDouble

from sallyport_common.problems import ForbiddenError, TooManyError
from sallyport_common.throttle import PER_ACCOUNT, PER_ADDRESS
from sallyport_release_hatch.services.access import Access, Limits
from sallyport_release_hatch.services.hatch import Hatch
from sallyport_release_hatch.services.job_server import JobServerUnreachableError

LIMITS = Limits(lifetime=28800, idle=1800, authorise=900, grace=300)


class Clock:
    """A clock that is set by hand."""

    now = 1_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock of its own."""
    return Clock()


@pytest.fixture
def access(hatch: Hatch, clock: Clock) -> Access:
    """Return access with that clock."""
    return Access(hatch.database, hatch.job_server, LIMITS, clock)


@pytest.fixture
def session(access: Access, job_server: JobServerDouble) -> str:
    """Return ada's fresh session."""
    job_server.login_tokens["ada"] = "one two three"
    return access.log_in("ada", "one two three", "10.0.0.1")


def test_a_token_works_once(access: Access, session: str) -> None:
    found = access.identity(session)
    assert found is not None
    assert found.username == "ada"
    with pytest.raises(ForbiddenError):
        access.log_in("ada", "one two three", "10.0.0.1")


def test_a_made_up_session_is_nobody(access: Access, session: str) -> None:
    assert access.identity(session)
    assert access.identity(session + "x") is None


def test_a_logged_out_session_is_over(access: Access, session: str) -> None:
    access.log_out(session)
    assert access.identity(session) is None


def test_idleness_ends_a_session(access: Access, session: str, clock: Clock) -> None:
    for _ in range(3):
        clock.now += 1700
        assert access.identity(session)
    clock.now += 1801
    assert access.identity(session) is None


def test_eight_hours_end_a_session(access: Access, session: str, clock: Clock) -> None:
    for _ in range(28):
        clock.now += 1000
        assert access.identity(session)
    clock.now += 1000
    assert access.identity(session) is None


def test_permissions_are_asked_again(
    access: Access, session: str, clock: Clock, job_server: JobServerDouble
) -> None:
    job_server.people["ada"]["output_checker"] = True
    clock.now += 899
    before = access.identity(session)
    clock.now += 2
    after = access.identity(session)
    assert before is not None
    assert after is not None
    assert (before.output_checker, after.output_checker) == (False, True)


def test_a_person_who_left_is_out(
    access: Access, session: str, clock: Clock, job_server: JobServerDouble
) -> None:
    del job_server.people["ada"]
    clock.now += 901
    assert access.identity(session) is None


def test_without_a_job_server_access_ends_after_the_grace(
    access: Access, session: str, clock: Clock, job_server: JobServerDouble
) -> None:
    job_server.failing = True
    clock.now += 1199
    assert access.identity(session)
    clock.now += 2
    assert access.identity(session) is None
    job_server.failing = False
    assert access.identity(session) is None


def test_nobody_gets_in_while_the_job_server_fails(
    access: Access, job_server: JobServerDouble
) -> None:
    job_server.login_tokens["ada"] = "right"
    job_server.failing = True
    for _ in range(PER_ADDRESS + 1):  # what could not be judged is not counted
        with pytest.raises(JobServerUnreachableError):
            access.log_in("ada", "right", "10.0.0.1")
    job_server.failing = False
    assert access.log_in("ada", "right", "10.0.0.1")


def test_guessing_is_slowed_down(access: Access, clock: Clock, job_server: JobServerDouble) -> None:
    for _ in range(PER_ACCOUNT):
        with pytest.raises(ForbiddenError):
            access.log_in("ada", "wrong", "10.0.0.1")
    job_server.login_tokens["ada"] = "right"
    with pytest.raises(TooManyError):
        access.log_in("ada", "right", "10.0.0.1")
    assert access.log_in("ada", "right", "10.0.0.2"), "who guesses locks out nobody else"
    job_server.login_tokens["ada"] = "right"
    clock.now += 15 * 60 + 1
    assert access.log_in("ada", "right", "10.0.0.1")


def test_an_address_is_slowed_down_whoever_it_claims_to_be(access: Access) -> None:
    for number in range(PER_ADDRESS):
        with pytest.raises(ForbiddenError):
            access.log_in(f"user{number}", "wrong", "10.0.0.1")
    with pytest.raises(TooManyError):
        access.log_in("another", "wrong", "10.0.0.1")
    with pytest.raises(ForbiddenError):
        access.log_in("another", "wrong", "10.0.0.2")
