"""Starts the data builder on this host in a container as jobs have it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CONFIG = Path("/etc/sallyport/data_builder/check.json")
DOCKER = "/usr/bin/docker"
LIMITS = {
    "pids-limit": 100, "memory": "1g", "memory-swap": "1g", "shm-size": "64m",
    "ulimit": "fsize=67108864:67108864",
}  # fmt: skip
"""Limits of its own: a check needs less than a job."""
UNREACHABLE, TIME_OUT = 3, 124
"""Exit codes: the data builder's own for a database that cannot be reached, and timeout(1)'s."""


class NotStartedError(Exception):
    """The container could not be started, or did not end in time; `code` is the exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


def configuration() -> dict[str, Any]:
    """Return what the role wrote down."""
    return dict(json.loads(CONFIG.read_text(encoding="utf-8")))


def options(sandbox: Mapping[str, Any], seccomp: str) -> list[str]:
    """Return the options of a job's container, as the runner has them, for `docker run`.

    `sandbox` is the runner's sandbox.json, `seccomp` the path of its profile of system calls.
    """
    user = sandbox["user"]
    listed = [f"user={user}:{user}", f"security-opt=seccomp={seccomp}"]
    for name, value in sandbox["options"].items():
        option = {"ipc_mode": "ipc"}.get(name, name.replace("_", "-"))
        listed += [f"{option}={item}" for item in (value if isinstance(value, list) else [value])]
    listed += [f"ulimit={name}={limit}:{limit}" for name, limit in sandbox["ulimits"].items()]
    listed += [f"env={name}={value}" for name, value in sandbox["environment"].items()]
    listed += [f"dns-opt={option}" for option in sandbox["dns_opt"]]
    listed += [f"network={sandbox['database_network']}", f"tmpfs=/tmp:{sandbox['tmpfs']},size=64m"]
    return [f"--{option}".replace("=True", "=true") for option in listed]


def command(
    config: Mapping[str, Any], name: str, words: Sequence[str], reports: Path | None = None
) -> list[str]:
    """Return what starts the container: a job's limits, one network, one name, no resolver."""
    url = Path(config["database_url_file"]).read_text(encoding="utf-8").strip()
    host = urlsplit(url).hostname or ""
    try:
        address = socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0]
    except OSError:
        text = f"this host does not know the name {host} of the database"
        raise NotStartedError(text, UNREACHABLE) from None
    mounts = {
        config["backends"]: "/backends:ro",
        config["database_url_file"]: "/run/database_url:ro",
    } | ({} if reports is None else {str(reports): "/reports"})
    return [
        DOCKER, "run", "--rm", "--pull=missing", f"--name={name}",
        *options(config["sandbox"], config["seccomp"]),
        *(f"--{name}={value}" for name, value in LIMITS.items()),
        f"--dns={config['dns']}", f"--add-host={host}:{address}",
        "--env=DATABASE_URL_FILE=/run/database_url",
        *(f"--volume={source}:{target}" for source, target in mounts.items()),
        config["image"], "data-builder", *words,
    ]  # fmt: skip


def pull(image: str) -> None:
    """Pull an image that this host does not have, without the progress that `run` would print."""
    present = subprocess.run([DOCKER, "image", "inspect", image], check=False, capture_output=True)
    if present.returncode:
        subprocess.run([DOCKER, "pull", "--quiet", image], check=False, stdout=subprocess.DEVNULL)


def run(
    config: Mapping[str, Any], name: str, words: Sequence[str], reports: Path | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run the data builder until it ends; raise NotStartedError if it does not in time."""
    started = command(config, name, words, reports)
    pull(config["image"])
    limit = config["time_limit"]
    try:
        return subprocess.run(started, check=False, timeout=limit, text=True, **options)
    except subprocess.TimeoutExpired:
        subprocess.run([DOCKER, "rm", "--force", name], check=False)
        raise NotStartedError(f"stopped after {limit} seconds", TIME_OUT) from None
