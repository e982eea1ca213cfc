"""What operators may ask of the runner."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sallyport_common.errors import SallyportError
from sallyport_common.protocol import utc_now_text, utc_text
from sallyport_runner.flags import Flag
from sallyport_runner.models import Job, Stop
from sallyport_runner.services.outputs.volumes import Leftover
from sallyport_runner.services.requests import outgoing
from sallyport_runner.services.requests.sync import SyncState
from sallyport_runner.services.running.parts import Parts
from sallyport_runner.services.running.sweeper import DAY, Sweeper

SHOWN = 50


class UnknownJobError(SallyportError):
    """No active job, or more than one, fits what was asked for."""


class Control:
    """The verbs of the admin socket."""

    def __init__(self, parts: Parts, sync: SyncState, sweeper: Sweeper) -> None:
        self._parts, self._store, self._inbox = parts, parts.store, parts.inbox
        self._sync, self._sweeper = sync, sweeper

    def status(self) -> dict[str, Any]:
        """Return flags, jobs by code, what holds all jobs back, and the server's last answer."""
        flags = self._store.flags()
        return {
            "backend": self._parts.settings.backend,
            "job_server": self._parts.settings.job_server.value,
            "paused": flags.paused,
            "reboot": self._parts.reboot.state().to_wire(),
            "db_maintenance": flags.maintenance,
            "maintenance_probe": self._parts.maintenance.to_wire(),
            "jobs": self._store.counts(),
            "short_of_disk_space": [
                {"folder": str(short.folder), "free": short.free, "wanted": short.floor}
                for short in self._parts.space.short()
            ],
            "self_test_faults": self._parts.obstacles.self_test_faults(),
            "sync": {
                "last_contact": self._sync.last_contact,
                "long_poll": self._sync.long_poll,
            },
        }

    def notices(self) -> list[str]:
        """Return why jobs that could run are not started, in sentences."""
        return self._parts.obstacles.sentences()

    def jobs(self) -> list[dict[str, Any]]:
        """Return active jobs, then the newest others, each with what the job server is told.

        `collected` counts the files of a job that are collected, and all of them, where that is
        under way; the numbers stay inside the secure zone.
        """
        positions, jobs = self._parts.queue.positions(), self._store.recent_jobs(SHOWN)
        awaited = outgoing.awaited(self._store, jobs)
        return [
            {
                "id": job.id,
                "workspace": job.workspace,
                "action": job.action,
                "code": job.code.value,
                "message": outgoing.job_row(job, positions.get(job.id), awaited)["status_message"],
                "attempt": job.attempt,
                "phase": job.phase.value,
                "updated_at": job.updated_at,
                "started_at": job.started_at,
                "completed_at": job.completed_at,
                "collected": self._parts.finaliser.progress(job.id),
            }
            for job in jobs
        ]

    def leftovers(self) -> list[dict[str, Any]]:
        """Return what jobs left that are not active: id, since when, bytes."""
        return [_leftover(one) for one in self._sweeper.leftovers()]

    def remove_leftovers(self, days: float) -> list[dict[str, Any]]:
        """Remove what is older than some days, and return it."""
        before = self._parts.clock() - days * DAY
        return [_leftover(one) for one in self._sweeper.remove_leftovers(before)]

    def archives(self) -> list[dict[str, Any]]:
        """Return the archived workspaces."""
        return self._parts.archives.all()

    def archive(self, workspace: str, by: str, *, dry_run: bool) -> dict[str, Any]:
        """Archive a workspace; raise ArchiveError."""
        return self._parts.archives.archive(workspace, by, dry_run=dry_run)

    def restore(self, workspace: str, by: str) -> dict[str, Any]:
        """Restore a workspace; raise ArchiveError."""
        return self._parts.archives.restore(workspace, by)

    def retention(self, by: str, *, dry_run: bool) -> list[dict[str, Any]]:
        """Delete what is older than its limit, or only return what is."""
        return self._parts.retention.run(by, dry_run=dry_run)

    def run_self_test(self) -> list[str]:
        """Run the self-test of the sandbox now, and return its faults in sentences."""
        faults = self._parts.self_test.run()
        self._inbox.everything()
        return faults

    def pause(self, on: bool) -> None:
        """Start no further job, or go on, which also ends the preparation of a reboot."""
        if not on:
            self._parts.reboot.end()
        self._flag(Flag.PAUSED, on)

    def prepare_reboot(self, *, resume: bool) -> dict[str, Any]:
        """Put every running job back; return how far that is. Raises NoBootError."""
        self._parts.reboot.prepare(resume=resume)
        self._inbox.everything()
        self._parts.changed(True)
        return self.reboot()

    def reboot(self) -> dict[str, Any]:
        """Return how far the preparation of a reboot is."""
        return self._parts.reboot.state().to_wire()

    def maintenance(self, on: bool) -> None:
        """Close the database for jobs, or open it again."""
        self._flag(Flag.MANUAL_MAINTENANCE, on)

    def _flag(self, flag: Flag, on: bool) -> None:
        self._store.set_flag(flag, on, utc_now_text())
        self._inbox.everything()
        self._parts.changed(True)

    def kill(self, partial: str) -> Job:
        """Stop a job permanently; part of its id is enough. Raises UnknownJobError."""
        jobs = [job for job in self._store.active_jobs() if partial and partial in job.id]
        if len(jobs) != 1:
            number = "More than one active job has" if jobs else "No active job has"
            raise UnknownJobError(f"{number} '{partial}' in its id.")
        job = self._store.update(jobs[0].id, stop=Stop.ADMIN)
        self._inbox.jobs([job.id])
        return job


def _leftover(one: Leftover) -> dict[str, Any]:
    since = utc_text(datetime.fromtimestamp(one.since, UTC))
    return {"id": one.job_id, "since": since, "bytes": one.size}
