"""Jobs, stores and settings, made for tests that look at one part alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sallyport_disclosure.policy import Policy
from sallyport_records import keys
from sallyport_runner.models import ContainerStatus, Job, JobRequest
from sallyport_runner.storage.sql import SqlStore

TIME = "2026-11-24T00:00:00Z"
REQUEST = JobRequest(
    identifier="a" * 16,
    payload_digest="",
    workspace="ws",
    repo="https://github.com/demo-org/study",
    branch="main",
    sha="0" * 40,
    requested_actions=[],
    created_by="ada",
)


def job(number: int = 1, **values: Any) -> Job:
    """Return a job of a workspace and action of its own."""
    given = {"request_id": "a" * 16, "workspace": f"ws{number}", "action": f"act{number}"}
    return Job(id=f"job{number}", **given | values)


def ended(exit_code: int | None = 0, **values: Any) -> ContainerStatus:
    """Return the state of a container that ended."""
    return ContainerStatus(name="x", labels={}, state="exited", exit_code=exit_code, **values)


def fill(store: SqlStore, *jobs: Job) -> None:
    """Keep jobs of one request, in this order."""
    store.add_request(REQUEST)
    store.admit(REQUEST.identifier, jobs, [])


def environment(base: Path, **values: str) -> dict[str, str]:
    """Return a complete environment for a runner below a folder, with its secrets in files."""
    (base / "token").write_text("hidden-token\n")
    (base / "record_key").write_bytes(keys.generate()[0])
    (base / "database_url").write_text("postgresql://jobs:hidden@127.0.0.1/hospital\n")
    texts = {
        "backend": "hospital",
        "workdir": str(base / "work"),
        "high_privacy_storage_base": str(base / "high"),
        "medium_privacy_storage_base": str(base / "medium"),
        "job_server": "classic",
        "job_server_endpoint": "https://jobs.example.org/api/v2",
        "job_server_token_file": str(base / "token"),
        "record_signing_key_file": str(base / "record_key"),
        "ca_file": "/etc/ssl/certs/ca-certificates.crt",
        "poll_interval": "5",
        "long_poll": "50",
        "stats_poll_interval": "10",
        "github_proxy": "https://github-proxy.example.org",
        "allowed_github_orgs": "demo-org, other-org",
        "allowed_branches": "main, release/*",
        "database_workspaces": "*",
        "action_organisation": "github.com/demo-actions",
        "action_branch": "main",
        "stata_license_file": "",
        "docker_proxy": "docker-proxy.example.org/sallyport",
        "images": '["ehrql", "python", {"name": "rstan", "repository": "quay.io/x/rstan"}]',
        "image_digests": '{"python:v2": "sha256:' + "a" * 64 + '"}',
        "image_pull_timeout": "1200",
        "image_keep_days": "30",
        "leftover_keep_days": "30",
        "log_keep_days": "0",
        "archive_keep_days": "0",
        "max_workers": "4",
        "max_db_workers": "2",
        "max_workers_per_workspace": "0",
        "job_weights": "[]",
        "job_cpu_count": "2.5",
        "job_memory_limit": "4294967296",
        "job_time_limit": "3600",
        "job_pids_limit": "500",
        "job_tmp_size": "1073741824",
        "job_shm_size": "67108864",
        "job_disk_limit": "10737418240",
        "disk_free_floor": "0",
        "database_url_file": str(base / "database_url"),
        "database_access_network": "jobrunner-db",
        "database_backends": str(base / "backends"),
        "database_backend_class": "",
        "container_runtime": "",
        "maintenance_image": "",
        "maintenance_command": "data-builder maintenance",
        "maintenance_poll_interval": "300",
        "dns_sink": "192.0.2.0",
        "output_policy": json.dumps(asdict(Policy())),
    }
    return {f"RUNNER_{name.upper()}": text for name, text in texts.items()} | values
