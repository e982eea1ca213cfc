"""The run loop: each pass moves every active job as far as it can go without waiting.

A job's state stands in the store and in the engine, never in this process alone: after a restart
the same steps are taken up again, and a step that was done is found done.
"""

from __future__ import annotations

import functools
import logging
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sallyport_common.protocol import StatusCode, parse_utc, utc_now_text
from sallyport_runner.models import (
    ContainerStatus,
    Job,
    JobRequest,
    Outcome,
    Phase,
    Reason,
    Stop,
    container_name,
)
from sallyport_runner.services import metrics
from sallyport_runner.services.executor import Executor, ImageError, TransientError
from sallyport_runner.services.outputs.finalise import Finaliser
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.requests.admission import Admission, RequestError, failed_job
from sallyport_runner.services.running.background import Background
from sallyport_runner.services.running.queue import Queue
from sallyport_runner.services.running.retries import Retries
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.services.running.stages import StageError, Stages
from sallyport_runner.services.running.supervision import Supervision
from sallyport_runner.settings import Settings
from sallyport_runner.storage import ALIVE, Store

log = logging.getLogger(__name__)
MAX_ATTEMPTS = 5
ALIVE_EVERY = 10.0
AWAY_MARGIN = 60.0


class Runs:
    """Moves jobs from pending to an end."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        executor: Executor,
        admission: Admission,
        stages: Stages,
        finaliser: Finaliser,
        supervision: Supervision,
        volumes: Volumes,
        background: Background,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._store, self._executor = settings, store, executor
        self._admission, self._stages, self._finaliser = admission, stages, finaliser
        self._supervision, self._volumes, self._background = supervision, volumes, background
        self._changed, self._clock = changed, clock
        self._sandbox = Sandbox(settings)
        self._queue = Queue(settings, store, self._sandbox)
        self._retries = Retries(clock)
        self._away = self._time_away()
        self._next_alive = 0.0
        self._steps = {
            StatusCode.PREPARING: self._preparing,
            StatusCode.PREPARED: self._prepared,
            StatusCode.EXECUTING: self._executing,
            StatusCode.EXECUTED: self._executed,
            StatusCode.FINALIZING: self._finalizing,
            StatusCode.FINALIZED: self._finalizing,
        }

    def step(self) -> None:
        """Make one pass over new requests and active jobs."""
        self._say_alive()
        waiting: set[str] = set()
        for request in self._store.new_requests():
            # One at a time for each workspace: the next one has to see the jobs of this one.
            if request.workspace not in waiting:
                waiting.add(request.workspace)
                admit = functools.partial(self._admit, request, waiting)
                self._guard(request.identifier, admit, bounded=False)
        active = self._store.active_jobs()
        for job in [job for job in active if job.code in self._steps]:
            bounded = job.code in {StatusCode.PREPARING, StatusCode.PREPARED}
            self._guard(job.id, functools.partial(self._running, job), bounded=bounded)
        seen: set[str] = set()
        while (pending := self._queue.next(seen)) is not None:
            seen.add(pending.id)
            self._guard(pending.id, functools.partial(self._pending, pending), bounded=False)
        self._count()

    def _time_away(self) -> tuple[float, float]:
        """Return from when to when this runner, and maybe the host, was not there."""
        now = self._clock()
        value = self._store.flags().get(ALIVE)
        last = parse_utc(value[1]).timestamp() if value else now
        return last - AWAY_MARGIN, now + AWAY_MARGIN

    def _say_alive(self) -> None:
        now = self._clock()
        if now >= self._next_alive:
            self._next_alive = now + ALIVE_EVERY
            self._store.set_flag(ALIVE, None, datetime.fromtimestamp(now, UTC).isoformat())

    def _count(self) -> None:
        metrics.JOBS.clear()
        for code, number in self._store.counts().items():
            metrics.JOBS.labels(code).set(number)
        base = self._settings.high_privacy_storage_base
        metrics.FREE_BYTES.set(shutil.disk_usage(base).free)

    # --- faults ---

    def _guard(self, identifier: str, work: Callable[[], None], *, bounded: bool) -> None:
        """Keep the fault of one job from touching the others.

        A fault that may pass is borne for a while (`bounded`), or for as long as it takes where
        giving up would lose work that is done.
        """
        if not self._retries.due(identifier):
            return
        try:
            work()
        except TransientError as error:
            if not (self._retries.fail(identifier) and bounded):
                log.warning("waiting for another try: %s", error, extra={"job": identifier})
                return
            log.exception("given up after several tries", extra={"job": identifier})
            self._give_up(identifier)
        except StageError as error:
            log.warning("job refused: %s", error, extra={"job": identifier})
            self._end(identifier, StatusCode.INTERNAL_ERROR, error.reason)
        except ImageError as error:
            log.warning("image lost: %s", error, extra={"job": identifier})
            self._end(identifier, StatusCode.INTERNAL_ERROR, Reason.NO_IMAGE)
        except Exception:  # a daemon outlives the fault of one job
            log.exception("internal error", extra={"job": identifier})
            self._give_up(identifier)
        else:
            self._retries.clear(identifier)

    def _give_up(self, identifier: str) -> None:
        request = self._store.request(identifier)
        if request is None:
            self._end(identifier, StatusCode.INTERNAL_ERROR)
        else:
            job = failed_job(request, RequestError("The backend could not look at the request."))
            self._store.admit(identifier, [job], [])
            self._retries.clear(identifier)
            self._changed()

    # --- changes ---

    def _set(
        self, job: Job, code: StatusCode, reason: Reason = Reason.NONE, **values: object
    ) -> Job:
        if job.code is code and job.reason is reason and not values:
            return job
        now = utc_now_text()
        changed = self._store.update(job.id, code=code, reason=reason, updated_at=now, **values)
        log.info(
            "job changed",
            extra={"job": job.id, "workspace": job.workspace, "action": job.action, "code": code},
        )
        self._changed()
        return changed

    def _end(
        self, identifier: str, code: StatusCode, reason: Reason = Reason.NONE, **values: object
    ) -> None:
        job = self._store.job(identifier)
        if job is None or not job.active:
            return
        ended = job.cancelled_at if code is StatusCode.CANCELLED_BY_USER else utc_now_text()
        self._set(job, code, reason, completed_at=ended, **values)
        self._supervision.forget(job.id)
        self._retries.clear(job.id)
        if code is not StatusCode.INTERNAL_ERROR:
            self._clean_up(job)

    def _back_to_pending(self, job: Job, code: StatusCode) -> None:
        """Start over: what is there is removed, and the attempt's number makes it a stray."""
        self._clean_up(job)
        if job.attempt >= MAX_ATTEMPTS:
            self._end(job.id, StatusCode.INTERNAL_ERROR, Reason.TOO_MANY_ATTEMPTS)
            return
        self._set(job, code, attempt=job.attempt + 1, phase=Phase.RUN, started_at=None)

    def _clean_up(self, job: Job) -> None:
        for phase in (Phase.RUN, Phase.COMPILE):
            self._executor.remove(container_name(job.id, phase))
        self._volumes.of(job.id).remove()

    def _request(self, job: Job) -> JobRequest:
        request = self._store.request(job.request_id)
        if request is None:
            raise LookupError("a job without its request")
        return request

    # --- requests and pending jobs ---

    def _admit(self, request: JobRequest, waiting: set[str]) -> None:
        key = f"admit {request.identifier}"
        if self._background.take(key, lambda: self._admission.admit(request)):
            waiting.discard(request.workspace)
            self._changed()

    def _ended_by_hand(self, job: Job) -> bool:
        """End a job that was cancelled or killed before it ran."""
        if job.stop is Stop.ADMIN:
            self._end(job.id, StatusCode.KILLED_BY_ADMIN)
        elif job.cancelled_at:
            self._end(job.id, StatusCode.CANCELLED_BY_USER)
        else:
            return False
        return True

    def _pending(self, job: Job) -> None:
        if self._ended_by_hand(job):
            return
        new = job.code is StatusCode.CREATED
        if new and self._adopt(job):
            return
        code, reason = self._queue.place(job)
        if code is StatusCode.DEPENDENCY_FAILED:
            self._end(job.id, code)
        elif code is not StatusCode.PREPARING:
            self._set(job, code, reason)
        elif new or not self._adopt(job):
            now = utc_now_text()
            self._set(job, code, started_at=now, phase=Phase.RUN)

    def _adopt(self, job: Job) -> bool:
        """Take over a container of this very attempt, which a lost database forgot."""
        volume = self._volumes.of(job.id)
        for phase in (Phase.RUN, Phase.COMPILE):
            found = self._executor.status(container_name(job.id, phase))
            if found is None:
                continue
            if found.label("attempt") != str(job.attempt) or volume.prepared_at is None:
                self._executor.remove(found.name)
                metrics.STRAYS.inc()
                continue
            self._set(
                job,
                StatusCode.EXECUTING,
                phase=Phase(found.label("phase")),
                image=found.label("image"),
                epoch=int(found.label("epoch")),
                started_at=job.started_at or utc_now_text(),
                container_started=self._clock(),
            )
            return True
        return False

    # --- running jobs ---

    def _running(self, job: Job) -> None:
        in_maintenance = self._queue.maintenance() and self._sandbox.uses_database(job)
        if (
            in_maintenance
            and not job.cancelled_at
            and job.code
            in {
                StatusCode.PREPARED,
                StatusCode.EXECUTING,
            }
        ):
            self._back_to_pending(job, StatusCode.WAITING_DB_MAINTENANCE)
        else:
            self._steps[job.code](job)

    def _preparing(self, job: Job) -> None:
        request = self._request(job)
        key = f"prepare {job.id} {job.attempt}"
        prepared = self._background.take(key, lambda: self._stages.prepare(job, request))
        if prepared is not None:
            image, phase = prepared
            self._prepared(self._set(job, StatusCode.PREPARED, image=image, phase=phase))

    def _prepared(self, job: Job) -> None:
        if self._ended_by_hand(job):
            return
        volume = self._volumes.of(job.id)
        if volume.prepared_at is None:
            self._back_to_pending(job, StatusCode.WAITING_ON_REBOOT)
            return
        self._stages.check_network(job)
        # The epoch is kept before the start, so that no two starts ever have the same one.
        started = self._store.update(job.id, epoch=job.epoch + 1, container_started=self._clock())
        self._executor.start(self._sandbox.specification(started, self._request(started), volume))
        self._set(started, StatusCode.EXECUTING)

    def _executing(self, job: Job) -> None:
        status = self._executor.status(job.container)
        if status is None or status.label("attempt") != str(job.attempt):
            self._back_to_pending(job, StatusCode.WAITING_ON_REBOOT)
        elif status.state == "created":
            self._prepared(job)
        elif status.running:
            self._watch(job)
        elif self._was_interrupted(job, status):
            self._back_to_pending(job, StatusCode.WAITING_ON_REBOOT)
        else:
            self._executed(self._set(job, StatusCode.EXECUTED))

    def _watch(self, job: Job) -> None:
        if job.cancelled_at and job.reason is not Reason.STOPPING:
            job = self._set(job, job.code, Reason.STOPPING, stop=Stop.CANCELLED)
        if job.stop is Stop.NONE:
            stop = self._supervision.judge(job, self._sandbox.time_limit(job))
            if stop is Stop.NONE:
                return
            job = self._set(job, job.code, stop=stop)
        self._executor.kill(job.container)

    def _was_interrupted(self, job: Job, status: ContainerStatus) -> bool:
        """Tell whether the container ended while we were away, as it does under a dying host."""
        first, last = self._away
        return (
            job.stop is Stop.NONE
            and status.killed
            and job.container_started < last - AWAY_MARGIN
            and first <= status.finished_at <= last
        )

    def _executed(self, job: Job) -> None:
        status = self._executor.status(job.container)
        compiled = job.phase is Phase.COMPILE and job.stop is Stop.NONE and not job.cancelled_at
        if compiled and status is not None and status.exit_code == 0:
            key = f"plan {job.id} {job.attempt}"
            if self._background.take(key, lambda: self._stages.hand_plan_over(job)):
                self._prepared(self._set(job, StatusCode.PREPARED, phase=Phase.EXECUTE))
            return
        if job.cancelled_at and job.stop is Stop.NONE:
            job = self._store.update(job.id, stop=Stop.CANCELLED)
        self._finalizing(self._set(job, StatusCode.FINALIZING))

    def _finalizing(self, job: Job) -> None:
        request = self._request(job)
        key = f"finalise {job.id} {job.attempt}"

        def work() -> Outcome:
            status = self._executor.status(job.container)
            return self._finaliser.finalise(job, request, status)

        outcome = self._background.take(key, work)
        if outcome is not None:
            self._end(
                job.id,
                outcome.code,
                outcome.reason,
                unmatched=outcome.unmatched,
                files={} if job.stop in {Stop.CANCELLED, Stop.ADMIN} else outcome.files,
                run_record=outcome.run_record,
            )
