"""Which pending job comes next, and what each of the others waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set

from sallyport_common.protocol import State, StatusCode
from sallyport_runner.models import Job, Reason
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.services.running.space import Space
from sallyport_runner.settings import Settings
from sallyport_runner.storage import Store

Waiting = tuple[StatusCode, Reason]


class Queue:
    """Orders pending jobs and says what holds them back."""

    def __init__(self, settings: Settings, store: Store, sandbox: Sandbox, space: Space) -> None:
        self._settings, self._store = settings, store
        self._sandbox, self._space = sandbox, space

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

    def waits_for(self, job: Job) -> Waiting:
        """Return PREPARING when the job may start, else what it waits for."""
        flags = self._store.flags()
        if flags.paused:
            return StatusCode.PAUSED, Reason.NONE
        if self._sandbox.uses_database(job) and flags.maintenance:
            return StatusCode.WAITING_DB_MAINTENANCE, Reason.NONE
        return self._needs(job) or self._room(job) or (StatusCode.PREPARING, Reason.NONE)

    def _needs(self, job: Job) -> Waiting | None:
        states = {need.state for id in job.wait_for if (need := self._store.job(id))}
        if State.FAILED in states:
            return StatusCode.DEPENDENCY_FAILED, Reason.NONE
        if states - {State.SUCCEEDED}:
            return StatusCode.WAITING_ON_DEPENDENCIES, Reason.NONE
        return None

    def _room(self, job: Job) -> Waiting | None:
        running = [active for active in self._store.active_jobs() if active.state is State.RUNNING]
        if len(running) >= self._settings.max_workers:
            return StatusCode.WAITING_ON_WORKERS, Reason.NONE
        with_database = sum(self._sandbox.uses_database(active) for active in running)
        if self._sandbox.uses_database(job) and with_database >= self._settings.max_db_workers:
            return StatusCode.WAITING_ON_DB_WORKERS, Reason.NONE
        if self._space.short():
            return StatusCode.WAITING_ON_WORKERS, Reason.DISK_SPACE
        return None
