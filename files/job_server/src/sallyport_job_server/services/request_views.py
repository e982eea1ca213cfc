"""Job requests and jobs as one person sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sallyport_common.protocol import ERROR_ACTION, OPEN_STATES, State, parse_utc
from sallyport_job_server.models import CANCELLED, Job, JobRequest, Outcome
from sallyport_job_server.services.drawing import Drawing
from sallyport_job_server.services.pages import Page

JOBS = 200
"""Jobs of a page: a browser takes a second for each 1,000 rows of a table."""
FEW = 20
"""Jobs that are seen at once and need no choice of a state."""


@dataclass(frozen=True)
class RequestView:
    """A job request with its jobs, as one person sees it."""

    request: JobRequest
    jobs: list[Job]
    may_cancel: bool = False
    may_run: bool = False
    before: JobRequest | None = None
    """The request before it on the same branch."""
    drawing: Drawing | None = None

    @property
    def by_action(self) -> dict[str, Job]:
        """The jobs by their actions."""
        return {job.action: job for job in self.jobs}

    @property
    def cancelled(self) -> frozenset[str]:
        """The actions that people asked to stop."""
        return frozenset(self.request.cancelled_actions)

    @property
    def ended_at(self) -> str | None:
        """When the last job ended; None while one is open."""
        ends = [job.completed_at for job in self.jobs if job.completed_at]
        return max(ends, key=parse_utc) if self.final and ends else None

    @property
    def status(self) -> str:
        """The status shown for the whole request."""
        return status_of({job.status for job in self.jobs})

    @property
    def shown(self) -> str:
        """The status that people are shown, which may be cancelled."""
        return shown_status(self.jobs)

    @property
    def actions(self) -> list[Job]:
        """The jobs of actions, without the one that says why a request could not be run."""
        return [job for job in self.jobs if job.action != ERROR_ACTION]

    @property
    def states(self) -> dict[str, int]:
        """How many jobs of actions people are shown in which state; empty for a few jobs."""
        if len(self.actions) <= FEW:
            return {}
        return dict(sorted(Counter(job.shown for job in self.actions).items()))

    def rows(self, state: str, number: int) -> Page[Job]:
        """Return a page of the jobs of actions, of one state or, where it is empty, of all."""
        rows = [job for job in self.actions if state in ("", job.shown)]
        return Page.of(number, lambda most, before: rows[before : before + most], JOBS)

    @property
    def problem(self) -> str:
        """Why the request could not be run, in lines; empty if it could."""
        return "\n".join(job.message for job in self.jobs if job.action == ERROR_ACTION)

    @property
    def ended(self) -> int:
        """How many jobs of actions have ended."""
        return sum(State(job.status).final for job in self.actions)

    @property
    def final(self) -> bool:
        """Return whether every job has ended."""
        return bool(self.jobs) and all(State(job.status).final for job in self.jobs)

    @property
    def cancelling(self) -> bool:
        """Return whether everything that has not ended was cancelled."""
        open_actions = {job.action for job in self.jobs if not State(job.status).final}
        return bool(self.cancelled) and open_actions <= self.cancelled


@dataclass(frozen=True)
class RequestLine:
    """A job request in a list, with the status that people are shown."""

    request: JobRequest
    shown: str


def status_of(statuses: Collection[str]) -> str:
    """Return the status of a request from those of its jobs; one that is under way is running."""
    different = set(statuses)
    if len(different) <= 1:
        return different.pop() if different else State.PENDING
    if different & OPEN_STATES:
        return State.RUNNING
    return State.FAILED if State.FAILED in different else CANCELLED


def shown_status(outcomes: Iterable[Outcome]) -> str:
    """Return the status of a request that people are shown: cancelled unless a job failed."""
    return status_of({outcome.shown for outcome in outcomes})


@dataclass(frozen=True)
class Run:
    """One of several jobs of an action, and the request that it belongs to."""

    job: Job
    request: str


@dataclass(frozen=True)
class JobView:
    """A job with its request, and the jobs of the same action before and after it."""

    job: Job
    request: JobRequest
    runs: list[Run]
    may_cancel: bool
    may_run: bool

    @property
    def is_cancelling(self) -> bool:
        """Return whether it was cancelled and has not ended."""
        return not State(self.job.status).final and self.job.action in set(
            self.request.cancelled_actions
        )
