"""What is measured: one function for each kind of sample, and rounds of both runners in turn."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.bench.runner import study
from tests.bench.runner.figures import OURS, Round, Sample
from tests.bench.runner.moments import Late
from tests.bench.runner.rig import Rig
from tests.bench.runner.sides import Side

LONG = 3600.0
PEER_LIMIT = 120.0
"""Seconds after which the peer is no longer waited for: that it is slower is then known."""


@dataclass(frozen=True)
class Size:
    """How much is measured, and how often."""

    samples: int = 30
    batches: int = 30
    batch: int = 12
    chain: int = 5
    local: int = 10
    """Actions of a study on a laptop."""
    windows: int = 30
    window: float = 5.0
    """Seconds of one look at an idle runner; all together are minutes, with their heartbeats."""
    jobs: int = 1000
    """Jobs that a process has run before its memory is read."""
    files: int = study.FILES
    collections: int = 30

    def actions(self) -> dict[str, dict[str, object]]:
        """Return the actions of the study for this size."""
        return study.actions(self.batch, self.chain, self.files)


QUICK = Size(
    samples=3,
    batches=1,
    batch=4,
    chain=3,
    local=3,
    windows=1,
    window=5.0,
    jobs=20,
    files=200,
    collections=1,
)


def rounds(rig: Rig, number: int, sample: Callable[[Side], Sample]) -> list[Round]:
    """Take samples of all sides in turn; who is first changes from round to round.

    Before each the engine is idle and a random time passes, so that no sample is in step with an
    interval of a runner.
    """
    found: list[Round] = []
    for place in range(number):
        order = list(rig.sides.values())[:: 1 if place % 2 else -1]
        one: Round = {}
        for side in order:
            rig.settle()
            time.sleep(random.uniform(0.05, 1.0))
            one[side.name] = sample(side)
        found.append(one)
        print(".", end="", flush=True)
    print(flush=True)
    return found


def one_job(rig: Rig, side: Side) -> Sample:
    """Take one trivial action through a runner, then through a plain `docker run`.

    Seconds after the job server accepted it: stored, created, died, final; and those of `plain`.
    """
    request = rig.request(side, [study.ONE])
    stored = side.stored(request.identifier)
    final = rig.server.final(request, study.ONE)
    rig.server.check_success(request)
    container = request.container(study.ONE)
    moments = {
        "stored": stored,
        "created": rig.events.moment(container, "create"),
        "died": rig.events.moment(container, "die"),
        "final": final,
    }
    rig.settle()
    plain = rig.plains[side.name].seconds(study.trivial(study.ONE))
    return {name: moment - request.moment for name, moment in moments.items()} | {"plain": plain}


def cancellation(rig: Rig, side: Side) -> Sample:
    """Cancel a running job: seconds after the server accepted that, until `died` and `final`."""
    request = rig.request(side, [study.SLOW])
    container = request.container(study.SLOW)
    rig.events.moment(container, "start")
    time.sleep(random.uniform(0.5, 1.5))
    accepted = rig.server.cancelled(request)
    final = rig.server.final(request, study.SLOW)
    died = rig.events.moment(container, "die")
    return {"died": died - accepted, "final": final - accepted}


def several(rig: Rig, side: Side, names: list[str]) -> Sample:
    """Ask for actions at once: seconds from accepted until the last of them is final."""
    request = rig.request(side, names)
    final = rig.server.all_final(request, len(names), LONG)
    rig.server.check_success(request)
    return {"seconds": final - request.moment, "jobs": float(len(names))}


def independent(rig: Rig, side: Side, number: int) -> Sample:
    """Run independent actions; ours is followed by as many plain runs, as many at a time."""
    names = study.batch(number)
    sample = several(rig, side, names)
    if side.name == OURS:
        rig.settle()
        programs = [study.trivial(name) for name in names]
        sample["plain"] = rig.plains[side.name].together(programs, side.workers)
    return sample


def idle(rig: Rig, size: Size) -> list[Round]:
    """Let all runners wait for work at the same time: CPU seconds of each window."""
    rig.settle()
    time.sleep(min(size.window, 10.0))
    found: list[Round] = []
    for _window in range(size.windows):
        before = {side.name: (time.monotonic(), side.cpu_seconds()) for side in rig.sides.values()}
        time.sleep(size.window)
        found.append({side.name: _used(side, *before[side.name]) for side in rig.sides.values()})
    return found


def _used(side: Side, since: float, before: float) -> Sample:
    return {"cpu": side.cpu_seconds() - before, "seconds": time.monotonic() - since}


def memory(rig: Rig, size: Size) -> list[Round]:
    """Let our process run up to so many jobs in all; megabytes of five readings.

    The peer's is read after what it has run before: more jobs would make it no smaller.
    """
    for side in rig.sides.values():
        for _batch in _missing(rig, side, size) if side.name == OURS else ():
            several(rig, side, study.batch(size.batch))
            print(".", end="", flush=True)
    print(flush=True)
    rig.settle()
    found: list[Round] = []
    for _reading in range(5):
        time.sleep(1)
        found.append({
            side.name: {"mb": side.resident_mb(), "jobs": float(rig.jobs[side.name])}
            for side in rig.sides.values()
        })  # fmt: skip
    return found


def _missing(rig: Rig, side: Side, size: Size) -> Iterator[None]:
    while rig.jobs[side.name] < size.jobs:
        yield


def collections(rig: Rig, size: Size) -> list[Round]:
    """Run the action with many outputs: ours so many times, the peer once, because it takes long.

    What the peer has not done within its limit counts as the limit, and says `at_least`.
    """
    found: list[Round] = []
    for side in rig.sides.values():
        for _sample in range(size.collections if side.name == OURS else 1):
            rig.settle()
            found.append({side.name: collection(rig, side)})
            print(".", end="", flush=True)
    print(flush=True)
    return found


def collection(rig: Rig, side: Side) -> Sample:
    """Return the seconds from the container's end until the job with many outputs is final."""
    request = rig.request(side, [study.MANY], f"{side.name}-many")
    died = rig.events.moment(request.container(study.MANY), "die", LONG)
    limit = LONG if side.name == OURS else PEER_LIMIT
    try:
        final = rig.server.final(request, study.MANY, limit)
    except Late:
        rig.server.cancelled(request)
        return {"seconds": limit, "at_least": 1.0}
    rig.server.check_success(request)
    return {"seconds": final - died}
