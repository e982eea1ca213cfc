"""What happens in each state of a job: every step is idempotent, and waits for nothing.

A job's state is in the store and in the engine, never in this process alone: after a restart the
step of its state is simply taken again. Whatever asks the engine, the disk or the network runs in
the background, and the loop comes here again when it has ended.
"""

from __future__ import annotations

import functools
import logging
from collections import defaultdict
from collections.abc import Callable, Collection
from typing import TypeVar

from sallyport_common.protocol import StatusCode, utc_now_text
from sallyport_runner.flags import Flags
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
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.outputs.finalise import ContainerGoneError
from sallyport_runner.services.running.attempts import Attempt, Prepared, Seen
from sallyport_runner.services.running.background import Step
from sallyport_runner.services.running.parts import Parts
from sallyport_runner.services.running.transitions import Transitions, stop_of

log = logging.getLogger(__name__)
T = TypeVar("T")
DOUBT = 20.0
"""Seconds for which an end that the engine may have made is doubted.

An engine that is stopped gives its containers 15 seconds, and its stream of events is open so long.
"""
SHOWN_AFTER = 1.0
"""Seconds of collecting outputs after which a job is shown to do so."""
KILL_AGAIN = 5.0
"""Seconds after which a container that was killed and still runs is killed once more."""
LOOK_AGAIN = 0.5
"""Seconds after which a container is looked at again that runs although its end was told."""


