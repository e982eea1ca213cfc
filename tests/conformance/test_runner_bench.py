"""The benchmark of the runner at its smallest: one job of both runners, in order and compared."""

from __future__ import annotations

import dataclasses
import functools

from tests.bench.runner import figures, measure
from tests.bench.runner.figures import OURS, PEER
from tests.bench.runner.rig import rig


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
