"""A real job in the runner's sandbox, beside the same probe in a container that lacks it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from runner.jobs import EXECUTOR, TEMPORARY, Start

PROBE = (Path(__file__).parent / "probe.py").read_text(encoding="utf-8")
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
EAT = "data = bytes(1) * 400 * 2**20"
EAT_IN_CHILD = f"""
import os, sys
child = os.fork()
if child == 0:
    {EAT}
    os._exit(0)
os.waitpid(child, 0)
"""


def run(start: Start, **values: Any) -> dict[str, Any]:
    """Run the probe in the sandbox and return what it printed."""
    result = start(PROBE, **values)
    assert result["exit"] == 0, result
    assert result["left"] is None
    return dict(json.loads(result["output"]))


@pytest.fixture(scope="module")
def inside(start: Start) -> dict[str, Any]:
    """What a job can do."""
    return run(start)


@pytest.fixture(scope="module")
def control(host: Host, image: str) -> dict[str, Any]:
    """What the same program can do in a container without the sandbox."""
    command = (
        "docker run --rm --security-opt seccomp=unconfined --security-opt no-new-privileges=false "
        "--tmpfs /workspace --tmpfs %s --cap-add SYS_ADMIN --env HOME=%s %s python3 -c %s"
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


def test_a_database_job_has_one_network_one_name_and_no_resolver(start: Start) -> None:
    values = {"network": "jobrunner-db", "dns": "192.0.2.0", "hosts": {"db.test": "192.0.2.9"}}
    found = run(start, **values)
    assert len(found["interfaces"]) == 2
    assert "192.0.2.9\tdb.test" in found["hosts"]
    assert "timeout:1" in found["resolvers"]
    assert found["capabilities"] == 0


@pytest.mark.parametrize(
    ("program", "ending"),
    [(FILL, 137), (EAT, 137), (EAT_IN_CHILD, 0), (EAT_IN_CHILD + "sys.exit(3)", 3)],
    ids=["shared memory", "the program itself", "a child", "a child, and an error after it"],
)
def test_want_of_memory_is_told_whoever_was_killed(start: Start, program: str, ending: int) -> None:
    sizes = {"shm_size": 2**29, "file_size": 2**29}
    small = start(program, **sizes)
    assert (small["exit"], small["out_of_memory"]) == (ending, True)
    large = start(program, **sizes, memory=2**30)
    assert (large["exit"], large["out_of_memory"]) == (ending % 137, False)


def test_want_of_memory_ends_nothing_of_another_container(
    host: Host, image: str, start: Start
) -> None:
    sleeper = "docker run --detach --network=none --name=sleeper %s sleep 60"
    host.check_output(sleeper, image)
    try:
        assert start(FILL, shm_size=2**29, file_size=2**29)["out_of_memory"]
        state = "docker inspect --format '{{.State.Running}} {{.State.OOMKilled}}' sleeper"
        assert host.check_output(state) == "true false"
    finally:
        host.run("docker rm --force sleeper")


def test_a_job_does_not_see_the_shared_memory_of_another(
    host: Host, image: str, start: Start
) -> None:
    first, second = start(NEIGHBOUR, script=PAIR)["seen"]
    assert len(first) == len(second) == 1
    assert first != second
    shared = "docker run --detach --ipc=%s --name=%s %s python3 -c %s"
    try:
        host.check_output(shared, "shareable", "neighbour-a", image, NEIGHBOUR)
        host.check_output(shared, "container:neighbour-a", "neighbour-b", image, NEIGHBOUR)
        host.check_output("docker wait neighbour-b")
        assert len(host.check_output("docker logs neighbour-b").split()) == 2
    finally:
        host.run("docker rm --force neighbour-a neighbour-b")


def test_a_long_log_keeps_its_beginning_and_its_end(start: Start) -> None:
    logs = start(PRINTER, script=LOG)
    whole, short = logs["whole"], logs["short"]
    assert (whole["lines"], whole["cut"]) == (300_000, [])
    for log in (whole, short):
        assert log["first"].endswith(" printed line 0")
        assert log["last"].endswith(" printed line 299999")
    assert len(short["cut"]) == 1
    assert short["lines"] < 100_000
