"""The active jobs in memory: the store's rows, read once and then kept in step with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Unpack

from sallyport_common.protocol import State, StatusCode
from sallyport_runner.models import Job, JobChanges
from sallyport_runner.storage import Store


class Roster:
    """Knows every active job, which of them run, and which wait for which.

    Only the run loop uses it. Other threads change a few fields of rows and name the jobs in the
    inbox; `refresh` reads those. `dirty` holds the pending jobs that somebody has to look at.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: dict[str, Job] = {}
        self._open: dict[str, set[str]] = {}
        self._dependants: defaultdict[str, set[str]] = defaultdict(set)
        self._doomed: set[str] = set()
        self.running: dict[str, Job] = {}
        self.dirty: set[str] = set()

    def load(self) -> None:
        """Read what differs from the store: one query for revisions, one for the rows."""
        revisions = self._store.active_revisions()
        for identifier in self._jobs.keys() - revisions.keys():
            self._forget(self._jobs[identifier])
        self.refresh(
            identifier
            for identifier, revision in revisions.items()
            if identifier not in self._jobs or self._jobs[identifier].revision != revision
        )

    def refresh(self, identifiers: Iterable[str]) -> None:
        """Read the rows of jobs again."""
        found = self._store.jobs_by_id(list(identifiers))
        active = [job for job in found if job.active]
        for job in found:
            if not job.active:
                self._forget(job)
        for job in active:
            self._jobs[job.id] = job
        self._learn_needs(active)
        for job in active:
            self._keep(job)
            self.dirty.add(job.id)

    def get(self, identifier: str) -> Job | None:
        """Return an active job."""
        return self._jobs.get(identifier)

    def pending(self) -> list[Job]:
        """Return the jobs that wait, oldest first."""
        waiting = [job for job in self._jobs.values() if job.state is State.PENDING]
        return sorted(waiting, key=lambda job: job.created_order)

    def change(self, jobs: Collection[Job], **changes: Unpack[JobChanges]) -> list[Job]:
        """Change jobs in the store, in one transaction, and here; return them as they are now."""
        self._store.change([job.id for job in jobs], **changes)
        changed = [replace(job, revision=job.revision + 1, **changes) for job in jobs]
        for job in changed:
            if job.active:
                self._keep(job)
            else:
                self._forget(job)
        return changed

    def note(self, job: Job, **changes: Unpack[JobChanges]) -> None:
        """Change fields of a job that need not be reported at once."""
        self._store.note(job.id, **changes)
        self._keep(replace(job, **changes))

    def need(self, job: Job) -> StatusCode | None:
        """Return what the awaited jobs of a job mean for it; None when it may start."""
        if job.id in self._doomed:
            return StatusCode.DEPENDENCY_FAILED
        return StatusCode.WAITING_ON_DEPENDENCIES if self._open.get(job.id) else None

    def _keep(self, job: Job) -> None:
        self._jobs[job.id] = job
        if job.state is State.RUNNING:
            self.running[job.id] = job
        else:
            self.running.pop(job.id, None)

    def _forget(self, job: Job) -> None:
        """Drop a job that ended, and say to those that wait for it how it did."""
        for held in (self._jobs, self.running):
            held.pop(job.id, None)
        self._wait_for(job, set())
        self._doomed.discard(job.id)
        self.dirty.discard(job.id)
        for identifier in self._dependants.pop(job.id, ()):
            self._open.get(identifier, set()).discard(job.id)
            if job.state is State.FAILED:
                self._doomed.add(identifier)
            self.dirty.add(identifier)

    def _learn_needs(self, jobs: Iterable[Job]) -> None:
        """Note what each job waits for; awaited jobs that are not active are asked for at once."""
        jobs = list(jobs)
        past = {need for job in jobs for need in job.wait_for if need not in self._jobs}
        failed = {job.id for job in self._store.jobs_by_id(list(past)) if _failed(job)}
        for job in jobs:
            self._wait_for(job, {need for need in job.wait_for if need in self._jobs})
            if failed.intersection(job.wait_for):
                self._doomed.add(job.id)

    def _wait_for(self, job: Job, needs: set[str]) -> None:
        """Note the active jobs that a job waits for, instead of those noted before."""
        for need in self._open.pop(job.id, ()):
            self._dependants[need].discard(job.id)
        for need in needs:
            self._dependants[need].add(job.id)
        if needs:
            self._open[job.id] = needs


def _failed(job: Job) -> bool:
    return job.state is State.FAILED