class Runs:
    """Moves jobs from the moment they are picked to their end; the loop keeps `flags` current."""

    def __init__(self, parts: Parts, transitions: Transitions) -> None:
        self._parts, self._transitions = parts, transitions
        parts.privacy_trees.remove_partial()
        parts.archives.settle()
        self._attempts: defaultdict[str, Attempt] = defaultdict(Attempt)
        self.flags = Flags()
        self._steps = {
            StatusCode.PREPARING: self._preparing,
            StatusCode.PREPARED: self._prepared,
            StatusCode.EXECUTING: self._executing,
            StatusCode.EXECUTED: self._executed,
            StatusCode.FINALIZING: self._executed,
        }

    def running(self, job: Job) -> None:
        """Take the step of a running job's state, or put it back where operators want that."""
        leaving = self._attempts[job.run_key].leaving
        if leaving is None:
            self._steps[job.code](job)
        else:
            self._transitions.back_to_pending(job, leaving, asked=True)

    def _puts_back(self, job: Job) -> bool:
        """Put a job back if the host is to restart or its database is closed; return whether so.

        Only a job whose program was seen running, or was never started, is asked about: one that
        has ended is recorded, and a start that is under way is waited for.
        """
        closed = self.flags.maintenance and self._parts.sandbox.uses_database(job)
        if job.cancelled_at or job.stop is not Stop.NONE or not (self.flags.rebooting or closed):
            return False
        reboot = self.flags.rebooting
        code = StatusCode.WAITING_ON_REBOOT if reboot else StatusCode.WAITING_DB_MAINTENANCE
        self._attempts[job.run_key].leaving = code
        self._transitions.back_to_pending(job, code, asked=True)
        return True

    def look_again(self, job: Job, *, dead: bool = False) -> None:
        """Say that the container of a job may not be what it was, or that it has ended."""
        attempt = self._attempts[job.run_key]
        attempt.alive, attempt.dead = False, attempt.dead or dead

    def forget(self, job: Job) -> None:
        """Forget an attempt that is over: what the engine said about a container is large."""
        self._attempts.pop(job.run_key, None)

    def prune(self, active: Collection[Job]) -> None:
        """Forget the attempts that are over."""
        keys = {job.run_key for job in active}
        for key in self._attempts.keys() - keys:
            del self._attempts[key]

    def begin(self, job: Job) -> None:
        """Take a pending job that was picked: it occupies a worker from now on."""
        self._attempts[job.run_key].picked = self._parts.ticks()
        started = utc_now_text()
        try:
            prepared = self._take_prepared(job)
        except TransientError:
            self._transitions.set(job, StatusCode.PREPARING, started_at=started, phase=Phase.RUN)
            raise
        if prepared is None:
            self._transitions.set(job, StatusCode.PREPARING, started_at=started, phase=Phase.RUN)
        else:
            self._start(job, prepared, started)

    def prepare_ahead(self, job: Job) -> None:
        """Prepare a job that will be picked soon; a fault shows when it is."""
        attempt = self._attempts[job.run_key]
        if attempt.prepared is None and not attempt.unprepared:
            try:
                attempt.prepared = self._take(job, Step.PREPARE, self._preparation(job))
            except Exception as error:  # it is met again, and judged, when the job is picked
                attempt.unprepared = True
                log.info("preparing ahead failed: %s", error, extra={"job": job.id})

    def adopt(self, job: Job) -> bool | None:
        """Take over a container of this very attempt that a lost database forgot.

        Return whether there was one; None while the engine is asked.
        """
        found = self._take(job, Step.ADOPT, functools.partial(self._find_own, job))
        if found is None:
            return None
        if found.status is None:
            return False
        self._transitions.set(
            job,
            StatusCode.EXECUTING,
            phase=Phase(found.status.label("phase")),
            image=found.status.label("image"),
            epoch=int(found.status.label("epoch")),
            started_at=job.started_at or utc_now_text(),
            container_started=self._parts.ticks(),
        )
        return True

    def _find_own(self, job: Job) -> Seen:
        """Return the container of this attempt and remove those of others."""
        for phase in (Phase.RUN, Phase.COMPILE):
            status = self._parts.executor.status(container_name(job.id, phase))
            if status is not None and status.label("attempt") == str(job.attempt):
                return Seen(status)
            if status is not None:
                self._parts.executor.remove(status.name)
                metrics.STRAYS.inc()
        return Seen(None)

    def _request(self, job: Job) -> JobRequest:
        """Return the request of a job, which is read once for each attempt; for the loop alone."""
        attempt = self._attempts[job.run_key]
        attempt.request = attempt.request or self._parts.store.request(job.request_id)
        if attempt.request is None:
            raise LookupError("a job without its request")
        return attempt.request

    def _take(self, job: Job, step: Step, work: Callable[[], T]) -> T | None:
        return self._parts.background.take(job.request_id, job.run_key, step, work)

    def _preparation(self, job: Job) -> Callable[[], Prepared]:
        """Return the step that prepares a job; where that has ended meanwhile, nothing stays."""
        request = self._request(job)

        def prepare() -> Prepared:
            try:
                return Prepared(*self._parts.stages.prepare(job, request))
            finally:
                now = self._parts.store.job(job.id)
                if now is not None and not now.active:
                    self._parts.volumes.of(job.id).remove()

        return prepare

    def _take_prepared(self, job: Job) -> Prepared | None:
        attempt = self._attempts[job.run_key]
        prepared, attempt.prepared = attempt.prepared, None
        return prepared or self._take(job, Step.PREPARE, self._preparation(job))

    def _preparing(self, job: Job) -> None:
        if self._transitions.end_by_hand(job):
            return
        if self.flags.rebooting:
            # It has no container, and what prepares it goes on: the next try takes the result.
            self._transitions.set(job, StatusCode.WAITING_ON_REBOOT, started_at=None)
            return
        prepared = self._take_prepared(job)
        if prepared is not None:
            self._start(job, prepared, job.started_at or utc_now_text())

    def _start(self, job: Job, prepared: Prepared, started: str) -> None:
        """Keep that a job is prepared, and start its container.

        The epoch is kept before the start, so that no two starts ever have the same one.
        """
        self._attempts[job.run_key].starting = True
        job = self._transitions.set(
            job,
            StatusCode.PREPARED,
            image=prepared.image,
            phase=prepared.phase,
            started_at=started,
            epoch=job.epoch + 1,
            container_started=self._parts.ticks(),
        )
        self._prepared(job)

    def _prepared(self, job: Job) -> None:
        attempt = self._attempts[job.run_key]
        if not attempt.starting:  # after a restart, or a start that failed
            if self._transitions.end_by_hand(job) or self._puts_back(job):
                return
            if self._parts.volumes.of(job.id).prepared_at is None:
                self._transitions.back_to_pending(job, StatusCode.WAITING_ON_REBOOT)
                return
            attempt.starting = attempt.repeated = True
            now = self._parts.ticks()
            job = self._parts.roster.change([job], epoch=job.epoch + 1, container_started=now)[0]
        try:
            run = functools.partial(self._run, job, self._request(job))
            started = self._take(job, Step.START, run)
        except BaseException:
            attempt.starting = False
            raise
        if started:
            attempt.starting, attempt.alive = False, not (attempt.dead or attempt.repeated)
            attempt.stream = 0 if attempt.repeated else started.stream
            if attempt.picked is not None:
                metrics.DISPATCH.observe(self._parts.ticks() - attempt.picked)
                attempt.picked = None
            self._executing(self._transitions.set(job, StatusCode.EXECUTING))

    def _run(self, job: Job, request: JobRequest) -> Seen:
        """Start the container of the present phase."""
        stream = self._parts.inbox.stream
        self._parts.stages.check_network(job)
        volume = self._parts.volumes.of(job.id)
        spec = self._parts.sandbox.specification(job, request, volume)
        self._parts.executor.start(spec)
        return Seen(None, stream)

    def _executing(self, job: Job) -> None:
        attempt = self._attempts[job.run_key]
        if attempt.end is not None:
            self._executed(job)
        elif attempt.alive:
            self._watch(job)
        else:
            self._look(job, attempt)

    def _status(self, job: Job) -> Seen | None:
        """Ask the engine for the container of the present phase; None while it is asked."""

        def look() -> Seen:
            stream = self._parts.inbox.stream
            return Seen(self._parts.executor.status(job.container), stream)

        return self._take(job, Step.LOOK, look)

    def _look(self, job: Job, attempt: Attempt) -> None:
        """See what became of a container."""
        seen = self._status(job)
        if seen is None:
            return
        status = seen.status
        if status is None or status.label("attempt") != str(job.attempt):
            self._transitions.back_to_pending(job, StatusCode.WAITING_ON_REBOOT)
        elif status.state == "created":
            self._prepared(self._transitions.set(job, StatusCode.PREPARED))
        elif status.running and attempt.dead:  # an older container, or seen too early
            attempt.dead = False
            self._parts.timers.after(job.id, LOOK_AGAIN)
        elif status.running:
            attempt.alive, attempt.stream = True, seen.stream
            self._watch(job)
        elif status.killed and job.stop is Stop.NONE and not job.cancelled_at:
            self._doubt(job, attempt, seen)
        else:
            self._ended(job, attempt, seen)

    def _ended(self, job: Job, attempt: Attempt, seen: Seen) -> None:
        """Go on with a container that ended; only an end that may be doubted is kept at once."""
        attempt.end = seen
        if seen.status is not None and seen.status.killed:
            job = self._transitions.set(job, StatusCode.EXECUTED)
        self._parts.timers.after(job.id, SHOWN_AFTER)
        self._executed(job)

    def _watch(self, job: Job) -> None:
        if self._puts_back(job):
            return
        if job.cancelled_at and job.reason is not Reason.STOPPING:
            job = self._transitions.set(job, job.code, Reason.STOPPING, stop=Stop.CANCELLED)
        if job.stop is Stop.NONE:
            limit = self._parts.sandbox.time_limit(job)
            stop = self._parts.supervision.judge(job, limit)
            if stop is Stop.NONE:
                self._parts.timers.at(job.id, self._parts.supervision.due(job, limit))
                return
            job = self._transitions.set(job, job.code, stop=stop)
        if self._take(job, Step.STOP, functools.partial(self._kill, job)):
            self._parts.timers.after(job.id, KILL_AGAIN)

    def _kill(self, job: Job) -> bool:
        self._parts.executor.kill(job.container)
        return True

    def _doubt(self, job: Job, attempt: Attempt, seen: Seen) -> None:
        """Judge an end that engine or host make when they go down: was it the program's own?

        It was where the engine's events were heard all the time from when the container lived until
        a while after. Otherwise there is no result, and the job starts again. No clock of the host
        is asked: it may have been changed.
        """
        now = self._parts.ticks()
        if not attempt.stream or attempt.stream != self._parts.inbox.stream:
            self._transitions.back_to_pending(job, StatusCode.WAITING_ON_REBOOT)
        elif attempt.doubted is None:
            attempt.doubted = now
            self._parts.timers.after(job.id, DOUBT)
        elif now - attempt.doubted >= DOUBT:
            self._ended(job, attempt, seen)

    def _executed(self, job: Job) -> None:
        """Hand a compiled plan over, else collect outputs; also where a restart cut that off."""
        attempt = self._attempts[job.run_key]
        if attempt.gone:
            self._transitions.back_to_pending(job, StatusCode.WAITING_ON_REBOOT)
            return
        attempt.end = attempt.end or self._status(job)
        if attempt.end is None:
            return
        status = attempt.end.status
        compiled = job.phase is Phase.COMPILE and job.stop is Stop.NONE and not job.cancelled_at
        if compiled and status is not None and status.exit_code == 0:
            self._hand_over(job)
            return
        if job.cancelled_at and job.stop is Stop.NONE:
            job = self._parts.roster.change([job], stop=Stop.CANCELLED)[0]
        self._collect(job, status)

    def _hand_over(self, job: Job) -> None:
        if self._puts_back(job):  # a plan is not a result: to carry it out needs the database
            return
        hand_over = functools.partial(self._parts.stages.hand_plan_over, job)
        if self._take(job, Step.PLAN, hand_over):
            self._attempts[job.run_key] = Attempt()
            prepared = Prepared(job.image, Phase.EXECUTE)
            self._start(job, prepared, job.started_at or utc_now_text())

    def _collect(self, job: Job, status: ContainerStatus | None) -> None:
        request = self._request(job)
        finalise = self._parts.finaliser.finalise
        stopped = functools.partial(stop_of, self._parts.store, job.id)

        def end() -> Outcome:
            return finalise(job, request, status, stopped)

        try:
            outcome = self._take(job, Step.FINALISE, end)
        except TransientError:
            self._transitions.set(job, StatusCode.FINALIZING, job.reason)
            raise
        except ContainerGoneError:
            self._attempts[job.run_key].gone = True
            self._transitions.back_to_pending(job, StatusCode.WAITING_ON_REBOOT)
            return
        if outcome is None:
            return
        self._transitions.end(
            job,
            outcome.code,
            outcome.reason,
            problem=self._parts.sandbox.limit(job, outcome.reason),
            unmatched=outcome.unmatched,
            files=outcome.files,
            run_record=outcome.run_record,
        )

    def show_collecting(self, job: Job) -> Job:
        """Show that outputs are collected, where that takes a while."""
        if self._attempts[job.run_key].end is None or job.code is StatusCode.FINALIZING:
            return job
        return self._transitions.set(job, StatusCode.FINALIZING)
