"""The settings of a runner in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sallyport_common.settings import Secret
from sallyport_disclosure.policy import Policy
from sallyport_records import keys
from sallyport_runner.settings import Front, Settings
from sallyport_runner.weights import Weights
from sallyport_study.catalogue import DEFAULT

MEBIBYTE = 1024**2
RECORD_KEYS = keys.generate()  # private, public


def settings(base: Path, **values: Any) -> Settings:
    """Return settings for a runner below a folder."""
    for name in ("work", "high", "medium"):
        (base / name).mkdir(exist_ok=True)
    given: dict[str, Any] = {
        "backend": "hospital",
        "workdir": base / "work",
        "high_privacy_storage_base": base / "high",
        "medium_privacy_storage_base": base / "medium",
        "job_server": Front.CLASSIC,
        "job_server_endpoint": "https://jobs.example.org/api/v2",
        "job_server_token": Secret("f" * 40),
        "trusted_keys": None,
        "record_signing_key": Secret(RECORD_KEYS[0].decode()),
        "ca_file": Path("/etc/ssl/certs/ca-certificates.crt"),
        "poll_interval": 5.0,
        "long_poll": 50,
        "stats_poll_interval": 10.0,
        "github_proxy": f"file://{base}/forge",
        "allowed_github_orgs": ("demo-org",),
        "allowed_branches": ("*",),
        "database_workspaces": ("*",),
        "action_organisation": None,
        "action_branch": "main",
        "docker_proxy": "proxy.example.org/sallyport",
        "images": DEFAULT,
        "image_digests": {},
        "image_pull_timeout": 60,
        "image_keep_days": 30,
        "leftover_keep_days": 30,
        **dict.fromkeys(("log_keep_days", "archive_keep_days"), 0),
        "max_workers": 4,
        "max_db_workers": 2,
        "max_workers_per_workspace": 0,
        "job_weights": Weights(),
        "job_cpu_count": 2.0,
        "job_memory_limit": 4 * 1024**3,
        "job_time_limit": 3600,
        "job_pids_limit": 500,
        "job_tmp_size": 1024**3,
        "job_shm_size": 64 * MEBIBYTE,
        "job_disk_limit": 10 * 1024**3,
        "disk_free_floor": 0,
        "database_url": Secret("postgresql://jobs:hidden-password@127.0.0.1/hospital"),
        "database_access_network": "jobrunner-db",
        "database_backends": base / "backends",
        "database_backend_class": None,
        "container_runtime": None,
        "maintenance_image": None,
        "maintenance_command": "data-builder maintenance",
        "maintenance_poll_interval": 300.0,
        "dns_sink": "192.0.2.0",
        "stata_license": None,
        "output_policy": Policy(),
    }
    return Settings(**given | values)
