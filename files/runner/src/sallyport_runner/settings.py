"""Settings of the runner, read once at start."""

from __future__ import annotations

import enum
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.errors import SettingsError
from sallyport_common.names import SLUG
from sallyport_common.redaction import password
from sallyport_common.settings import Secret, load
from sallyport_disclosure.policy import Policy
from sallyport_records import keys
from sallyport_runner.weights import Weights
from sallyport_study.catalogue import Catalogue
from sallyport_study.reusable import Home

PREFIX = "RUNNER_"
DUMMY_BACKENDS = frozenset({"test", "expectations"})
"""Backends with dummy data and no database (a convention of the job protocol)."""

_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_POSITIVE = (
    "poll_interval", "stats_poll_interval", "image_pull_timeout",
    "image_keep_days", "leftover_keep_days", "max_workers", "max_db_workers", "job_cpu_count",
    "job_memory_limit", "job_time_limit", "job_pids_limit", "job_tmp_size", "job_shm_size",
    "job_disk_limit", "maintenance_poll_interval",
)  # fmt: skip
_NOT_NEGATIVE = (
    "long_poll", "disk_free_floor", "max_workers_per_workspace", "log_keep_days",
    "archive_keep_days",
)  # fmt: skip


class Front(enum.StrEnum):
    """How the runner is given work: by requests, or by the tasks of a controller."""

    CLASSIC = "classic"
    TASK_API = "task_api"

    @property
    def sentence(self) -> str:
        """What it is, for operators."""
        return _FRONTS[self]


_FRONTS = {
    Front.CLASSIC: "job requests of the classic job API",
    Front.TASK_API: "tasks of OpenSAFELY's task API",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the runner can be told from outside; sizes are in bytes, times in seconds."""

    backend: str
    workdir: Path
    high_privacy_storage_base: Path
    medium_privacy_storage_base: Path

    job_server: Front
    job_server_endpoint: str
    job_server_token: Secret
    trusted_keys: Path | None
    record_signing_key: Secret
    ca_file: Path
    poll_interval: float
    long_poll: int
    stats_poll_interval: float

    github_proxy: str
    allowed_github_orgs: tuple[str, ...]
    allowed_branches: tuple[str, ...]
    action_organisation: Home | None
    action_branch: str
    database_workspaces: tuple[str, ...]
    docker_proxy: str
    images: Catalogue
    image_digests: dict[str, str]
    image_pull_timeout: int
    image_keep_days: int
    leftover_keep_days: int
    log_keep_days: int
    archive_keep_days: int

    container_runtime: str | None
    max_workers: int
    max_db_workers: int
    max_workers_per_workspace: int
    job_weights: Weights
    job_cpu_count: float
    job_memory_limit: int
    job_time_limit: int
    job_pids_limit: int
    job_tmp_size: int
    job_shm_size: int
    job_disk_limit: int
    disk_free_floor: int

    database_url: Secret | None
    database_access_network: str
    database_backends: Path
    database_backend_class: str | None
    dns_sink: str
    maintenance_image: str | None
    maintenance_command: str
    maintenance_poll_interval: float
    stata_license: Secret | None

    output_policy: Policy

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read RUNNER_*; raise SettingsError naming every problem at once."""
        settings = load(cls, PREFIX, environment)
        problems = list(settings._problems())
        if problems:
            raise SettingsError(problems)
        return settings

    def _problems(self) -> Iterator[str]:
        if not SLUG.fullmatch(self.backend):
            yield f"{PREFIX}BACKEND: a slug has small letters, digits, '-' and '_' only"
        if self.database_backend_class and not _CLASS.fullmatch(self.database_backend_class):
            yield f"{PREFIX}DATABASE_BACKEND_CLASS: expected the dotted path of a class"
        for name in _POSITIVE:
            if not 0 < getattr(self, name) < math.inf:
                yield f"{PREFIX}{name.upper()}: expected a number above 0"
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                yield f"{PREFIX}{name.upper()}: expected 0 or more"
        if not self.job_server_endpoint.startswith(("https://", "http://")):
            yield f"{PREFIX}JOB_SERVER_ENDPOINT: expected an address that starts with https://"
        yield from self._key_problems()
        yield from self._probe_problems()

    def _probe_problems(self) -> Iterator[str]:
        if not self.maintenance_image:
            return
        if ":" not in self.maintenance_image:
            example = "such as databuilder:v1"
            yield f"{PREFIX}MAINTENANCE_IMAGE: expected an image with its tag, {example}"
        if self.database_url is None:
            yield f"{PREFIX}MAINTENANCE_IMAGE: without a database there is nothing to ask"
        try:
            words = shlex.split(self.maintenance_command)
        except ValueError:
            words = []
        if not words:
            yield f"{PREFIX}MAINTENANCE_COMMAND: expected words, with every quotation mark closed"

    def _key_problems(self) -> Iterator[str]:
        if self.job_server is Front.TASK_API and self.trusted_keys:
            yield (
                f"{PREFIX}TRUSTED_KEYS: tasks of the task API have no signature; leave it empty "
                f"where {PREFIX}JOB_SERVER is {Front.TASK_API}"
            )
        try:
            keys.load_private(self.record_signing_key.reveal().encode())
        except keys.KeyFormatError as error:
            yield f"{PREFIX}RECORD_SIGNING_KEY_FILE: {error}"

    def secrets(self) -> list[str]:
        """Return every value that must not be in a log, a record or a message."""
        known = (
            self.job_server_token,
            self.record_signing_key,
            self.database_url,
            self.stata_license,
        )
        addresses = (self.job_server_endpoint, self.github_proxy, self.docker_proxy)
        return [
            *(secret.reveal() for secret in known if secret is not None),
            *filter(None, map(password, addresses)),
        ]

    @property
    def dummy_data(self) -> bool:
        """Return whether this backend has dummy data only, and so never a database."""
        return self.backend in DUMMY_BACKENDS

    @property
    def volumes(self) -> Path:
        """The folder with a subfolder for each job that is under way."""
        return self.high_privacy_storage_base / "volumes"
