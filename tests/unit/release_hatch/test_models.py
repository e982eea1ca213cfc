"""The rules of states and votes, as data."""

from __future__ import annotations

import pytest
from tests.unit.release_hatch.doubles import person

from sallyport_release_hatch.models import (
    TRANSITIONS,
    Decision,
    Identity,
    RequestState,
    Vote,
    decide,
)

YES, NO, UNSURE = Vote.APPROVED, Vote.CHANGES_REQUESTED, Vote.UNDECIDED


@pytest.mark.parametrize(
    ("votes", "decision"),
    [
        ([], Decision.INCOMPLETE),
        ([YES], Decision.INCOMPLETE),
        ([YES, UNSURE], Decision.INCOMPLETE),
        ([YES, YES], Decision.APPROVED),
        ([YES, NO], Decision.CONFLICTED),
        ([NO, NO], Decision.CHANGES_REQUESTED),
        ([YES, NO, YES], Decision.APPROVED),
    ],
)
def test_votes_are_consolidated(votes: list[Vote], decision: Decision) -> None:
    assert decide(votes) is decision


def test_every_state_says_what_may_follow_and_three_are_final() -> None:
    assert set(TRANSITIONS) == set(RequestState)
    final = {state for state, after in TRANSITIONS.items() if not after}
    assert final == {RequestState.RELEASED, RequestState.REJECTED, RequestState.WITHDRAWN}


def test_people_may_do_what_the_job_server_says() -> None:
    ada = Identity.from_wire(person("ada", "w1"))
    cy = Identity.from_wire(person("cy", checker=True))
    assert ada.may_view("w1")
    assert ada.may_author("w1")
    assert not ada.may_view("w2")
    assert not ada.may_review("bob")
    assert cy.may_view("w2")
    assert not cy.may_author("w2")
    assert cy.may_review("ada")
    assert not cy.may_review("cy")


@pytest.mark.parametrize("change", [{"archived": True}, {"project_details": {"ongoing": False}}])
def test_closed_workspaces_can_be_viewed_only(change: dict[str, object]) -> None:
    body = person("ada", "w1")
    assert Identity.from_wire(body).may_author("w1")
    entry = body["workspaces"]["w1"]
    body["workspaces"]["w1"] = entry | change
    if "project_details" in change:
        body["workspaces"]["w1"]["project_details"] = entry["project_details"] | {"ongoing": False}
    closed = Identity.from_wire(body)
    assert closed.may_view("w1")
    assert not closed.may_author("w1")
