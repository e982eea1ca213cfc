"""How long a job may stay in each of its states, whatever does not answer."""

from __future__ import annotations

from collections.abc import Callable

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Job, Reason
from sallyport_runner.services.running.retries import LONGEST, MAX_TRIES
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.settings import Settings

HOUR = 3600.0
STARTING = HOUR
"""A start is some calls of the engine, of 15 seconds each; all its tries take under a quarter."""
ENDING = 24 * HOUR
"""After its time limit, while the engine does not answer: nothing else can stop the program."""
RECORDING = 96 * HOUR
"""A disk that is full on a Friday evening is seen on Monday, or on Tuesday after a holiday."""
RECORDED = frozenset({StatusCode.EXECUTED, StatusCode.FINALIZING, StatusCode.FINALIZED})
REASONS = {
    StatusCode.PREPARING: Reason.STUCK_PREPARING,
    StatusCode.PREPARED: Reason.STUCK_STARTING,
    StatusCode.EXECUTING: Reason.STUCK_ENDING,
    StatusCode.FINALIZING: Reason.STUCK_RECORDING,
}
"""What is said of a job at its limit, by the state; all that is recorded counts as one."""


class Limits:
    """Counts from when this process first saw a job in a state, so a restart counts again."""

    def __init__(self, settings: Settings, sandbox: Sandbox, ticks: Callable[[], float]) -> None:
        self._settings, self._sandbox, self._ticks = settings, sandbox, ticks
        self._since: dict[str, tuple[str, StatusCode, float]] = {}

    def reached(self, job: Job) -> Reason:
        """Return why a running job has to be given up, NONE if its time is not over."""
        state = StatusCode.FINALIZING if job.code in RECORDED else job.code
        key, known, since = self._since.get(job.id, ("", state, 0.0))
        if (key, known) != (job.run_key + job.phase, state):
            since = self._ticks()
            self._since[job.id] = job.run_key + job.phase, state, since
        over = self._ticks() - since >= self.of(job, state)
        return REASONS[state] if over else Reason.NONE

    def forget(self, job_id: str) -> None:
        """Drop what is known of a job."""
        self._since.pop(job_id, None)

    def of(self, job: Job, state: StatusCode) -> float:
        """Return the seconds for which a job may be in a state."""
        if state is StatusCode.PREPARING:
            # As many pulls as are tried, each until its timeout, and an hour for code and inputs.
            return MAX_TRIES * (self._settings.image_pull_timeout + LONGEST) + HOUR
        if state is StatusCode.PREPARED:
            return STARTING
        if state is StatusCode.EXECUTING:
            return self._sandbox.time_limit(job) + ENDING
        return RECORDING
