"""The settings of a local run: those of a backend with dummy data, whose trees are in the study."""

from __future__ import annotations

from pathlib import Path

from sallyport_common.settings import Secret
from sallyport_disclosure.policy import Policy
from sallyport_runner.settings import Front, Settings
from sallyport_runner.weights import Weights
from sallyport_study.site import Site

BACKEND = "test"
CPUS = 2.0


def local_settings(kept: Path, site: Site, cpus: float, workers: int) -> Settings:
    """Return settings in which every connection of a backend is closed.

    What a job may use is what the role `runner` gives it by default.
    """
    return Settings(
        backend=BACKEND,
        workdir=kept,
        high_privacy_storage_base=kept / "high",
        medium_privacy_storage_base=kept / "medium",
        job_server=Front.CLASSIC,
        job_server_endpoint="",
        job_server_token=Secret(""),
        trusted_keys=None,
        ca_file=kept / "none",
        poll_interval=1,
        long_poll=0,
        stats_poll_interval=1,
        github_proxy="",
        allowed_github_orgs=(),
        allowed_branches=(),
        action_organisation=None,
        action_branch="",
        database_workspaces=(),
        docker_proxy=site.registry,
        images=site.images,
        image_digests={},
        image_pull_timeout=1,
        image_keep_days=1,
        leftover_keep_days=1,
        log_keep_days=0,
        archive_keep_days=0,
        record_signing_key=Secret(""),
        container_runtime=None,
        maintenance_image=None,
        maintenance_command="",
        maintenance_poll_interval=1,
        max_workers=workers,
        max_db_workers=workers,
        max_workers_per_workspace=0,
        job_weights=Weights(),
        job_cpu_count=min(CPUS, cpus),
        job_memory_limit=4 * 1024**3,
        job_time_limit=48 * 3600,
        job_pids_limit=1000,
        job_tmp_size=1024**3,
        job_shm_size=64 * 1024**2,
        job_disk_limit=50 * 1024**3,
        disk_free_floor=0,
        database_url=None,
        database_access_network="",
        database_backends=kept / "none",
        database_backend_class=None,
        dns_sink="",
        stata_license=None,
        output_policy=Policy(),
    )
