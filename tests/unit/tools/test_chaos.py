"""The chaos campaign's plan, which a seed decides, and what its witness complains of."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.campaigns.chaos import plan
from tests.campaigns.chaos_study import ACTIONS, project
from tests.campaigns.chaos_witness import Container, Witness

NAMES = ["cut", "kill", "stop"]


def test_a_seed_decides_what_happens() -> None:
    first, second, other = plan(NAMES, 30, 1), plan(NAMES, 30, 1), plan(NAMES, 30, 2)
    assert [one[:2] for one in first] == [one[:2] for one in second]
    assert [one[:2] for one in first] != [one[:2] for one in other]
    assert [choose.random() for _, _, choose in first] == [c.random() for _, _, c in second]


def test_every_kind_of_fault_comes_equally_often() -> None:
    assert Counter(name for _, name, _ in plan(NAMES, 30, 1)) == dict.fromkeys(NAMES, 10)


def test_the_study_needs_only_what_it_has() -> None:
    entries = project()
    for name, action in ACTIONS.items():
        assert set(action.needs) <= entries.keys()
        assert entries[name].get("needs", []) == list(action.needs)


@pytest.fixture
def witness() -> Witness:
    """Return a witness who saw a job start, succeed and start again."""
    first = Container("a", "job", "execute", begin=1, end=2, code=0)
    again = Container("b", "job", "execute", begin=3, end=4, code=0)
    return Witness(Path("unread"), {"a": first, "b": again})


def test_a_start_after_a_result_is_complained_of(witness: Witness) -> None:
    assert list(witness.faults({})) == ["job: started again after a result (0)"]
    killed_before_the_end = {"a": 1.5}
    assert list(witness.faults(killed_before_the_end))


def test_a_result_that_the_killed_engine_did_not_keep_is_not_one(witness: Witness) -> None:
    assert not list(witness.faults({"a": 2.5}))


def test_two_containers_at_once_and_a_start_after_the_end_are_complained_of(
    witness: Witness,
) -> None:
    witness.containers["a"].end = 3.5
    witness.ends["job"] = 1.0
    assert list(witness.faults({"a": 9})) == [
        "job: two containers at once (1, 3)",
        "job: started 2.0 s after its end was stored",
    ]
