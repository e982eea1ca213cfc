"""The chaos campaign's plan: a seed decides it, and every kind of fault comes equally often."""

from __future__ import annotations

from collections import Counter

from tests.campaigns.chaos import plan
from tests.campaigns.chaos_study import ACTIONS, project

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
