"""Changes of jobs' states: each is one transaction of the store, a log line, a report."""

from __future__ import annotations

import functools
import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import Unpack

from sallyport_common.protocol import StatusCode, state_of, utc_now_text
from sallyport_runner.models import Job, JobDetails, Phase, Reason, Stop
from sallyport_runner.services import metrics
from sallyport_runner.services.running.background import Step
from sallyport_runner.services.running.parts import Parts
from sallyport_runner.services.running.retries import Retries
from sallyport_runner.services.running.roster import Roster
from sallyport_runner.storage import Store

log = logging.getLogger(__name__)
MAX_INTERRUPTIONS = 10
"""Restarts of a job that nobody asked for: it might take its host down, and has to end some day."""


class Transitions:
    """Sets, ends and restarts jobs."""

    def __init__(self, parts: Parts, roster: Roster, retries: Retries) -> None:
        self._parts, self._roster, self._retries = parts, roster, retries

    def set(
        self,
        job: Job,
        code: StatusCode,
        reason: Reason = Reason.NONE,
        **details: Unpack[JobDetails],
    ) -> Job:
        """Change a job and return it; nothing happens where nothing changes."""
        changed = self.set_all([job], code, reason, **details)
        return changed[0] if changed else job

    def set_all(
        self,
        jobs: Iterable[Job],
        code: StatusCode,
        reason: Reason = Reason.NONE,
        **details: Unpack[JobDetails],
    ) -> list[Job]:
        """Change jobs in one transaction; return those that were not like that already."""
        differing = [
            job for job in jobs if details or job.code is not code or job.reason is not reason
        ]
        if not differing:
            return []
        now = utc_now_text()
        changed = self._roster.change(
            differing, **details, code=code, reason=reason, updated_at=now
        )
        _log(changed)
        self._parts.changed(state_of(code).final)
        return changed

    def end(
        self,
        job: Job,
        code: StatusCode,
        reason: Reason = Reason.NONE,
        **details: Unpack[JobDetails],
    ) -> None:
        """End an active job."""
        self.end_all([job], code, reason, **details)

    def end_all(
        self,
        jobs: Iterable[Job],
        code: StatusCode,
        reason: Reason = Reason.NONE,
        **details: Unpack[JobDetails],
    ) -> None:
        """End active jobs, those with the same time of their end in one transaction.

        What a job with an internal error left stays, for the person who looks into it.
        """
        moments: defaultdict[str | None, list[Job]] = defaultdict(list)
        for job in jobs:
            cancelled = code is StatusCode.CANCELLED_BY_USER
            moments[job.cancelled_at if cancelled else utc_now_text()].append(job)
        for moment, group in moments.items():
            self.set_all(group, code, reason, **details | JobDetails(completed_at=moment))
            for job in group:
                self._forget(job, code)

    def _forget(self, job: Job, code: StatusCode) -> None:
        metrics.ENDED.labels(code.value).inc()
        self._parts.queue.remove(job.id)
        self._parts.supervision.forget(job.id)
        self._parts.limits.forget(job.id)
        self._retries.clear(job.id)
        self._parts.background.forget(job.run_key)
        if code is not StatusCode.INTERNAL_ERROR:
            self._clean_up(job)

    def end_by_hand(self, job: Job) -> bool:
        """End a job that was cancelled or killed before it ran; return whether it was."""
        if job.stop is Stop.ADMIN:
            self.end(job, StatusCode.KILLED_BY_ADMIN)
        elif job.cancelled_at:
            self.end(job, StatusCode.CANCELLED_BY_USER)
        else:
            return False
        return True

    def back_to_pending(self, job: Job, code: StatusCode, *, asked: bool = False) -> None:
        """Start over with a raised attempt, which makes anything that is left a stray.

        Restarts that an operator `asked` for are not counted; the others are, and have a limit.
        What this attempt left is removed first, beside the run loop: the next one has containers
        of the same names. Until that is done nothing changes, and the caller comes here again.
        """
        clean = functools.partial(_remove, self._parts, job)
        take = self._parts.background.take
        if take(job.request_id, job.run_key, Step.CLEAN, clean) is None:
            return
        self._parts.background.forget(job.run_key)
        self._parts.supervision.forget(job.id)
        interruptions = job.interruptions + (not asked)
        if interruptions >= MAX_INTERRUPTIONS and not asked:
            self.end(job, StatusCode.INTERNAL_ERROR, Reason.TOO_MANY_ATTEMPTS)
            return
        self.set(
            job,
            code,
            attempt=job.attempt + 1,
            interruptions=interruptions,
            phase=Phase.RUN,
            started_at=None,
        )
        self._roster.dirty.add(job.id)

    def _clean_up(self, job: Job) -> None:
        """Remove containers and volume, where there can be some, beside the run loop."""
        if self._parts.volumes.of(job.id).root.exists():
            clean = functools.partial(_remove, self._parts, job)
            self._parts.background.send(job.request_id, Step.CLEAN, clean)


def stop_of(store: Store, job_id: str) -> Stop:
    """Return whether a person has stopped a job by now; any thread may ask."""
    job = store.job(job_id)
    if job is not None and job.cancelled_at and job.stop is not Stop.ADMIN:
        return Stop.CANCELLED
    return job.stop if job is not None else Stop.NONE


def _remove(parts: Parts, job: Job) -> bool:
    """Remove what a job left in the engine and on disk; answer True."""
    for name in job.containers:
        parts.executor.remove(name)
    parts.volumes.of(job.id).remove()
    return True


def _log(jobs: list[Job]) -> None:
    first = jobs[0]
    if len(jobs) > 1:
        extra = {"jobs": len(jobs), "code": first.code, "reason": first.reason}
        log.info("jobs changed", extra=extra)
        return
    log.info(
        "job changed",
        extra={
            "job": first.id,
            "workspace": first.workspace,
            "action": first.action,
            "code": first.code,
        },
    )
