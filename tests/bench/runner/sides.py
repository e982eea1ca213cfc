"""The two runners as processes: ours, and the one published on PyPI at its fastest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.runner.moments import Rows, until
from tests.conformance import peer
from tests.unit.runner import made

STOPPING = 30
PATIENCE = 300.0
KIBIBYTE = 1024
TREES = ("work", "high/workspaces", "high/logs", "high/volumes", "medium/workspaces")
"""Folders that the role makes."""


@dataclass
class Place:
    """What a runner needs to know: folders, addresses, and the keys of the job server."""

    folder: Path
    server: str
    git: str
    registry: str
    keys: Path


@dataclass
class Side:
    """A runner of one backend; `workers` is how many jobs it may run at a time."""

    name: str
    place: Place
    token: str
    workers: int = 0
    extra: dict[str, str] = field(default_factory=dict)
    """Variables of the process instead of those that it has."""
    prefix: list[str] = field(default_factory=list)
    """Words before the command: a program that becomes it."""
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder = self.place.folder / self.name
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.rows = Rows(self.database)

    @property
    def database(self) -> Path:
        """Where the runner keeps its state."""
        raise NotImplementedError

    stored_query = ""
    """Asks the state for a request by its identifier: from the first row on, it is stored."""

    def command(self) -> list[str]:
        """Return the words that start the runner."""
        raise NotImplementedError

    def environment(self, workers: int) -> dict[str, str]:
        """Return the whole environment of the process."""
        raise NotImplementedError

    def start(self, workers: int) -> None:
        """Start the runner; its state goes on from where it stopped."""
        self.workers = workers
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.prefix, *self.command()],
                env=self.environment(workers),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        """Stop the process, if it runs."""
        self.rows.close()
        self.workers = 0
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @property
    def pid(self) -> int:
        """The process; raises RuntimeError when it has ended."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    def log_end(self) -> str:
        """Return the last lines of the log."""
        return self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else ""

    def stored(self, request: str) -> float:
        """Return when the runner had stored a request."""
        return until(
            lambda: self.rows.first(self.stored_query, request) is not None,
            f"{self.name} stores the request {request}",
            PATIENCE,
        )

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process so far, with children that have ended."""
        pid = self.pid
        # The kernel's number of another process's clock: CPUCLOCK_SCHED of the process.
        own = time.clock_gettime((~pid << 3) | 2)
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return own + (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Return the memory that the process holds now, in megabytes of 1024 KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / KIBIBYTE


class Ours(Side):
    """`sallyport-runner daemon` with the settings that a site has."""

    stored_query = "SELECT 1 FROM job_requests WHERE identifier = ?"

    @property
    def database(self) -> Path:
        """See Side."""
        return self.folder / "work/runner.sqlite3"

    def command(self) -> list[str]:
        """See Side."""
        return [str(Path(sys.executable).with_name("sallyport-runner")), "daemon"]

    def environment(self, workers: int) -> dict[str, str]:
        """See Side; the names are those of the unit tests, so that none is ever missing."""
        for name in TREES:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        values: dict[str, Any] = {
            "BACKEND": self.name,
            "JOB_SERVER_ENDPOINT": f"{self.place.server}/api/v2",
            "GITHUB_PROXY": self.place.git,
            "DOCKER_PROXY": self.place.registry,
            "ALLOWED_GITHUB_ORGS": "opensafely",
            "IMAGE_DIGESTS": "{}",
            "MAX_WORKERS": workers,
            "MAX_DB_WORKERS": workers,
            "JOB_CPU_COUNT": 2.0,
            "JOB_PIDS_LIMIT": 1000,
            "JOB_DISK_LIMIT": 50 * 1024**3,
            "DISK_FREE_FLOOR": 2 * 1024**3,
            "DATABASE_URL_FILE": "",
            "TRUSTED_KEYS": self.place.keys,
        }
        ours = {f"RUNNER_{name}": str(value) for name, value in values.items()}
        key = self.folder / "record_key"  # a runner that starts again signs as it did before
        before = key.read_bytes() if key.exists() else b""
        environment = made.environment(self.folder) | ours
        if before:
            key.write_bytes(before)
        (self.folder / "token").write_text(f"{self.token}\n", encoding="utf-8")
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder)} | environment | self.extra


@dataclass
class Peer(Side):
    """`opensafely-jobrunner` 2.52.4 with short intervals."""

    poll_interval: float = 1.0
    loop_interval: float = 0.1

    stored_query = "SELECT 1 FROM job_request WHERE id = ?"

    @property
    def database(self) -> Path:
        """See Side."""
        return self.folder / "run/db.sqlite"

    def command(self) -> list[str]:
        """See Side."""
        return [str(peer.python()), "-m", "jobrunner.service"]

    def environment(self, workers: int) -> dict[str, str]:
        """See Side."""
        (self.folder / "run").mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "WORKDIR": str(self.folder / "run"),
            "BACKEND": self.name,
            "USING_DUMMY_DATA_BACKEND": "true",
            "ALLOWED_GITHUB_ORGS": "opensafely",
            "JOB_SERVER_ENDPOINT": f"{self.place.server}/api/v2/",
            "JOB_SERVER_TOKEN": self.token,
            "POLL_INTERVAL": f"{self.poll_interval:g}",
            "JOB_LOOP_INTERVAL": f"{self.loop_interval:g}",
            "MAX_WORKERS": str(workers),
            "DEFAULT_JOB_CPU_COUNT": "2",
            "DEFAULT_JOB_MEMORY_LIMIT": "4G",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.place.git}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github-proxy.opensafely.org/",
            "PYTHONUNBUFFERED": "1",
        }
