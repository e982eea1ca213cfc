"""The run loop: each pass moves every active job as far as it can go without waiting.

A job's state is in the store and in the engine, never in this process alone. Every step is
idempotent: after a restart it is simply taken again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

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
from sallyport_runner.services.running.background import Step
from sallyport_runner.services.running.guard import Guard
from sallyport_runner.services.running.parts import Parts
from sallyport_runner.services.running.retries import Retries
from sallyport_runner.services.running.transitions import Transitions

T = TypeVar("T")
ALIVE_EVERY = 10.0
AWAY_MARGIN = 60.0
INTERRUPTIBLE = frozenset({StatusCode.PREPARED, StatusCode.EXECUTING})


class Runs:
    """Moves jobs from pending to an end: what happens in each state."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        retries = Retries(parts.clock)
        self._transitions = Transitions(parts, retries)
        self._guard = Guard(parts, self._transitions, retries)
        self._away = self._time_away()
        parts.privacy_trees.remove_partial()
        self._next_alive = 0.0
        self._steps = {
            StatusCode.PREPARING: self._preparing,
            StatusCode.PREPARED: self._prepared,
            StatusCode.EXECUTING: self._executing,
            StatusCode.EXECUTED: self._executed,
            StatusCode.FINALIZING: self._finalizing,
        }

    def step(self) -> None:
        """Make one pass over new requests and active jobs."""
        self._note_alive()
        self._admit_requests()
        for job in self._parts.store.active_jobs():
            if job.code in self._steps:
                self._guard.job(job, functools.partial(self._running, job))
        seen: set[str] = set()
        while (pending := self._parts.queue.next(seen)) is not None:
            seen.add(pending.id)
            self._guard.job(pending, functools.partial(self._pending, pending))
        self._count()

    def _admit_requests(self) -> None:
        """Admit one request at a time for each workspace: the next has to see the jobs of this."""
        waiting: set[str] = set()
        for request in self._parts.store.new_requests():
            if request.workspace not in waiting:
                self._guard.request(request, functools.partial(self._admit, request))
                admitted = self._parts.store.request(request.identifier)
                if admitted is not None and not admitted.admitted:
                    waiting.add(request.workspace)

    def _time_away(self) -> tuple[float, float]:
        """Return from when to when this runner, and maybe the host, was down."""
        now = self._parts.clock()
        noted = self._parts.store.last_alive()
        last = parse_utc(noted).timestamp() if noted else now
        return last - AWAY_MARGIN, now + AWAY_MARGIN

    def _note_alive(self) -> None:
        now = self._parts.clock()
        if now >= self._next_alive:
            self._next_alive = now + ALIVE_EVERY
            self._parts.store.note_alive(datetime.fromtimestamp(now, UTC).isoformat())

    def _count(self) -> None:
        metrics.JOBS.clear()
        for code, number in self._parts.store.counts().items():
            metrics.JOBS.labels(code).set(number)

    def _request(self, job: Job) -> JobRequest:
        request = self._parts.store.request(job.request_id)
        if request is None:
            raise LookupError("a job without its request")
        return request

    def _take(self, job: Job, step: Step, work: Callable[[], T]) -> T | None:
        return self._parts.background.take(job.request_id, job.run_key, step, work)

    def _admit(self, request: JobRequest) -> None:
        admit = functools.partial(self._parts.admission.admit, request)
        identifier = request.identifier
        if self._parts.background.take(identifier, identifier, Step.ADMIT, admit):
            self._parts.changed()

    def _pending(self, job: Job) -> None:
        if self._transitions.end_by_hand(job):
            return
        new = job.code is StatusCode.CREATED
        if new and self._adopt(job):
            return
        code, reason = self._parts.queue.waits_for(job)
        if code is StatusCode.DEPENDENCY_FAILED:
            self._transitions.end(job.id, code)
        elif code is not StatusCode.PREPARING:
            self._transitions.set(job, code, reason)
        elif new or not self._adopt(job):
            now = utc_now_text()
            self._transitions.set(job, code, started_at=now, phase=Phase.RUN)

    def _adopt(self, job: Job) -> bool:
        """Take over a container of this very attempt that a lost database forgot."""
        volume = self._parts.volumes.of(job.id)
        for phase in (Phase.RUN, Phase.COMPILE):
            status = self._parts.executor.status(container_name(job.id, phase))
            if status is None:
                continue
            if status.label("attempt") != str(job.attempt) or volume.prepared_at is None:
                self._parts.executor.remove(status.name)
                metrics.STRAYS.inc()
                continue
            self._transitions.set(
                job,
                StatusCode.EXECUTING,
                phase=Phase(status.label("phase")),
                image=status.label("image"),
                epoch=int(status.label("epoch")),
                started_at=job.started_at or utc_now_text(),
                container_started=self._parts.clock(),
            )
            return True
        return False

    def _running(self, job: Job) -> None:
        closed = self._parts.sandbox.uses_database(job) and self._parts.store.flags().maintenance
        if closed and not job.cancelled_at and job.code in INTERRUPTIBLE:
            self._transitions.back_to_pending(job, StatusCode.WAITING_DB_MAINTENANCE)
        else:
            self._steps[job.code](job)

    def _preparing(self, job: Job) -> None:
        prepare = functools.partial(self._parts.stages.prepare, job, self._request(job))
        prepared = self._take(job, Step.PREPARE, prepare)
        if prepared is not None:
            image, phase = prepared
            self._prepared(
                self._transitions.set(job, StatusCode.PREPARED, image=image, phase=phase)
            )

    def _prepared(self, job: Job) -> None:
        if self._transitions.end_by_hand(job):
            return
        volume = self._parts.volumes.of(job.id)
        if volume.prepared_at is None:
            self._transitions.back_to_pending(job, StatusCode.WAITING_ON_REBOOT)
            return
        self._parts.stages.check_network(job)
        # The epoch is kept before the start, so that no two starts ever have the same one.
        now = self._parts.clock()
        job = self._parts.store.update(job.id, epoch=job.epoch + 1, container_started=now)
        spec = self._parts.sandbox.specification(job, self._request(job), volume)
        self._parts.executor.start(spec)
        self._transitions.set(job, StatusCode.EXECUTING)

    def _executing(self, job: Job) -> None:
        status = self._parts.executor.status(job.container)
        if status is None or status.label("attempt") != str(job.attempt):
            self._transitions.back_to_pending(job, StatusCode.WAITING_ON_REBOOT)
        elif status.state == "created":
            self._prepared(job)
        elif status.running:
            self._watch(job)
        elif self._was_interrupted(job, status):
            self._transitions.back_to_pending(job, StatusCode.WAITING_ON_REBOOT)
        else:
            self._executed(self._transitions.set(job, StatusCode.EXECUTED))

    def _watch(self, job: Job) -> None:
        if job.cancelled_at and job.reason is not Reason.STOPPING:
            job = self._transitions.set(job, job.code, Reason.STOPPING, stop=Stop.CANCELLED)
        if job.stop is Stop.NONE:
            stop = self._parts.supervision.judge(job, self._parts.sandbox.time_limit(job))
            if stop is Stop.NONE:
                return
            job = self._transitions.set(job, job.code, stop=stop)
        self._parts.executor.kill(job.container)

    def _was_interrupted(self, job: Job, status: ContainerStatus) -> bool:
        """Return whether the container ended while we were down, as it does when its host dies."""
        first, last = self._away
        return (
            job.stop is Stop.NONE
            and status.killed
            and job.container_started < last - AWAY_MARGIN
            and first <= status.finished_at <= last
        )

    def _executed(self, job: Job) -> None:
        status = self._parts.executor.status(job.container)
        compiled = job.phase is Phase.COMPILE and job.stop is Stop.NONE and not job.cancelled_at
        if compiled and status is not None and status.exit_code == 0:
            hand_over = functools.partial(self._parts.stages.hand_plan_over, job)
            if self._take(job, Step.PLAN, hand_over):
                self._prepared(self._transitions.set(job, StatusCode.PREPARED, phase=Phase.EXECUTE))
            return
        if job.cancelled_at and job.stop is Stop.NONE:
            job = self._parts.store.update(job.id, stop=Stop.CANCELLED)
        self._finalizing(self._transitions.set(job, StatusCode.FINALIZING))

    def _finalizing(self, job: Job) -> None:
        request = self._request(job)

        def work() -> Outcome:
            status = self._parts.executor.status(job.container)
            return self._parts.finaliser.finalise(job, request, status)

        outcome = self._take(job, Step.FINALISE, work)
        if outcome is not None:
            self._transitions.end(
                job.id,
                outcome.code,
                outcome.reason,
                unmatched=outcome.unmatched,
                files={} if job.stop in {Stop.CANCELLED, Stop.ADMIN} else outcome.files,
                run_record=outcome.run_record,
            )
