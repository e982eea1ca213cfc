"""The benchmark of the runner at its smallest: one job of both runners, in order and compared."""

from __future__ import annotations

import dataclasses
import functools

from tests.bench.runner import figures, measure
from tests.bench.runner.figures import OURS, PEER
from tests.bench.runner.rig import rig
from tests.campaigns.large import Measured, campaign


def test_a_job_of_each_runner_is_followed_from_end_to_end() -> None:
    size = dataclasses.replace(measure.QUICK, samples=1)
    with rig(size.actions(), (OURS, PEER)) as the:
        # This compares the limits of plain runs with those of the runners' own containers.
        the.use(workers=1)
        [one] = measure.rounds(the, size.samples, functools.partial(measure.one_job, the))
    assert one.keys() == {OURS, PEER}
    for sample in one.values():
        assert 0 < sample["stored"] < sample["created"] < sample["died"] < sample["final"]
        assert sample["plain"] > 0
    assert "--read-only" in the.plains[OURS].words
    assert "@sha256:" in the.plains[OURS].image
    assert all(figure.value and figure.peer for figure in figures.latency([one]))


def test_a_request_of_many_actions_is_followed_to_its_cancellation() -> None:
    found = list(campaign(40, running=1.0, waits=3.0))
    assert len({one.name for one in found}) == len(found) == 8
    assert all(one.value > 0 for one in found)
    assert [Measured("x", value, 2.0, "s").met for value in (2.0, 2.1)] == [True, False]
