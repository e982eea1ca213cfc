"""Settings of the runner, read once at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.settings import Secret, load

PREFIX = "RUNNER_"
DUMMY_BACKENDS = frozenset({"test", "expectations"})
"""Backends with dummy data and no database (a convention of the job protocol)."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the runner can be told from outside; sizes are in bytes, times in seconds."""

    backend: str
    workdir: Path
    high_privacy_storage_base: Path
    medium_privacy_storage_base: Path

    job_server_endpoint: str
    job_server_token: Secret
    trusted_keys: Path | None
    ca_file: Path
    poll_interval: float
    long_poll: int
    job_loop_interval: float
    stats_poll_interval: float

    github_proxy: str
    allowed_github_orgs: tuple[str, ...]
    docker_proxy: str
    image_digests: dict[str, str]
    image_pull_timeout: int

    max_workers: int
    max_db_workers: int
    job_cpu_count: float
    job_memory_limit: int
    job_time_limit: int
    job_pids_limit: int
    job_tmp_size: int
    job_disk_limit: int
    disk_free_floor: int

    database_url: Secret | None
    database_access_network: str
    database_backends: Path
    dns_sink: str

    level4_max_filesize: int
    level4_max_csv_rows: int
    level4_forbidden_columns: tuple[str, ...]

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read RUNNER_*; raise SettingsError naming every problem at once."""
        return load(cls, PREFIX, environment)

    @property
    def dummy_data(self) -> bool:
        """Tell whether this backend has dummy data only, and so never a database."""
        return self.backend in DUMMY_BACKENDS

    @property
    def volumes(self) -> Path:
        """The folder with a subfolder for each job that is under way."""
        return self.high_privacy_storage_base / "volumes"
