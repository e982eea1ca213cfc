"""Keeps the fault of one job or request from touching the others.

A fault that may pass is retried after a pause, which is a time in `Retries` and never a sleep.
After a limited number of tries the job or the request ends with a sentence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy.exc import OperationalError

from sallyport_common.protocol import State, StatusCode
from sallyport_runner.models import Job, JobRequest, Reason
from sallyport_runner.services.executor import ImageError, TransientError
from sallyport_runner.services.git import CodeUnavailableError
from sallyport_runner.services.outputs.faults import concerns_all
from sallyport_runner.services.requests.admission import failed_job
from sallyport_runner.services.running.parts import Parts
from sallyport_runner.services.running.retries import Retries
from sallyport_runner.services.running.stages import StageError
from sallyport_runner.services.running.transitions import Transitions

log = logging.getLogger(__name__)
NOT_BEGUN = frozenset({StatusCode.PREPARING, StatusCode.PREPARED})
"""Codes of jobs that lose nothing when they end; work that is done is worth any number of tries."""
OF_THE_STUDY = frozenset({
    Reason.NO_DATABASE, Reason.NO_INPUT, Reason.CHANGED_INPUT, Reason.NO_IMAGE, Reason.NO_CODE,
    Reason.BAD_PLAN,
})  # fmt: skip
"""Reasons that the author can remove; all others are faults of the backend."""
UNAVAILABLE = (
    "The backend could not process this request after several tries. Submit it again later, or "
    "ask the backend's administrators, who can see the details."
)


class Guard:
    """Runs steps of jobs and requests, and decides what a fault means."""

    def __init__(
        self,
        parts: Parts,
        transitions: Transitions,
        retries: Retries,
        admitted: Callable[[str], None],
    ) -> None:
        """Call `admitted` with the id of a request that ended with the job that says why."""
        self._store, self._admitted = parts.store, admitted
        self._background, self._roster = parts.background, parts.roster
        self._transitions, self._retries = transitions, retries
        self._limits, self.hung = parts.limits, 0

    def job(self, job: Job, work: Callable[[], None]) -> None:
        """Take a step of a job, unless it waits for a retry or has been in its state too long."""
        if job.state is State.RUNNING and self._give_up(job):
            return
        if not self._retries.due(job.id):
            return
        try:
            with _Passing():
                work()
        except TransientError as error:
            self._retry(job, error)
        except StageError as error:
            log.warning("job refused: %s", error, extra={"job": job.id})
            self._fail(job, error.reason, error.problem)
        except ImageError as error:
            log.warning("image not available: %s", error, extra={"job": job.id})
            self._fail(job, Reason.NO_IMAGE)
        except Exception:  # a daemon outlives the fault of one job
            log.exception("internal error", extra={"job": job.id})
            self._fail(job, Reason.NONE)
        else:
            self._succeeded(job.id, job.run_key)

    def request(self, request: JobRequest, work: Callable[[], None]) -> None:
        """Admit a request, unless it waits for a retry."""
        key = request.identifier
        if not self._retries.due(key):
            return
        try:
            with _Passing():
                work()
        except TransientError as error:
            if not self._retries.fail(key):
                log.warning("admission is retried: %s", error, extra={"request": key})
                return
            log.exception("admission failed after several tries", extra={"request": key})
            self._refuse(request, error)
        except Exception as error:  # a daemon outlives the fault of one request
            log.exception("internal error", extra={"request": key})
            self._refuse(request, error)
        else:
            self._succeeded(key, key)

    def _succeeded(self, key: str, owner: str) -> None:
        """Forget earlier faults, unless a slow step has yet to end."""
        if not self._background.busy(owner):
            self._retries.clear(key)

    def _give_up(self, job: Job) -> bool:
        """End a job whose time in its state is over; what it left stays for administrators.

        A step that hangs cannot be stopped. Its thread is lost until the service starts again, and
        nothing else touches what it works on: the job is not tried again.
        """
        reason = self._limits.reached(job)
        if reason is Reason.NONE:
            return False
        self.hung += self._background.busy(job.run_key)
        log.error("job given up: %s", reason.value, extra={"job": job.id, "code": job.code.value})
        self._fail(job, reason)
        return True

    def _retry(self, job: Job, error: TransientError) -> None:
        last = self._retries.fail(job.id)
        if last and job.code in NOT_BEGUN:
            log.exception("job failed after several tries", extra={"job": job.id})
            known = str(error) if isinstance(error, CodeUnavailableError) else ""
            self._fail(job, error.gave_up, known)
            return
        log.warning("step is retried: %s", error, extra={"job": job.id})
        current = self._roster.get(job.id)
        if current is not None and current.code is StatusCode.PREPARING:
            self._transitions.set(current, current.code, error.retrying)
        elif current is not None and current.code is StatusCode.FINALIZING:
            self._transitions.set(current, current.code, Reason.RETRY_RECORDING)

    def _fail(self, job: Job, reason: Reason, problem: str = "") -> None:
        current = self._roster.get(job.id)
        if current is not None:
            study = reason in OF_THE_STUDY
            code = StatusCode.JOB_ERROR if study else StatusCode.INTERNAL_ERROR
            self._transitions.end(current, code, reason, problem=problem)

    def _refuse(self, request: JobRequest, error: Exception) -> None:
        """End a request with one job that says why; only fixed sentences may leave."""
        public = str(error) if isinstance(error, CodeUnavailableError) else UNAVAILABLE
        job = failed_job(request, public, StatusCode.INTERNAL_ERROR)
        self._store.admit(request.identifier, [job], [])
        self._retries.clear(request.identifier)
        self._admitted(request.identifier)


class _Passing:
    """Turns a disk or a database that takes nothing at the moment into TransientError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OperationalError):
            raise TransientError(f"the runner's database takes nothing: {error.orig}") from error
        if error is not None and concerns_all(error):
            raise TransientError(f"the disk takes nothing: {error}") from error
