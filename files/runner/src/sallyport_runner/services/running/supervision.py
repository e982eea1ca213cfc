"""Watches running containers: figures for the job server, limits on time and disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sallyport_runner.models import Job, Phase, Stop, Usage
from sallyport_runner.services.executor import Executor, TransientError
from sallyport_runner.services.outputs import trees
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.running.background import Background, Step
from sallyport_runner.services.running.roster import Roster
from sallyport_runner.settings import Settings

MEBIBYTE = 1024**2
DISK_EVERY = 1.0
"""Seconds between two looks at the size of a job's folder."""
DISK_SHARE = 20
"""A look that took a while is followed by a pause of so many times that."""


@dataclass(frozen=True)
class Sample:
    """What was seen of a job: its use of the machine where that was due, the size on disk."""

    usage: Usage | None
    size: int
    seconds: float


@dataclass
class _Watch:
    """What is known of one running job; times are ticks, in seconds."""

    begin: float
    sampled: float
    cpu_seconds: float
    figures_due: float
    disk_due: float


class Supervision:
    """Samples usage; `judge` says when a job has to be stopped, `due` when to look next."""

    def __init__(
        self,
        settings: Settings,
        roster: Roster,
        executor: Executor,
        volumes: Volumes,
        background: Background,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._roster, self._executor = settings, roster, executor
        self._volumes, self._background = volumes, background
        self._ticks = ticks
        self._watched: dict[str, _Watch] = {}

    def forget(self, job_id: str) -> None:
        """Drop what is known of a job that ended."""
        self._watched.pop(job_id, None)

    def due(self, job: Job, time_limit: float) -> float:
        """Return the tick at which `judge` has something to do for a running job."""
        watch = self._watch(job)
        return min(watch.begin + time_limit, watch.figures_due, watch.disk_due)

    def judge(self, job: Job, time_limit: float) -> Stop:
        """Look at a running job; return why it must be stopped, NONE when it may go on."""
        now, watch = self._ticks(), self._watch(job)
        if now - watch.begin >= time_limit:
            return Stop.TIME_LIMIT
        if now < min(watch.figures_due, watch.disk_due):
            return Stop.NONE
        figures = now >= watch.figures_due
        sample = self._background.take(
            job.request_id, job.run_key, Step.WATCH, lambda: self._sample(job, figures)
        )
        if sample is None:
            return Stop.NONE
        watch.disk_due = now + max(DISK_EVERY, DISK_SHARE * sample.seconds)
        if figures:
            watch.figures_due = now + self._settings.stats_poll_interval
            self._note(job, watch, sample.usage, now)
        return Stop.DISK_LIMIT if sample.size > self._settings.job_disk_limit else Stop.NONE

    def _watch(self, job: Job) -> _Watch:
        """Return what is known of a job.

        Its start is a tick, which goes on when this process starts again: a step of the host's
        clock neither stops a job nor spares it. A later tick than now is one of an earlier boot.
        """
        if job.id not in self._watched:
            begin = min(job.container_started, self._ticks())
            figures_due = begin + self._settings.stats_poll_interval
            self._watched[job.id] = _Watch(begin, begin, 0.0, figures_due, begin + DISK_EVERY)
        return self._watched[job.id]

    def _sample(self, job: Job, figures: bool) -> Sample:
        """Look at engine and disk, in a thread of the background."""
        usage = None
        if figures:
            try:
                usage = self._executor.usage(job.container)
            except TransientError:
                usage = None
        volume = self._volumes.of(job.id)
        folder = volume.execution if job.phase is Phase.EXECUTE else volume.workspace
        begin = time.monotonic()
        size = trees.size_of(folder)
        return Sample(usage, size, time.monotonic() - begin)

    def _note(self, job: Job, watch: _Watch, usage: Usage | None, now: float) -> None:
        seconds = max(now - watch.sampled, 0.001)
        watch.sampled = now
        if usage is None:
            return
        cpu = max(usage.cpu_seconds - watch.cpu_seconds, 0.0) / seconds * 100
        watch.cpu_seconds = usage.cpu_seconds
        figures = job.metrics | _figures(job.metrics, "cpu", cpu, seconds)
        figures |= _figures(job.metrics, "mem_mb", usage.memory / MEBIBYTE, seconds)
        figures["seconds"] = job.metrics.get("seconds", 0.0) + seconds
        self._roster.note(job, metrics=figures)


def _figures(
    before: dict[str, float], name: str, sample: float, seconds: float
) -> dict[str, float]:
    total = before.get(f"{name}_cumsum", 0.0) + sample * seconds
    return {
        f"{name}_sample": round(sample, 3),
        f"{name}_cumsum": round(total, 3),
        f"{name}_mean": round(total / (before.get("seconds", 0.0) + seconds), 3),
        f"{name}_peak": round(max(sample, before.get(f"{name}_peak", 0.0)), 3),
    }
