"""Which pending job comes next, and what each of the others waits for."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Set

from sallyport_common.protocol import State, StatusCode
from sallyport_runner.models import Job, Reason
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.settings import Settings
from sallyport_runner.storage import MAINTENANCE, MANUAL_MAINTENANCE, MODE, PAUSED, Store

Place = tuple[StatusCode, Reason]


class Queue:
    """Orders pending jobs and says what holds them back."""

    def __init__(self, settings: Settings, store: Store, sandbox: Sandbox) -> None:
        self._settings, self._store, self._sandbox = settings, store, sandbox

    def next(self, seen: Set[str]) -> Job | None:
        """Return the pending job to look at: workspaces share, database jobs go first, then age."""
        active = self._store.active_jobs()
        busy = Counter(job.workspace for job in active if job.state is State.RUNNING)
        pending = [job for job in active if job.state is State.PENDING and job.id not in seen]
        return min(
            pending,
            key=lambda job: (busy[job.workspace], not job.requires_db, job.created_order),
            default=None,
        )

    def maintenance(self) -> bool:
        """Tell whether the database is closed for jobs."""
        flags = self._store.flags()
        return (
            flags.get(MODE, (None, ""))[0] == MAINTENANCE
            or flags.get(MANUAL_MAINTENANCE, (None, ""))[0] == "on"
        )

    def place(self, job: Job) -> Place:
        """Return PREPARING when the job may start, else what it waits for."""
        if self._store.flags().get(PAUSED, (None, ""))[0] == "true":
            return StatusCode.PAUSED, Reason.NONE
        if self._sandbox.uses_database(job) and self.maintenance():
            return StatusCode.WAITING_DB_MAINTENANCE, Reason.NONE
        return self._needs(job) or self._room(job) or (StatusCode.PREPARING, Reason.NONE)

    def _needs(self, job: Job) -> Place | None:
        states = {found.state for id in job.wait_for if (found := self._store.job(id))}
        if State.FAILED in states:
            return StatusCode.DEPENDENCY_FAILED, Reason.NONE
        if states - {State.SUCCEEDED}:
            return StatusCode.WAITING_ON_DEPENDENCIES, Reason.NONE
        return None

    def _room(self, job: Job) -> Place | None:
        running = [one for one in self._store.active_jobs() if one.state is State.RUNNING]
        if len(running) >= self._settings.max_workers:
            return StatusCode.WAITING_ON_WORKERS, Reason.NONE
        with_database = sum(1 for one in running if self._sandbox.uses_database(one))
        if self._sandbox.uses_database(job) and with_database >= self._settings.max_db_workers:
            return StatusCode.WAITING_ON_DB_WORKERS, Reason.NONE
        free = shutil.disk_usage(self._settings.high_privacy_storage_base).free
        if free < self._settings.disk_free_floor:
            return StatusCode.WAITING_ON_WORKERS, Reason.DISK_SPACE
        return None
