"""From samples to figures: medians of pairs, and the verdict on each figure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Sample = dict[str, float]
"""Seconds, or megabytes, by name."""
Round = dict[str, Sample]
"""A sample of each side, taken one after the other."""
OURS, PEER = "bench-ours", "bench-peer"
"""The sides: slugs of their backends, and names of their first workspaces."""
MILLI = 1000.0
MINUTE = 60.0
MISSING = "NOT MEASURED"
MISSES = "MISSES THE BAR"
NOT_BETTER = "NOT BETTER THAN THE PEER"
NO_PEER = "PEER NOT MEASURED"


@dataclass(frozen=True)
class Bar:
    """What a figure is, and what it must reach; `most` and `least` are inclusive."""

    name: str
    unit: str
    most: float | None = None
    least: float | None = None
    more_is_better: bool = False

    def met(self, value: float) -> bool:
        """Return whether a value reaches the bar."""
        over = self.most is not None and value > self.most
        under = self.least is not None and value < self.least
        return not over and not under

    def better(self, value: float, peer: float) -> bool:
        """Return whether a value is better than the peer's; an equal one is not."""
        return value > peer if self.more_is_better else value < peer

    def text(self) -> str:
        """Return the bar for the table."""
        if self.most is not None:
            return f"<= {self.most:g}"
        return f">= {self.least:g}" if self.least is not None else ""


@dataclass(frozen=True)
class Figure:
    """One figure of ours, that of the peer, and what both were made from."""

    bar: Bar
    value: float | None
    peer: float | None
    samples: list[Any] = field(default_factory=list)

    def faults(self) -> list[str]:
        """Return why the figure does not count as met; what was not measured never does."""
        if self.value is None:
            return [MISSING]
        found = [] if self.bar.met(self.value) else [MISSES]
        if self.peer is None:
            return [*found, NO_PEER]
        return found if self.bar.better(self.value, self.peer) else [*found, NOT_BETTER]

    def row(self) -> str:
        """Return its line of the table."""
        bar, verdict = self.bar, ", ".join(self.faults()) or "ok"
        ours, peer = (_number(value) for value in (self.value, self.peer))
        return f"{bar.name:22}{ours:>10} {bar.unit:8}{bar.text():>9}{peer:>12}  {verdict}"


HEADER = f"{'figure':22}{'ours':>10} {'unit':8}{'bar':>9}{'peer':>12}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def p95(values: Sequence[float]) -> float:
    """Return the smallest value that 95 % of the values do not exceed (nearest rank)."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def _of(rounds: Sequence[Round], side: str, take: Callable[[Sample], float]) -> list[float]:
    return [take(one[side]) for one in rounds if side in one]


def figure(
    bar: Bar,
    rounds: Sequence[Round],
    take: Callable[[Sample], float],
    middle: Callable[[Sequence[float]], float] = statistics.median,
) -> Figure:
    """Return a figure whose value is the middle of what is taken from each sample."""
    both = [_of(rounds, side, take) for side in (OURS, PEER)]
    value, peer = (middle(values) if values else None for values in both)
    return Figure(bar, value, peer, list(rounds))


LATENCY: dict[Bar, Callable[[Sample], float]] = {
    Bar("accept_p50_ms", "ms", most=50): lambda one: MILLI * one["stored"],
    Bar("container_p50_ms", "ms", most=500): lambda one: MILLI * one["created"],
    Bar("final_p50_ms", "ms", most=150): lambda one: MILLI * (one["final"] - one["died"]),
    Bar("overhead_ms", "ms", most=150): lambda one: (
        MILLI * (one["final"] - one["created"] - one["plain"])
    ),
    Bar("whole_overhead_ms", "ms", most=700): lambda one: MILLI * (one["final"] - one["plain"]),
}
CANCEL = Bar("cancel_p95_ms", "ms", most=500)
CHAIN = Bar("chain_per_min", "jobs/min", more_is_better=True)
IDLE = Bar("idle_cpu_s_per_min", "s/min", most=0.1)
MEMORY = Bar("rss_mb", "MB", most=150)
COLLECT = Bar("collect_20k_files_s", "s", most=15)
LOCAL = Bar("local_ratio", "ratio", most=1.5)


def rate_bar(workers: int) -> Bar:
    """Return the bar of the jobs in a minute."""
    return Bar(f"jobs_per_min_{workers}", "jobs/min", more_is_better=True)


def ratio_bar(workers: int) -> Bar:
    """Return the bar of the share of what plain `docker run`s reach."""
    return Bar(f"jobs_ratio_{workers}", "ratio", least=0.75, more_is_better=True)


def latency(rounds: Sequence[Round]) -> list[Figure]:
    """Return the figures of single jobs; the plain run is taken off its own job's time."""
    return [figure(bar, rounds, take) for bar, take in LATENCY.items()]


def cancellation(rounds: Sequence[Round]) -> list[Figure]:
    """Return how long a cancelled job lives on: until its container and its state have ended."""
    return [figure(CANCEL, rounds, lambda one: MILLI * max(one["died"], one["final"]), p95)]


def _rate(one: Sample) -> float:
    return MINUTE * one["jobs"] / one["seconds"]


def chain(rounds: Sequence[Round]) -> list[Figure]:
    """Return the jobs in a minute that wait for each other."""
    return [figure(CHAIN, rounds, _rate)]


def throughput(workers: int, rounds: Sequence[Round]) -> list[Figure]:
    """Return the jobs in a minute, and their share of the plain runs of the same round."""
    shares: list[Round] = [
        {side: sample | {"plain": one[OURS]["plain"]} for side, sample in one.items()}
        for one in rounds
        if OURS in one
    ]
    return [
        figure(rate_bar(workers), rounds, _rate),
        figure(ratio_bar(workers), shares, lambda one: one["plain"] / one["seconds"]),
    ]


def idle(rounds: Sequence[Round]) -> list[Figure]:
    """Return the CPU seconds in a minute without work, over all windows together."""
    return [figure(IDLE, rounds, lambda one: MINUTE * one["cpu"] / one["seconds"], statistics.mean)]


def memory(rounds: Sequence[Round]) -> list[Figure]:
    """Return the megabytes after many jobs."""
    return [figure(MEMORY, rounds, lambda one: one["mb"])]


def collection(rounds: Sequence[Round]) -> list[Figure]:
    """Return the seconds that many outputs take."""
    return [figure(COLLECT, rounds, lambda one: one["seconds"])]


def local(rounds: Sequence[Round]) -> list[Figure]:
    """Return how many times as long as its plain runs a local run takes."""
    return [figure(LOCAL, rounds, lambda one: one["seconds"] / one["plain"])]


def document(found: Sequence[Figure]) -> list[dict[str, Any]]:
    """Return the figures as build/bench/runner.json holds them, the peer's beside ours."""
    rows: list[dict[str, Any]] = []
    for one in found:
        limit = one.bar.most if one.bar.most is not None else one.bar.least
        both = ((one.bar.name, one.value, limit), (f"peer_{one.bar.name}", one.peer, None))
        rows += [
            {"name": name, "value": value, "unit": one.bar.unit, "bar": bar}
            for name, value, bar in both
        ]
        rows[-2] |= {"faults": one.faults(), "samples": one.samples}
    return rows
