"""What each container of a job may do: the specification that the executor carries out."""

from __future__ import annotations

import json
import math
import socket
from pathlib import Path

from sallyport_runner.models import ContainerSpec, Job, JobRequest, Mount, Phase, Reason
from sallyport_runner.profile import SANDBOX
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.outputs.volumes import Volume
from sallyport_runner.services.sentences import size_text, time_text
from sallyport_runner.settings import Settings

COMPILE_MEMORY = 2 * 1024**3
COMPILE_CPUS = 2.0
COMPILE_TIME = 600
PLAN_LIMIT = 64 * 1024**2
SELF_TEST, MAINTENANCE = PURPOSES = ("self-test", "maintenance")
"""What the runner runs containers for beside jobs."""
STATA = "stata-mp"
"""What the names of the images begin with that get the licence of Stata."""
DATABASE_URL_FILE = "/run/secrets/database_url"


class Sandbox:
    """Builds container specifications from jobs and settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def own(self, purpose: str) -> str:
        """Return the id of what the runner runs for itself: several runners may share an engine."""
        return f"{purpose}-{self._settings.backend}"

    def uses_database(self, job: Job) -> bool:
        """Return whether the job reaches the database, on this backend."""
        return job.requires_db and not self._settings.dummy_data

    def limit(self, job: Job, reason: Reason) -> str:
        """Return the limit that stopped a job, for people; empty for any other reason."""
        if reason is Reason.OUT_OF_MEMORY:
            return size_text(self._memory(job))
        if reason is Reason.TIME_LIMIT:
            return time_text(self.time_limit(job))
        return size_text(self._settings.job_disk_limit) if reason is Reason.DISK_LIMIT else ""

    def _memory(self, job: Job) -> int:
        limit = self._settings.job_memory_limit
        limit = min(limit, job.terms.get("memory", limit))
        return min(COMPILE_MEMORY, limit) if job.phase is Phase.COMPILE else limit

    def time_limit(self, job: Job) -> int:
        """Return the seconds that the container of the present phase may take."""
        limit = self._settings.job_time_limit
        return min(COMPILE_TIME, limit) if job.phase is Phase.COMPILE else limit

    def specification(self, job: Job, request: JobRequest, volume: Volume) -> ContainerSpec:
        """Return what the container of the present phase may do."""
        settings = self._settings
        compiling = job.phase is Phase.COMPILE
        cpus = self._cpus(job)
        networked = self.uses_database(job) and not compiling
        return ContainerSpec(
            name=job.container,
            image=job.image,
            command=self._command(job),
            entrypoint=self._entrypoint(job),
            user=volume.owner,
            environment=self._environment(job, request) | _threads(cpus),
            labels=self._labels(job),
            mounts=self._mounts(job, volume),
            network=settings.database_access_network if networked else None,
            dns=settings.dns_sink if networked else None,
            hosts=self._hosts() if networked else {},
            cpus=cpus,
            memory=self._memory(job),
            pids=settings.job_pids_limit,
            tmp_size=settings.job_tmp_size,
            shm_size=settings.job_shm_size,
            runtime=settings.container_runtime,
            file_size=PLAN_LIMIT if compiling else settings.job_disk_limit,
        )

    def _cpus(self, job: Job) -> float:
        limit = self._settings.job_cpu_count
        limit = min(limit, job.terms.get("cpu_count", limit))
        return min(COMPILE_CPUS, limit) if job.phase is Phase.COMPILE else limit

    def _command(self, job: Job) -> list[str]:
        words = job.words[1:]
        if job.phase is Phase.COMPILE:
            return ["data-builder", "compile", "--plan", "/plan/plan.json", "--command", *words]
        if job.phase is Phase.EXECUTE:
            return ["data-builder", "execute", "/plan/plan.json", "--command", *words]
        return words

    def _entrypoint(self, job: Job) -> list[str]:
        """Return what the settings put before the words of an action; nothing for most images."""
        entry = self._settings.images.entries.get(job.words[0].partition(":")[0])
        return list(entry.command) if entry and job.phase is Phase.RUN else []

    def _environment(self, job: Job, request: JobRequest) -> dict[str, str]:
        settings, database = self._settings, self.uses_database(job)
        backend = (database and settings.database_backend_class) or settings.backend
        names: dict[str, str] = job.terms.get("environment", {}) | SANDBOX["environment"]
        names |= {"OPENSAFELY_BACKEND": backend}
        if settings.stata_license and job.words[0].startswith(STATA):
            names |= {"STATA_LICENSE": settings.stata_license.reveal()}
        if not database or job.phase is Phase.COMPILE:
            return names
        names["EHRQL_PERMISSIONS"] = json.dumps(job.terms.get("permissions", request.permissions))
        if job.phase is Phase.EXECUTE:
            return names | {"DATABASE_URL_FILE": DATABASE_URL_FILE, "DATA_BUILDER_JOB_ID": job.id}
        return names | {"DATABASE_URL": self.database_url()}

    def database_url(self) -> str:
        """Return the address of the database, its password included."""
        secret = self._settings.database_url
        return secret.reveal() if secret else ""

    def _labels(self, job: Job) -> dict[str, str]:
        own = {
            "job": job.id,
            "attempt": str(job.attempt),
            "phase": job.phase.value,
            "epoch": str(job.epoch),
            "backend": self._settings.backend,
            "image": job.image,
        }
        if job.terms:
            own["task"] = job.terms["task_id"]
        classic = {
            "job-runner": "",
            "jobrunner-local": "",
            "workspace": job.workspace,
            "action": job.action,
        }
        return classic | {f"org.sallyport.{name}": value for name, value in own.items()}

    def _mounts(self, job: Job, volume: Volume) -> list[Mount]:
        if job.phase is Phase.RUN:
            return [_mount(volume.workspace, "/workspace", writable=True)]
        if job.phase is Phase.COMPILE:
            return [
                _mount(volume.workspace, "/workspace"),
                _mount(volume.plan, "/plan", writable=True),
            ]
        return [
            _mount(volume.execution, "/workspace", writable=True),
            _mount(volume.plan, "/plan"),
            _mount(self._settings.database_backends, "/backends"),
            _mount(volume.secret, DATABASE_URL_FILE),
        ]

    def _hosts(self) -> dict[str, str]:
        """Return name and address of the database: the one entry that a job gets."""
        # A local run has no database, and to import this takes as long as to run a container.
        from sqlalchemy.engine import make_url

        host = make_url(self.database_url()).host
        if not host:
            return {}
        try:
            found = socket.getaddrinfo(host, None, socket.AF_INET)
        except OSError as error:
            raise TransientError(f"the database's name has no address: {error}") from error
        return {host: str(found[0][4][0])}


def _threads(cpus: float) -> dict[str, str]:
    """Return how many threads numerical libraries start, which else count the host's CPUs."""
    return {"OMP_NUM_THREADS": str(math.ceil(cpus))}


def _mount(source: Path, target: str, *, writable: bool = False) -> Mount:
    return Mount(source=str(source), target=target, read_only=not writable)
