"""`make bench PART=runner`: ours, the runner published on PyPI and plain `docker run`s in turn.

Prints a table and writes build/bench/runner.json; ends with 1 if a figure misses its bar, is not
better than the peer's, or was not measured, and after a run with fewer samples.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.runner import figures, local, measure, study
from tests.bench.runner.figures import OURS, PEER, Figure, Round
from tests.bench.runner.measure import Size
from tests.bench.runner.rig import ROOT, Rig, rig

WORKERS = (1, 2, 4)


@dataclass(frozen=True)
class Group:
    """Figures that come from the same samples, and the workers that they are taken with."""

    workers: int
    sample: Callable[[Rig, Size], list[Round]]
    summary: Callable[[Sequence[Round]], list[Figure]]

    def names(self) -> list[str]:
        """Return the names of its figures."""
        return [one.bar.name for one in self.summary([])]


def _latency(the: Rig, size: Size) -> list[Round]:
    return measure.rounds(the, size.samples, functools.partial(measure.one_job, the))


def _cancel(the: Rig, size: Size) -> list[Round]:
    return measure.rounds(the, size.samples, functools.partial(measure.cancellation, the))


def _chain(the: Rig, size: Size) -> list[Round]:
    names = study.chain(size.chain)
    return measure.rounds(the, size.batches, lambda side: measure.several(the, side, names))


def _batches(the: Rig, size: Size) -> list[Round]:
    take = functools.partial(measure.independent, the, number=size.batch)
    return measure.rounds(the, size.batches, take)


GROUPS = (
    Group(1, _latency, figures.latency),
    Group(1, _cancel, figures.cancellation),
    Group(1, _chain, figures.chain),
    *(Group(n, _batches, functools.partial(figures.throughput, n)) for n in WORKERS),
    Group(4, measure.memory, figures.memory),
    Group(4, measure.idle, figures.idle),
    Group(4, local.measured, figures.local),
    Group(4, measure.collections, figures.collection),
)
"""In this order, because the memory is read of a process that has run the batches before."""


def arguments() -> argparse.Namespace:
    """How much, and what of it."""
    names = [name for group in GROUPS for name in group.names()]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few samples, to see that it works")
    parser.add_argument("--only", action="append", choices=names, help="this figure; repeatable")
    parser.add_argument("--sides", choices=["both", "ours", "peer"], default="both")
    for name in ("samples", "batches", "batch", "chain", "jobs", "windows", "collections"):
        parser.add_argument(f"--{name}", type=int, help=f"instead of {getattr(Size(), name)}")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench")
    return parser.parse_args()


def size_of(given: argparse.Namespace) -> Size:
    """Return how much is measured."""
    size = measure.QUICK if given.quick else Size()
    chosen = {name: getattr(given, name, None) for name in vars(size)}
    return Size(**vars(size) | {name: value for name, value in chosen.items() if value is not None})


def measured(given: argparse.Namespace) -> list[Figure]:
    """Measure what was asked for."""
    size, wanted = size_of(given), given.only
    sides = {"both": (OURS, PEER), "ours": (OURS,), "peer": (PEER,)}[given.sides]
    found: list[Figure] = []
    with rig(size.actions(), sides) as the:
        for group in GROUPS:
            if wanted and not set(wanted) & set(group.names()):
                continue
            the.use(group.workers)
            print(f"{', '.join(group.names())}:", flush=True)
            for one in group.summary(group.sample(the, size)):
                if not wanted or one.bar.name in wanted:
                    found.append(one)
                    print(one.row(), flush=True)
    return found


def main() -> int:
    """Print the table and write the file; 1 if a figure does not count as met."""
    given = arguments()
    begin, load = time.time(), os.getloadavg()
    found = measured(given)
    full = size_of(given) == Size()
    print("\n".join([figures.HEADER, *(one.row() for one in found)]))
    print(f"load average: {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after")
    if not full:
        print("A run of another size than the full one: no figure of it counts.")
    report = {
        "component": "runner",
        "full": full,
        "seconds": time.time() - begin,
        "load": [load, os.getloadavg()],
        "size": vars(size_of(given)),
        "figures": figures.document(found),
    }
    given.folder.mkdir(parents=True, exist_ok=True)
    target = given.folder / "runner.json"
    target.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(not full or any(one.faults() for one in found))


if __name__ == "__main__":
    # A run that is told to stop removes its containers, like one that is interrupted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    raise SystemExit(main())
