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
EXECUTOR = """
import io, json, sys, time
from sallyport_runner.models import ContainerSpec, Mount
from sallyport_runner.services.outputs import joblog
from sallyport_runner.services.running.engine import DockerExecutor

given = json.loads(sys.argv[1])
given["mounts"] = [Mount(**mount) for mount in given["mounts"]]
executor = DockerExecutor("unused.invalid/x", 10)

def ended(name):
    deadline = time.monotonic() + 120
    while (status := executor.status(name)).running and time.monotonic() < deadline:
        time.sleep(0.2)
    return status
"""
LOG = (
    EXECUTOR
    + """
spec = ContainerSpec(**given)
executor.start(spec)
ended(spec.name)

def log(**limits):
    target = io.BytesIO()
    joblog.copy_output(target, executor.logs(spec.name), **limits)
    lines = target.getvalue().decode().splitlines()
    cut = [line for line in lines if "left out" in line]
    return {"lines": len(lines), "first": lines[0], "last": lines[-1], "cut": cut}

result = {"whole": log(), "short": log(keep=2**20)}
executor.remove(spec.name)
print(json.dumps(result))
"""
)
PRINTER = "for number in range(300_000): print('printed line', number)"
PAIR = (
    EXECUTOR
    + """
specs = [ContainerSpec(**given | {"name": given["name"] + end}) for end in "ab"]
for spec in specs:
    executor.start(spec)
result = []
for spec in specs:
    ended(spec.name)
    result.append(b"".join(executor.logs(spec.name)).decode().split()[1:])
    executor.remove(spec.name)
print(json.dumps({"seen": result}))
"""
)
NEIGHBOUR = """
import os, pathlib, time
shared = pathlib.Path("/dev/shm")
(shared / os.uname().nodename).write_text("x")
time.sleep(4)
print(*[path.name for path in shared.iterdir()])
time.sleep(4)
"""
FILL = """
with open("/dev/shm/file", "wb") as stream:
    for _ in range(400):
        stream.write(bytes(2**20))
"""
TEMPORARY = "/" + "tmp"
LIMITS = {
    "cpus": 1.0,
    "memory": 256 * 2**20,
    "pids": 50,
    "tmp_size": 16 * 2**20,
    "shm_size": 8 * 2**20,
}


@pytest.fixture(scope="module")
def image(host: Host) -> str:
    """The digest of an image with Python alone."""
    return str(host.check_output("sh -c %s", IMAGE)).splitlines()[-1]


def start(
    host: Host, image: str, name: str, script: str, program: str, **values: Any
) -> dict[str, Any]:
    """Run a program in the sandbox by a script that uses the executor; return what that printed."""
    folder = f"/srv/high_privacy/volumes/{name}"
    host.check_output("mkdir -p %s && chown 10000:10000 %s", folder, folder)
    spec = {
        "name": f"os-job-{name}",
        "image": image,
        "command": [program],
        "environment": {"HOME": TEMPORARY},
        "labels": {"org.sallyport.job": name, "org.sallyport.backend": "probe"},
        "mounts": [{"source": folder, "target": "/workspace", "read_only": False}],
        "file_size": 32 * 2**20,
    }
    done = host.run("%s -c %s %s", PYTHON, script, json.dumps(spec | LIMITS | values))
    host.check_output("rm -r %s", folder)
    assert done.rc == 0, done.stderr
    return dict(json.loads(done.stdout))


def run(host: Host, image: str, name: str, **values: Any) -> dict[str, Any]:
    """Run the probe in the sandbox and return what it printed."""
    result = start(host, image, name, RUN, PROBE, **values)
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
        ("large_shared_memory", "OSError"),
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


def test_python_works_with_several_processes(inside: dict[str, Any]) -> None:
    assert inside["shared_memory"] == "done"
    assert inside["processes"] == ["lock", "queue 1", "pool [1, 2]", "executor [3]"]


def test_a_database_job_has_one_network_one_name_and_no_resolver(host: Host, image: str) -> None:
    values = {"network": "jobrunner-db", "dns": "192.0.2.0", "hosts": {"db.test": "192.0.2.9"}}
    found = run(host, image, "probe-db", **values)
    assert len(found["interfaces"]) == 2
    assert "192.0.2.9\tdb.test" in found["hosts"]
    assert "timeout:1" in found["resolvers"]
    assert found["capabilities"] == 0


def test_shared_memory_counts_as_memory(host: Host, image: str) -> None:
    small = start(host, image, "fill", RUN, FILL, shm_size=2**29, file_size=2**29)
    assert small["exit"] == 137
    large = start(host, image, "fill", RUN, FILL, shm_size=2**29, file_size=2**29, memory=2**29)
    assert large["exit"] == 0, large


def test_a_job_does_not_see_the_shared_memory_of_another(host: Host, image: str) -> None:
    first, second = start(host, image, "pair", PAIR, NEIGHBOUR)["seen"]
    assert len(first) == len(second) == 1
    assert first != second
    shared = "docker run --detach --ipc=%s --name=%s %s %s"
    try:
        host.check_output(shared, "shareable", "neighbour-a", image, NEIGHBOUR)
        host.check_output(shared, "container:neighbour-a", "neighbour-b", image, NEIGHBOUR)
        host.check_output("docker wait neighbour-b")
        assert len(host.check_output("docker logs neighbour-b").split()) == 2
    finally:
        host.run("docker rm --force neighbour-a neighbour-b")


def test_a_long_log_keeps_its_beginning_and_its_end(host: Host, image: str) -> None:
    logs = start(host, image, "printer", LOG, PRINTER)
    whole, short = logs["whole"], logs["short"]
    assert (whole["lines"], whole["cut"]) == (300_000, [])
    for log in (whole, short):
        assert log["first"].endswith(" printed line 0")
        assert log["last"].endswith(" printed line 299999")
    assert len(short["cut"]) == 1
    assert short["lines"] < 100_000
