"""Programs in the sandbox of a job, by the runner's own executor on its host."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from testinfra.host import Host

PYTHON = "/opt/sallyport/runner/current/venv/bin/python"
ARCHIVE = Path(__file__).parents[3] / "build/images/python_v2.tar"
IMAGE = "sallyport.invalid/python:v2"
TEMPORARY = "/" + "tmp"
Start = Callable[..., dict[str, Any]]
EXECUTOR = """
import io, json, sys, time
from sallyport_runner.models import ContainerSpec, Mount
from sallyport_runner.profile import SANDBOX
from sallyport_runner.services.outputs import joblog
from sallyport_runner.services.running.engine import DockerExecutor

given = json.loads(sys.argv[1])
given["environment"] = SANDBOX["environment"]
given["mounts"] = [Mount(**mount) for mount in given["mounts"]]
executor = DockerExecutor("unused.invalid/x", 10)

def ended(name):
    deadline = time.monotonic() + 120
    while (status := executor.status(name)).running and time.monotonic() < deadline:
        time.sleep(0.1)
    return status
"""
RUN = (
    EXECUTOR
    + """
spec = ContainerSpec(**given)
executor.start(spec)
executor.start(spec)  # adopted, not doubled
status = ended(spec.name)
lines = b"".join(executor.logs(spec.name)).decode().splitlines()
executor.remove(spec.name)
print(json.dumps({
    "exit": status.exit_code,
    "out_of_memory": status.out_of_memory,
    "output": "\\n".join(line.partition(" ")[2] for line in lines),
    "left": executor.status(spec.name),
}))
"""
)


def load(host: Host) -> None:
    """Give the host's engine the image of Python actions, as a registry would."""
    name = host.backend.name
    with ARCHIVE.open("rb") as archive:
        subprocess.run(
            ["docker", "exec", "--interactive", name, "docker", "load", "--quiet"],
            stdin=archive,
            stdout=subprocess.DEVNULL,
            check=True,
        )


def start(
    host: Host, image: str, program: str, *words: str, script: str = RUN, **values: Any
) -> dict[str, Any]:
    """Run a Python program as a job and return what `script`, which uses the executor, printed.

    Limits are smaller than those of a real job.
    """
    folder = "/srv/high_privacy/volumes/probe"
    host.check_output("mkdir -p %s && chown 10000:10000 %s", folder, folder)
    spec = {
        "name": "os-job-probe",
        "image": image,
        "command": ["python3", "-c", program, *words],
        "labels": {"org.sallyport.job": "probe", "org.sallyport.backend": "probe"},
        "mounts": [{"source": folder, "target": "/workspace", "read_only": False}],
        "cpus": 1.0,
        "memory": 256 * 2**20,
        "pids": 50,
        "tmp_size": 16 * 2**20,
        "shm_size": 8 * 2**20,
        "file_size": 32 * 2**20,
    }
    done = host.run("%s -c %s %s", PYTHON, script, json.dumps(spec | values))
    host.check_output("rm -r %s", folder)
    assert done.rc == 0, done.stderr
    return dict(json.loads(done.stdout))
