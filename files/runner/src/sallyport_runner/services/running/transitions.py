"""Changes of a job's state: each is one transaction of the store, one log line, one report."""

from __future__ import annotations

import logging
from typing import Unpack

from sallyport_common.protocol import StatusCode, utc_now_text
from sallyport_runner.models import Job, JobDetails, Phase, Reason, Stop, container_name
from sallyport_runner.services.running.parts import Parts
from sallyport_runner.services.running.retries import Retries

log = logging.getLogger(__name__)
MAX_ATTEMPTS = 5


class Transitions:
    """Sets, ends and restarts jobs."""

    def __init__(self, parts: Parts, retries: Retries) -> None:
        self._store, self._executor, self._volumes = parts.store, parts.executor, parts.volumes
        self._supervision, self._changed, self._retries = parts.supervision, parts.changed, retries

    def set(
        self,
        job: Job,
        code: StatusCode,
        reason: Reason = Reason.NONE,
        **details: Unpack[JobDetails],
    ) -> Job:
        """Change a job and return it; nothing happens where nothing changes."""
        if job.code is code and job.reason is reason and not details:
            return job
        changed = self._store.update(
            job.id, **details, code=code, reason=reason, updated_at=utc_now_text()
        )
        log.info(
            "job changed",
            extra={"job": job.id, "workspace": job.workspace, "action": job.action, "code": code},
        )
        self._changed()
        return changed

    def end(
        self,
        identifier: str,
        code: StatusCode,
        reason: Reason = Reason.NONE,
        **details: Unpack[JobDetails],
    ) -> None:
        """End an active job.

        What a job with an internal error left stays, for the person who looks into it.
        """
        job = self._store.job(identifier)
        if job is None or not job.active:
            return
        cancelled = code is StatusCode.CANCELLED_BY_USER
        details["completed_at"] = job.cancelled_at if cancelled else utc_now_text()
        self.set(job, code, reason, **details)
        self._supervision.forget(job.id)
        self._retries.clear(job.id)
        if code is not StatusCode.INTERNAL_ERROR:
            self._clean_up(job)

    def end_by_hand(self, job: Job) -> bool:
        """End a job that was cancelled or killed before it ran; return whether it was."""
        if job.stop is Stop.ADMIN:
            self.end(job.id, StatusCode.KILLED_BY_ADMIN)
        elif job.cancelled_at:
            self.end(job.id, StatusCode.CANCELLED_BY_USER)
        else:
            return False
        return True

    def back_to_pending(self, job: Job, code: StatusCode) -> None:
        """Start over with a raised attempt, which makes anything that is left a stray."""
        self._clean_up(job)
        if job.attempt >= MAX_ATTEMPTS:
            self.end(job.id, StatusCode.INTERNAL_ERROR, Reason.TOO_MANY_ATTEMPTS)
            return
        self.set(job, code, attempt=job.attempt + 1, phase=Phase.RUN, started_at=None)

    def _clean_up(self, job: Job) -> None:
        for phase in (Phase.RUN, Phase.COMPILE):
            self._executor.remove(container_name(job.id, phase))
        self._volumes.of(job.id).remove()
