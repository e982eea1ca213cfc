"""`make bench PART=runner`: ours, the runner published on PyPI and plain `docker run`s in turn.

Prints a table and writes build/bench/runner.json, after each group of figures; ends with 1 if a
figure misses its bar, is not better than the peer's, or was not measured, and after a run with
fewer samples. `--resume` goes on with the file of a run that was stopped.
"""

from __future__ import annotations

import argparse
import functools
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
from tests.bench.runner.report import OtherRunError, Report, Taken, file_system, identity
from tests.bench.runner.rig import ROOT, SCRATCH, Rig, rig


@dataclass(frozen=True)
class Group:
    """Figures that come from the same samples, and the workers that they are taken with."""

    workers: int
    sample: Callable[[Rig, Size], list[Round]]
    summary: Callable[[Sequence[Round]], list[Figure]]

    def names(self) -> list[str]:
        """Return the names of its figures."""
        return [one.bar.name for one in self.summary([])]

    @property
    def key(self) -> str:
        """What the report names it by."""
        return ", ".join(self.names())


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
    Group(2, _batches, functools.partial(figures.throughput, 2)),
    Group(4, _batches, functools.partial(figures.throughput, 4)),
    Group(4, measure.memory, figures.memory),
    Group(4, measure.idle, figures.idle),
    Group(4, measure.collections, figures.collection),
    Group(1, _cancel, figures.cancellation),
    Group(1, _batches, functools.partial(figures.throughput, 1)),
    Group(1, _chain, figures.chain),
    Group(1, local.measured, figures.local),
)
"""In this order: what a run that is stopped early has is what matters most.

The memory is read of a process that has run the batches before, and no large manifest.
"""


def arguments() -> argparse.Namespace:
    """How much, and what of it."""
    names = [name for group in GROUPS for name in group.names()]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few samples, to see that it works")
    parser.add_argument("--only", action="append", choices=names, help="this figure; repeatable")
    parser.add_argument("--sides", choices=["both", "ours", "peer"], default="both")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="add what the last run of this code on this machine lacks",
    )
    for name in ("samples", "batches", "batch", "chain", "jobs", "windows", "collections"):
        parser.add_argument(f"--{name}", type=int, help=f"instead of {getattr(Size(), name)}")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench")
    return parser.parse_args()


def size_of(given: argparse.Namespace) -> Size:
    """Return how much is measured."""
    size = measure.QUICK if given.quick else Size()
    chosen = {name: getattr(given, name, None) for name in vars(size)}
    return Size(**vars(size) | {name: value for name, value in chosen.items() if value is not None})


def summed_up(report: Report) -> list[Figure]:
    """Return the figures of all groups that a run has."""
    return [
        one
        for group in GROUPS
        if group.key in report.taken
        for one in group.summary(report.taken[group.key].rounds)
    ]


def measured(given: argparse.Namespace, report: Report) -> list[Figure]:
    """Measure what was asked for and the report lacks; return the figures of all it has then."""
    size, wanted = size_of(given), given.only
    sides = {"both": (OURS, PEER), "ours": (OURS,), "peer": (PEER,)}[given.sides]
    groups = [
        group
        for group in GROUPS
        if group.key not in report.taken and (not wanted or set(wanted) & set(group.names()))
    ]
    if groups:
        with rig(size.actions(), sides) as the:
            for group in groups:
                the.use(group.workers)
                print(f"{group.key}:", flush=True)
                begin, load = time.monotonic(), os.getloadavg()[0]
                rounds = group.sample(the, size)
                seconds = time.monotonic() - begin
                report.taken[group.key] = Taken(rounds, seconds, load)
                report.write(summed_up(report))
                for one in group.summary(rounds):
                    print(one.row(), flush=True)
                print(f"({seconds:.0f} s)", flush=True)
    return [one for one in summed_up(report) if not wanted or one.bar.name in wanted]


def main() -> int:
    """Print the table and write the file; 1 if a figure does not count as met."""
    given = arguments()
    full, load = size_of(given) == Size(), os.getloadavg()
    of = identity(vars(size_of(given)), given.sides)
    report = Report(given.folder / "runner.json", of, full)
    if given.resume:
        try:
            report.resume()
        except OtherRunError as error:
            print(error, file=sys.stderr)
            return 2
    found = measured(given, report)
    report.write(summed_up(report) or found)
    print("\n".join([figures.HEADER, *(one.row() for one in found)]))
    print(f"load average: {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    print(f"file system: {file_system(SCRATCH)}")
    if not full:
        print("A run of another size than the full one: no figure of it counts.")
    return int(not full or any(one.faults() for one in found))


if __name__ == "__main__":
    # A run that is told to stop removes its containers, like one that is interrupted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    raise SystemExit(main())
