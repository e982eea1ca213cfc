"""What operators may ask of the runner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sallyport_common.errors import SallyportError
from sallyport_common.protocol import utc_now_text
from sallyport_runner.flags import Flag
from sallyport_runner.models import Job, Stop
from sallyport_runner.services.requests.sync import SyncState
from sallyport_runner.services.running.inbox import Inbox
from sallyport_runner.services.running.space import Space
from sallyport_runner.storage import Store

SHOWN = 50


class UnknownJobError(SallyportError):
    """No active job, or more than one, fits what was asked for."""


class Control:
    """The verbs of the admin socket."""

    def __init__(
        self,
        backend: str,
        store: Store,
        space: Space,
        sync: SyncState,
        inbox: Inbox,
        wake: Callable[[], None],
    ) -> None:
        self._backend, self._store, self._space = backend, store, space
        self._sync, self._inbox, self._wake = sync, inbox, wake

    def status(self) -> dict[str, Any]:
        """Return flags, jobs by code, short file systems, and when the job server last answered."""
        flags = self._store.flags()
        return {
            "backend": self._backend,
            "paused": flags.paused,
            "db_maintenance": flags.manual_maintenance,
            "jobs": self._store.counts(),
            "short_of_disk_space": [
                {"folder": str(short.folder), "free": short.free, "wanted": short.floor}
                for short in self._space.short()
            ],
            "sync": {
                "last_contact": self._sync.last_contact,
                "long_poll": self._sync.long_poll,
            },
        }

    def notices(self) -> list[str]:
        """Return why jobs that could run are not started, in sentences."""
        return [f"No job starts: {short}." for short in self._space.short()]

    def jobs(self) -> list[dict[str, Any]]:
        """Return active jobs, then the newest others."""
        return [
            {
                "id": job.id,
                "workspace": job.workspace,
                "action": job.action,
                "code": job.code.value,
                "attempt": job.attempt,
                "phase": job.phase.value,
                "started_at": job.started_at,
                "completed_at": job.completed_at,
            }
            for job in self._store.recent_jobs(SHOWN)
        ]

    def pause(self, on: bool) -> None:
        """Start no further job, or go on."""
        self._flag(Flag.PAUSED, on)

    def maintenance(self, on: bool) -> None:
        """Close the database for jobs, or open it again."""
        self._flag(Flag.MANUAL_MAINTENANCE, on)

    def _flag(self, flag: Flag, on: bool) -> None:
        self._store.set_flag(flag, on, utc_now_text())
        self._inbox.everything()
        self._wake()

    def kill(self, partial: str) -> Job:
        """Stop a job permanently; part of its id is enough. Raises UnknownJobError."""
        jobs = [job for job in self._store.active_jobs() if partial and partial in job.id]
        if len(jobs) != 1:
            number = "More than one active job has" if jobs else "No active job has"
            raise UnknownJobError(f"{number} '{partial}' in its id.")
        job = self._store.update(jobs[0].id, stop=Stop.ADMIN)
        self._inbox.jobs([job.id])
        return job
