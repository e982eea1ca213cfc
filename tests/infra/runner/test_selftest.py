"""The self-test on a real engine, with each of a job's flags left out in turn."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

from runner.jobs import PYTHON

WEAKENED = """
import dataclasses, json, pathlib, sys
from docker.types import Mount
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.running import engine
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.services.running.selftest import SelfTest
from sallyport_runner.settings import Settings
from sallyport_study.catalogue import Catalogue

whole = engine._creation

def without(options, word):
    return [option for option in options if word not in str(option)]

def secured(given, word, *more):
    return {"security_opt": [*without(given["security_opt"], word), *more]}

SOCKET = Mount("/run/docker.sock", "/run/docker.sock", type="bind")
WEAKER = {
    "nothing": lambda given: {},
    "a network": lambda given: {"network_mode": "bridge"},
    "root": lambda given: {"user": "0:0"},
    "capabilities": lambda given: {"cap_drop": []},
    "new privileges": lambda given: secured(given, "new", "no-new-privileges:false"),
    "no filter": lambda given: secured(given, "seccomp", "seccomp=unconfined"),
    "the engine's filter": lambda given: secured(given, "seccomp"),
    "a writable root": lambda given: {"read_only": False},
    "a large /tmp": lambda given: {"tmpfs": {"/tmp": "rw,exec,mode=1777"}},
    "large shared memory": lambda given: {"shm_size": 2**30},
    "processes": lambda given: {"pids_limit": 0},
    "memory": lambda given: {"mem_limit": 2**40, "memswap_limit": 2**40},
    "core dumps": lambda given: {"ulimits": without(given["ulimits"], "core")},
    "the engine's socket": lambda given: {"mounts": [*given["mounts"], SOCKET]},
    "shared IPC": lambda given: {"ipc_mode": "shareable"},
}
values = dict.fromkeys((field.name for field in dataclasses.fields(Settings)), None) | {
    "backend": "probe", "job_cpu_count": 1.0, "job_memory_limit": 2**30, "job_pids_limit": 100,
    "job_tmp_size": 2**24, "job_shm_size": 2**23, "job_disk_limit": 2**25, "job_time_limit": 60,
    "container_runtime": sys.argv[1] or None, "images": Catalogue.of([]),
}
sandbox, volumes = Sandbox(Settings(**values)), Volumes(pathlib.Path("/srv/high_privacy/volumes"))
found = {}
for name in sys.argv[2:] or WEAKER:
    engine._creation = lambda spec: (lambda made: made | WEAKER[name](made))(whole(spec))
    found[name] = SelfTest(sandbox, engine.DockerExecutor("unused.invalid/x", 10), volumes).run()
print(json.dumps(found))
"""
EXPECTED = {
    "a network": "Network interfaces inside a job",
    "root": "Accounts and groups of a job",
    "capabilities": "Capabilities of a job",
    "new privileges": "No new privileges inside a job",
    "no filter": "Filter of system calls of a job (Seccomp)",
    "the engine's filter": "io_uring inside a job",
    "a writable root": "Root file system of a job (mounted, writable)",
    "a large /tmp": "Size of the temporary folder of a job",
    "large shared memory": "Size of shared memory of a job",
    "processes": "Process limit of a job's control group",
    "memory": "Memory limit of a job's control group",
    "core dumps": "Size of core dumps of a job",
    "the engine's socket": "Sockets of the container engine inside a job",
    "shared IPC": "Ipc of a job, by the engine",
}
Faults = dict[str, list[str]]


def run(host: Host, runtime: str = "", *names: str) -> Faults:
    """Return what the self-test finds in sandboxes that are weakened in one way each."""
    words = " ".join(["%s"] * len(names))
    done = host.run(f"%s -c %s %s {words}", PYTHON, WEAKENED, runtime, *names)
    assert done.rc == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def faults(host: Host) -> Faults:
    """What the self-test finds in each."""
    return run(host)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_weaker_sandbox_is_noticed_by_what_a_job_could_do(faults: Faults, name: str) -> None:
    assert faults["nothing"] == []
    assert any(fault.startswith(f"{EXPECTED[name]}: found ") for fault in faults[name]), faults


def test_nothing_is_left_of_it(host: Host, faults: Faults) -> None:
    assert faults
    assert host.check_output("docker ps --all --quiet --filter=name=self-test") == ""
    assert host.check_output("docker images --quiet --filter=dangling=true") == ""
    assert not host.file("/srv/high_privacy/volumes/self-test-probe").exists
    assert not host.file("/usr/sbin/docker-init").exists


def test_it_passes_in_another_runtime_and_fails_in_one_that_is_not_there(host: Host) -> None:
    assert run(host, "runsc", "nothing") == {"nothing": []}
    (fault,) = run(host, "nosuch", "nothing")["nothing"]
    assert "nosuch" in fault
