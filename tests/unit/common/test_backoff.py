"""Pauses grow, have a cap and jitter, and start again after a success."""

from __future__ import annotations

import random

import pytest

from sallyport_common.backoff import Backoff, pause


@pytest.mark.parametrize(
    ("failures", "whole"), [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (100, 60), (10**6, 60)]
)
def test_a_pause_is_between_half_and_the_whole_of_a_doubled_value(
    failures: int, whole: float
) -> None:
    pauses = [pause(failures, 2, 60) for _ in range(200)]
    assert all(whole / 2 <= seconds <= whole for seconds in pauses)
    assert max(pauses) - min(pauses) > whole / 8, "there is jitter"


def test_the_pauses_of_a_loop_grow_and_start_again() -> None:
    backoff = Backoff(1, 8)
    bounds = [(0.5, 1), (1, 2), (2, 4), (4, 8), (4, 8)]
    for _ in range(2):
        for low, high in bounds:
            assert low <= backoff.next() <= high
        backoff.reset()


def test_a_seed_makes_the_pauses_repeatable() -> None:
    state = random.getstate()
    try:
        random.seed(5)
        first = [Backoff(1, 60).next(), pause(3, 1, 60)]
        random.seed(5)
        assert [Backoff(1, 60).next(), pause(3, 1, 60)] == first
        assert Backoff(0, 0).next() == 0
    finally:
        random.setstate(state)
