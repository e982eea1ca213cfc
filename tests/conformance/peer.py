"""Published peers, each in an environment of its own, kept under build/."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
CLI = ROOT / "tests" / "bench" / "runner" / "requirements.txt"
"""The command line tool of researchers, which the benchmark runs too."""
FOLDER = ROOT / "build" / "conformance"


def python(requirements: Path = HERE / "requirements.txt") -> Path:
    """Return the Python of an environment with a locked peer; made where it is missing or old."""
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    environment = FOLDER / f"peer-{digest}"
    ready = environment / "ready"
    with _alone(environment.with_suffix(".lock")):
        if not ready.exists():
            _install(environment, requirements)
            ready.touch()
    return environment / "bin" / "python"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time make an environment; tests run in several."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _install(environment: Path, requirements: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--require-hashes"]
    subprocess.run([*pip, "-r", str(requirements)], check=True)


FASTER = {"POLL_INTERVAL": "1", "JOB_LOOP_INTERVAL": "0.2"}
"""So that tests wait less; without them the peer has its own intervals."""


def start(
    folder: Path,
    url: str,
    token: str,
    gitroot: Path,
    module: str,
    intervals: Mapping[str, str] = FASTER,
) -> subprocess.Popen[str]:
    """Start a part of the peer against a job server, its git turned to a local folder."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "WORKDIR": str(folder / "run"),
        "BACKEND": "test",
        "USING_DUMMY_DATA_BACKEND": "true",
        "ALLOWED_GITHUB_ORGS": "opensafely",
        "JOB_SERVER_ENDPOINT": f"{url}/api/v2/",
        "JOB_SERVER_TOKEN": token,
        "MAX_WORKERS": "2",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{gitroot}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github-proxy.opensafely.org/",
        "PYTHONPATH": str(HERE / "fake"),
        "PYTHONUNBUFFERED": "1",
        "EXECUTOR": "fakeexec:Fake",
        **intervals,
    }
    (folder / "run").mkdir(parents=True, exist_ok=True)
    with (folder / f"{module}.log").open("w", encoding="utf-8") as log:
        return subprocess.Popen(
            [python(), "-m", f"jobrunner.{module}"],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
