"""Removes what no job owns any more: strays of the engine, folders of jobs that ended."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Job, Phase, container_name
from sallyport_runner.services import metrics
from sallyport_runner.services.executor import Executor
from sallyport_runner.services.outputs.volumes import Leftover, Volumes
from sallyport_runner.services.running.sandbox import PURPOSES, Sandbox
from sallyport_runner.settings import Settings
from sallyport_runner.storage import Store

log = logging.getLogger(__name__)
DAY = 86400.0


class Sweeper:
    """Compares engine and volumes with the store.

    What belongs to a job that the store does not know stays for some days: a lost database may
    come to know it again. So does what a job with an internal error left, for the person who
    looks into it.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        executor: Executor,
        volumes: Volumes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._backend, self._keep = settings.backend, settings.leftover_keep_days * DAY
        self._store, self._executor = store, executor
        self._volumes, self._clock = volumes, clock
        self._named: set[str] = set()
        self._own = {Sandbox(settings).own(purpose) for purpose in PURPOSES}

    def step(self) -> None:
        """Remove strays once."""
        before = self._clock() - self._keep
        for found in self._executor.list(self._backend):
            job = self._store.job(found.label("job"))
            if job is None and not found.running and 0 < found.finished_at < before:
                self._executor.remove(found.name)
            elif job is None:
                self._name(found.name)
            elif job.code is StatusCode.INTERNAL_ERROR and found.running:
                self._executor.kill(found.name)  # given up while the engine did not answer
            elif _ended(job) or found.label("attempt") != str(job.attempt):
                self._executor.remove(found.name)
                metrics.STRAYS.inc()
        for name in self._volumes.all():
            job = self._store.job(name)
            if job is not None and _ended(job):
                self._volumes.of(name).remove()
        self.remove_leftovers(before)

    def leftovers(self, before: float = math.inf) -> list[Leftover]:
        """Return the volumes of jobs that are not active, or the older ones, the oldest first."""
        active = {*self._store.active_revisions(), *self._own}
        return self._volumes.leftovers(active, before)

    def remove_leftovers(self, before: float) -> list[Leftover]:
        """Remove what jobs left that ended before a moment in seconds since 1970; return it."""
        old = self.leftovers(before)
        for one in old:
            for phase in (Phase.RUN, Phase.COMPILE):
                self._executor.remove(container_name(one.job_id, phase))
            self._volumes.of(one.job_id).remove()
            log.info("leftovers of a job removed", extra={"job": one.job_id, "bytes": one.size})
        return old

    def _name(self, container: str) -> None:
        """Say once that nobody knows whose container this is."""
        if container not in self._named:
            self._named.add(container)
            log.warning("container of an unknown job", extra={"container": container})


def _ended(job: Job) -> bool:
    return not job.active and job.code is not StatusCode.INTERNAL_ERROR
