"""Watches running containers: figures for the job server, limits on time and disk."""

from __future__ import annotations

import time
from collections.abc import Callable

from sallyport_runner.models import Job, Phase, Stop
from sallyport_runner.services.executor import Executor, TransientError
from sallyport_runner.services.outputs import trees
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.running.background import Background, Step
from sallyport_runner.settings import Settings
from sallyport_runner.storage import Store

MEBIBYTE = 1024**2
DISK_EVERY = 30.0


class Supervision:
    """Samples usage; `judge` says when a job has to be stopped."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        executor: Executor,
        volumes: Volumes,
        background: Background,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._store, self._executor = settings, store, executor
        self._volumes, self._background, self._clock = volumes, background, clock
        self._samples: dict[str, tuple[float, float]] = {}
        self._disk_due: dict[str, float] = {}

    def forget(self, job_id: str) -> None:
        """Drop what is known of a job that ended."""
        self._samples.pop(job_id, None)
        self._disk_due.pop(job_id, None)

    def judge(self, job: Job, time_limit: int) -> Stop:
        """Look at a running job; return why it must be stopped, NONE when it may go on."""
        now = self._clock()
        if now - job.container_started > time_limit:
            return Stop.TIME_LIMIT
        if now - self._samples.get(job.id, (0.0, 0.0))[0] >= self._settings.stats_poll_interval:
            self._sample(job, now)
        return self._disk(job, now)

    def _disk(self, job: Job, now: float) -> Stop:
        due = self._disk_due.setdefault(job.id, now + DISK_EVERY)
        if now < due:
            return Stop.NONE
        volume = self._volumes.of(job.id)
        folder = volume.execution if job.phase is Phase.EXECUTE else volume.workspace
        size = self._background.take(
            job.request_id, job.run_key, Step.SIZE, lambda: trees.size_of(folder)
        )
        if size is None:
            return Stop.NONE
        self._disk_due[job.id] = now + DISK_EVERY
        return Stop.DISK_LIMIT if size > self._settings.job_disk_limit else Stop.NONE

    def _sample(self, job: Job, now: float) -> None:
        try:
            usage = self._executor.usage(job.container)
        except TransientError:
            usage = None
        before, cpu_before = self._samples.get(job.id, (job.container_started, 0.0))
        if usage is None:
            self._samples[job.id] = (now, cpu_before)
            return
        self._samples[job.id] = (now, usage.cpu_seconds)
        seconds = max(now - before, 0.001)
        cpu = max(usage.cpu_seconds - cpu_before, 0.0) / seconds * 100
        figures = job.metrics | _figures(job.metrics, "cpu", cpu, seconds)
        figures |= _figures(job.metrics, "mem_mb", usage.memory / MEBIBYTE, seconds)
        figures["seconds"] = job.metrics.get("seconds", 0.0) + seconds
        self._store.note(job.id, metrics=figures)


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
