"""The run loop: woken by news and by timers, it moves the jobs that they name.

The work of one wake is proportional to what changed. A full pass, every half minute and whenever
news may have been missed, reads one number for each active job and asks the engine once.
"""

from __future__ import annotations

import functools
from collections import defaultdict

from sallyport_common.protocol import State, StatusCode, state_of, utc_now_text
from sallyport_runner.flags import Flags
from sallyport_runner.models import Job, JobRequest, Reason, Stop
from sallyport_runner.services import metrics
from sallyport_runner.services.running.background import Step
from sallyport_runner.services.running.guard import Guard
from sallyport_runner.services.running.inbox import News
from sallyport_runner.services.running.obstacles import FLAGS
from sallyport_runner.services.running.parts import Parts
from sallyport_runner.services.running.retries import Retries
from sallyport_runner.services.running.runs import Runs
from sallyport_runner.services.running.transitions import Transitions

PASS, OBSTACLE = "pass", "obstacle"
"""Timers of the loop itself; all others are named by a job or a request."""
PASS_EVERY, OBSTACLE_EVERY = 30.0, 10.0
LONGEST_REST = 30.0
AHEAD = 2
"""Jobs that are prepared while others run."""


class RunLoop:
    """Decides which jobs start, and lets each job that has news take its step."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        retries = Retries(parts.ticks, parts.timers)
        self._transitions = Transitions(parts, parts.roster, retries)
        self._guard = Guard(parts, self._transitions, retries, self.admitted)
        self._runs = Runs(parts, self._transitions)
        parts.reboot.begin()
        self._examined: set[str] = set()
        self._admitting: dict[str, JobRequest] = {}
        self._obstacle = self._said = Reason.NONE
        parts.inbox.everything()
        parts.inbox.requests()

    @property
    def hung(self) -> int:
        """How many steps were given up that never ended: each keeps a thread."""
        return self._guard.hung

    def step(self, longest: float = 0.0) -> None:
        """Wait for news or a timer, `longest` seconds at most, and act on all there is.

        Where that fails, as on a full disk, nobody knows what is left to do: the next step looks
        at everything.
        """
        try:
            self._act(self._parts.inbox.take(self._parts.timers.rest(longest)))
        except BaseException:
            self._parts.inbox.everything()
            self._parts.inbox.requests()
            raise

    def _act(self, news: News) -> None:
        parts = self._parts
        metrics.WAKES.inc()
        due = parts.timers.take()
        if news.everything or PASS in due:
            self._look_at_everything(news)
        self._refresh(news, due)
        if news.requests or any(map(self._is_request, due)):
            self._admit_requests()
        self._runs.flags = parts.store.flags()
        self._move(news.jobs | due, due)
        self._schedule(self._runs.flags)

    def _is_request(self, name: str) -> bool:
        return name not in {PASS, OBSTACLE} and self._parts.roster.get(name) is None

    def _look_at_everything(self, news: News) -> None:
        """Take what the store has, and look again at each container and at each waiting job."""
        roster = self._parts.roster
        self._parts.timers.after(PASS, PASS_EVERY)
        roster.load()
        active = [*roster.running.values(), *roster.pending()]
        self._runs.prune(active)
        self._examined.intersection_update(job.run_key for job in active)
        roster.dirty.update(job.id for job in active)
        news.jobs.update(roster.running)
        for job in roster.running.values():
            self._runs.look_again(job)

    def _refresh(self, news: News, due: set[str]) -> None:
        """Read the rows that somebody else may have changed, and note which containers ended."""
        roster = self._parts.roster
        for job in roster.running.values():
            if job.container in news.ended:
                self._runs.look_again(job, dead=True)
                news.jobs.add(job.id)
        if news.rows:
            roster.refresh(news.rows)
        roster.dirty.update(news.jobs, due)

    def _admit_requests(self) -> None:
        """Admit one request at a time for each workspace: the next has to see the jobs of this."""
        found = {request.identifier: request for request in self._parts.store.new_requests()}
        self._admitting = self._admitting | found
        waiting: set[str] = set()
        for identifier, request in list(self._admitting.items()):
            if request.workspace not in waiting:
                self._guard.request(request, functools.partial(self._admit, request))
                if identifier in self._admitting:
                    waiting.add(request.workspace)

    def _admit(self, request: JobRequest) -> None:
        admit = functools.partial(self._parts.admission.admit, request)
        identifier = request.identifier
        if self._parts.background.take(identifier, identifier, Step.ADMIT, admit):
            self.admitted(identifier)

    def admitted(self, identifier: str) -> None:
        """Take the jobs of a request, which may be the one that says why there are none."""
        self._admitting.pop(identifier, None)
        self._parts.roster.load()
        self._parts.changed(True)

    def _move(self, touched: set[str], due: set[str]) -> None:
        """Let the running jobs that have news take their step."""
        for identifier in touched:
            job = self._parts.roster.running.get(identifier)
            if job is not None:
                if identifier in due:
                    job = self._runs.show_collecting(job)
                self._guard.job(job, functools.partial(self._runs.running, job))
                if identifier not in self._parts.roster.running:
                    self._runs.forget(job)

    def _schedule(self, flags: Flags) -> None:
        """Judge the waiting jobs that have news, start those that may, and say what holds others.

        A job that starts at once, or fails, has dependants that have to be judged in their turn.
        """
        lined_up: dict[str, Job] = {}
        pending = True
        while pending:
            lined_up |= self._judge(flags)
            self._start()
            pending = bool(self._parts.roster.dirty)
        self._say_what_holds(lined_up)
        self._prepare_ahead()

    def _judge(self, flags: Flags) -> dict[str, Job]:
        """Look at the waiting jobs with news; return those that are lined up."""
        roster, queue = self._parts.roster, self._parts.queue
        found: defaultdict[StatusCode, list[Job]] = defaultdict(list)
        dirty, roster.dirty = roster.dirty, set()
        for job in filter(None, map(roster.get, dirty)):
            if job.state is State.PENDING and self._is_examined(job):
                found[self._verdict(job, flags)].append(job)
        lined_up = found.pop(StatusCode.PREPARING, [])
        for code, jobs in found.items():
            for job in jobs:
                queue.remove(job.id)
            if state_of(code).final:
                self._transitions.end_all(jobs, code)
            else:
                self._transitions.set_all(jobs, code)
        for job in lined_up:
            queue.add(job)
        return {job.id: job for job in lined_up}

    def _is_examined(self, job: Job) -> bool:
        """Return whether a waiting job has no container of its own; one is taken over first."""
        if job.run_key in self._examined:
            return True
        if self._parts.volumes.of(job.id).prepared_at is not None:
            self._guard.job(job, functools.partial(self._adopt, job))
        else:
            self._examined.add(job.run_key)
        return job.run_key in self._examined

    def _adopt(self, job: Job) -> None:
        if self._runs.adopt(job) is False:
            self._examined.add(job.run_key)

    def _verdict(self, job: Job, flags: Flags) -> StatusCode:
        """Return PREPARING for a job that waits for nothing but room, else its code."""
        if job.stop is Stop.ADMIN:
            return StatusCode.KILLED_BY_ADMIN
        if job.cancelled_at:
            return StatusCode.CANCELLED_BY_USER
        if flags.paused:
            waits = job.code is StatusCode.WAITING_ON_REBOOT
            return StatusCode.WAITING_ON_REBOOT if waits else StatusCode.PAUSED
        if self._parts.sandbox.uses_database(job) and flags.maintenance:
            return StatusCode.WAITING_DB_MAINTENANCE
        return self._parts.roster.need(job) or StatusCode.PREPARING

    def _start(self) -> None:
        """Start the jobs that there is room for."""
        roster, queue = self._parts.roster, self._parts.queue
        self._obstacle = Reason.NONE
        while (job := queue.next(roster.running.values())) is not None:
            self._obstacle = self._parts.obstacles.reason()
            if self._obstacle is not Reason.NONE:
                self._parts.timers.after(OBSTACLE, OBSTACLE_EVERY)
                return
            queue.remove(job.id)
            queue.served(job.workspace)
            self._guard.job(job, functools.partial(self._runs.begin, job))

    def _say_what_holds(self, lined_up: dict[str, Job]) -> None:
        """Say what jobs wait for that were lined up and not started, or all after a change."""
        queue, roster = self._parts.queue, self._parts.roster
        jobs = queue.still(lined_up)
        if self._obstacle is not self._said:
            jobs = queue.ready()
            self._tell()
        found: defaultdict[StatusCode, list[Job]] = defaultdict(list)
        for job in jobs:
            found[queue.waits_for(job, roster.running.values())].append(job)
        for code, waiting in found.items():
            shown = StatusCode.WAITING_ON_WORKERS if self._obstacle is not Reason.NONE else code
            for job in self._transitions.set_all(waiting, shown, self._obstacle):
                queue.add(job)

    def _tell(self) -> None:
        """Tell the job server by a flag that an obstacle came or went."""
        self._said = self._obstacle
        flags = self._parts.store.flags()
        for reason, flag in FLAGS.items():
            if flags.on(flag) != (reason is self._said):
                self._parts.store.set_flag(flag, reason is self._said, utc_now_text())
        self._parts.changed(True)

    def _prepare_ahead(self) -> None:
        if self._obstacle is Reason.NONE:
            for job in self._parts.queue.upcoming(AHEAD):
                self._runs.prepare_ahead(job)
