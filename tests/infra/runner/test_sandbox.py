"""A real job in the runner's sandbox, beside the same probe in a container that lacks it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

PROBE = (Path(__file__).parent / "probe.py").read_text(encoding="utf-8")
PYTHON = "/opt/sallyport/runner/current/venv/bin/python"
# The host's own Python as an image: an interpreter, its library and what both are linked to.
IMAGE = r"""
set -e
python=$(readlink -f /usr/bin/python3)
cp "$python" /run/python3
links=$(ldd "$python" /usr/lib/python3*/lib-dynload/_ctypes*.so | grep -o '/[^ ]*\.so[^ :]*')
links=$(printf '%s\n' $links | grep -v lib-dynload | sort -u)
cd /
tar --create --dereference --hard-dereference --exclude=__pycache__ --exclude=dist-packages \
    --transform='s,^run/,usr/bin/,' --transform='s,^/,,' \
    run/python3 usr/lib/python3.* $links 2>/dev/null |
    docker import --change 'ENTRYPOINT ["/usr/bin/python3", "-c"]' -
"""
RUN = """
import json, sys, time
from sallyport_runner.models import ContainerSpec, Mount
from sallyport_runner.services.running.engine import DockerExecutor

given = json.loads(sys.argv[1])
given["mounts"] = [Mount(**mount) for mount in given["mounts"]]
spec = ContainerSpec(**given)
executor = DockerExecutor("unused.invalid/x", 10)
executor.start(spec)
executor.start(spec)  # adopted, not doubled
for _ in range(300):
    status = executor.status(spec.name)
    if not status.running:
        break
    time.sleep(0.1)
output = b"".join(executor.logs(spec.name)).decode()
executor.remove(spec.name)
print(json.dumps({"exit": status.exit_code, "output": output, "left": executor.status(spec.name)}))
"""
TEMPORARY = "/" + "tmp"
LIMITS = {"cpus": 1.0, "memory": 256 * 2**20, "pids": 50, "tmp_size": 16 * 2**20}


@pytest.fixture(scope="module")
def image(host: Host) -> str:
    """The digest of an image with Python alone."""
    return str(host.check_output("sh -c %s", IMAGE)).splitlines()[-1]


def run(host: Host, image: str, name: str, **values: Any) -> dict[str, Any]:
    """Run the probe in the sandbox and return what it printed."""
    folder = f"/srv/high_privacy/volumes/{name}"
    host.check_output("mkdir -p %s && chown 10000:10000 %s", folder, folder)
    spec = {
        "name": f"os-job-{name}",
        "image": image,
        "command": [PROBE],
        "environment": {"HOME": TEMPORARY},
        "labels": {"org.sallyport.job": name, "org.sallyport.backend": "probe"},
        "mounts": [{"source": folder, "target": "/workspace", "read_only": False}],
        "file_size": 32 * 2**20,
    }
    done = host.run("%s -c %s %s", PYTHON, RUN, json.dumps(spec | LIMITS | values))
    host.check_output("rm -r %s", folder)
    assert done.rc == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["exit"] == 0, result
    assert result["left"] is None
    return dict(json.loads(result["output"].partition(" ")[2]))


@pytest.fixture(scope="module")
def inside(host: Host, image: str) -> dict[str, Any]:
    """What a job can do."""
    return run(host, image, "probe")


@pytest.fixture(scope="module")
def control(host: Host, image: str) -> dict[str, Any]:
    """What the same program can do in a container without the sandbox."""
    command = (
        "docker run --rm --security-opt seccomp=unconfined --security-opt no-new-privileges=false "
        "--tmpfs /workspace --tmpfs %s --cap-add SYS_ADMIN --env HOME=%s %s %s"
    )
    return dict(json.loads(host.check_output(command, TEMPORARY, TEMPORARY, image, PROBE)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("interfaces", ["lo"]),
        ("uid", 10000),
        ("capabilities", 0),
        ("no_new_privileges", "1"),
        ("seccomp", "2"),
        ("io_uring", 1),
        ("root", "OSError"),
        ("large_file", "OSError"),
        ("large_temporary_file", "OSError"),
        ("memory", 9),
        ("shared_memory", False),
        ("core", 0),
    ],
)
def test_a_job_is_closed_in(
    inside: dict[str, Any], control: dict[str, Any], name: str, expected: object
) -> None:
    assert inside[name] == expected
    assert control[name] != expected


def test_a_job_makes_no_user_namespace(inside: dict[str, Any], control: dict[str, Any]) -> None:
    assert inside["user_namespace"] != 0
    assert control["user_namespace"] == 0


def test_processes_are_limited(inside: dict[str, Any], control: dict[str, Any]) -> None:
    assert inside["children"] < 50
    assert control["children"] == 100


def test_a_job_writes_its_workspace_and_starts_threads(inside: dict[str, Any]) -> None:
    assert inside["workspace"] == "done"
    assert inside["thread"]


def test_a_database_job_has_one_network_one_name_and_no_resolver(host: Host, image: str) -> None:
    values = {"network": "jobrunner-db", "dns": "192.0.2.0", "hosts": {"db.test": "192.0.2.9"}}
    found = run(host, image, "probe-db", **values)
    assert len(found["interfaces"]) == 2
    assert "192.0.2.9\tdb.test" in found["hosts"]
    assert "timeout:1" in found["resolvers"]
    assert found["capabilities"] == 0
