"""What the services need of a store. Implementations hold SQL and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Unpack

from sallyport_common.protocol import StatusCode
from sallyport_runner.flags import Flag, Flags
from sallyport_runner.models import Job, JobChanges, JobRequest


class Store(Protocol):
    """Keeps job requests, jobs and flags."""

    def add_request(self, request: JobRequest) -> None:
        """Keep a new request; its identifier is in use by none, or by a restored one that goes."""

    def knows_history(self) -> bool:
        """Return whether there are requests, or `restore` was called."""

    def restore(self, requests: Sequence[JobRequest], jobs: Sequence[Job]) -> None:
        """Keep the past after a lost database in one step, the jobs in the order of their age."""

    def request(self, identifier: str) -> JobRequest | None:
        """Return a request."""

    def new_requests(self) -> list[JobRequest]:
        """Return the requests that are not admitted yet, oldest first."""

    def admit(self, identifier: str, jobs: Sequence[Job], actions: Sequence[str]) -> None:
        """Keep the jobs of a request in one step; nothing happens when it has been admitted."""

    def cancel(self, identifier: str, actions: Sequence[str], now: str) -> list[str]:
        """Note cancelled actions and mark their active jobs; return the ids of those marked."""

    def job(self, identifier: str) -> Job | None:
        """Return a job."""

    def active_jobs(self) -> list[Job]:
        """Return the jobs that have not ended, oldest first."""

    def active_revisions(self) -> dict[str, int]:
        """Return the revision of each job that has not ended, by id."""

    def jobs_by_id(self, identifiers: Sequence[str]) -> list[Job]:
        """Return those of some jobs that exist."""

    def actions_and_codes(self, identifiers: Sequence[str]) -> dict[str, tuple[str, StatusCode]]:
        """Return action and code of those of some jobs that exist, by id."""

    def recent_jobs(self, limit: int) -> list[Job]:
        """Return the newest jobs, active ones first."""

    def latest_jobs(self, workspace: str, actions: Sequence[str] | None = None) -> dict[str, Job]:
        """Return the latest job of each action, or of some; cancelled ones are left out."""

    def last_served(self) -> list[str]:
        """Return the workspaces of which a job was started, the one served last at the end."""

    def jobs_of(self, requests: Sequence[str]) -> list[Job]:
        """Return all jobs of some requests."""

    def jobs_to_post(self, heartbeat: bool) -> list[Job]:
        """Return the jobs of which the server lacks the newest, and all active ones if asked to."""

    def update(self, identifier: str, **changes: Unpack[JobChanges]) -> Job:
        """Change fields of a job, raise its revision and return it."""

    def change(self, identifiers: Sequence[str], **changes: Unpack[JobChanges]) -> None:
        """Change fields of jobs in one step, and raise their revisions."""

    def note_actions(self, identifier: str, actions: Sequence[str]) -> None:
        """Keep which actions the project.yaml of a request has."""

    def note(self, identifier: str, **changes: Unpack[JobChanges]) -> None:
        """Change fields of a job that need not be posted at once."""

    def lose_outputs(self, workspace: str) -> None:
        """Note that the outputs of a workspace are gone: its successes are none to build on."""

    def acknowledge(self, revisions: dict[str, int]) -> None:
        """Note which revision of each job the server has."""

    def flags(self) -> Flags:
        """Return the flags of the backend."""

    def set_flag(self, flag: Flag, on: bool, now: str) -> None:
        """Set or clear a flag."""

    def resume_after(self, boot: str | None, now: str) -> None:
        """Note in which boot of the host somebody asked to resume in the next; None to forget."""

    def resumes_after(self) -> str | None:
        """Return what `resume_after` noted."""

    def image_uses(self) -> dict[str, str]:
        """Return when a job last used each image, in wire form, by reference."""

    def counts(self) -> dict[str, int]:
        """Return the number of jobs by status code."""
