"""Removes what no job owns any more: strays of the engine, folders of jobs that ended."""

from __future__ import annotations

import logging

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Job
from sallyport_runner.services import metrics
from sallyport_runner.services.executor import Executor
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.storage import Store

log = logging.getLogger(__name__)


class Sweeper:
    """Compares engine and volumes with the store.

    What belongs to a job that the store does not know stays: a lost database may come to know it
    again. So does what a job with an internal error left, for the person who looks into it.
    """

    def __init__(self, backend: str, store: Store, executor: Executor, volumes: Volumes) -> None:
        self._backend, self._store = backend, store
        self._executor, self._volumes = executor, volumes

    def step(self) -> None:
        """Remove strays once."""
        for found in self._executor.list(self._backend):
            job = self._store.job(found.label("job"))
            if job is None:
                log.warning("container of an unknown job", extra={"container": found.name})
            elif _ended(job) or found.label("attempt") != str(job.attempt):
                self._executor.remove(found.name)
                metrics.STRAYS.inc()
        for name in self._volumes.all():
            job = self._store.job(name)
            if job is not None and _ended(job):
                self._volumes.of(name).remove()


def _ended(job: Job) -> bool:
    return not job.active and job.code is not StatusCode.INTERNAL_ERROR
