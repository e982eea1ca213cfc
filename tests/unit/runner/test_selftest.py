"""The self-test names each way in which a container is less closed than promised."""

from __future__ import annotations

import json
import os
import tarfile
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runner.inspection import inspected
from tests.unit.runner.rig import Container, MemoryExecutor, settings

from sallyport_runner import inside
from sallyport_runner.models import ContainerSpec, Mount
from sallyport_runner.profile import JOB_USER
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.running import selftest
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.services.running.selftest import EVERY, RETRY, SelfTest, archive
from sallyport_runner.services.running.verification import faults

GIBIBYTE = 2**30


def report(spec: ContainerSpec) -> dict[str, Any]:
    """Return what a container prints that keeps every promise, on a host with swap."""
    return {
        "interfaces": ["lo"],
        "accounts": [JOB_USER],
        "capabilities": [],
        "no_new_privileges": 1,
        "seccomp": "2",
        "io_uring": "EPERM",
        "root": ["ro", False],
        "workspace": ["rw", True],
        "temporary": spec.tmp_size + 4095,
        "shared": spec.shm_size,
        "limits": {"memory": str(spec.memory), "swap": "0", "pids": str(spec.pids)},
        "host_swap": "1000",
        "core": 0,
        "file_size": spec.file_size,
        "engine_sockets": [],
    }


SPEC = ContainerSpec(
    name="os-job-self-test",
    image="sha256:00",
    command=[],
    environment={},
    labels={},
    mounts=[Mount(source="/srv/x", target="/workspace", read_only=False)],
    cpus=2.0,
    memory=GIBIBYTE,
    pids=10,
    tmp_size=4096,
    shm_size=8192,
    file_size=16384,
)
INSIDE: list[tuple[dict[str, Any], str]] = [
    (
        {"interfaces": ["eth0", "lo"]},
        "Network interfaces inside a job: found eth0, lo, expected lo.",
    ),
    ({"accounts": [0]}, "Accounts and groups of a job: found 0, expected 10000."),
    ({"capabilities": ["CapBnd"]}, "Capabilities of a job: found CapBnd, expected none."),
    ({"no_new_privileges": 0}, "No new privileges inside a job: found 0, expected 1."),
    ({"seccomp": "0"}, "Filter of system calls of a job (Seccomp): found 0, expected 2."),
    ({"io_uring": "done"}, "io_uring inside a job: found done, expected EPERM."),
    ({"root": ["rw", False]}, "Root file system of a job (mounted, writable): found rw, False"),
    ({"workspace": ["rw", False]}, "Workspace of a job (mounted, writable): found rw, False"),
    ({"temporary": GIBIBYTE}, "Size of the temporary folder of a job: found 1073741824"),
    ({"shared": GIBIBYTE}, "Size of shared memory of a job: found 1073741824, expected 8192."),
    ({"core": -1}, "Size of core dumps of a job: found -1, expected 0."),
    ({"file_size": -1}, "Size of the largest file of a job: found -1, expected 16384."),
    ({"engine_sockets": ["/run/x"]}, "Sockets of the container engine inside a job: found /run/x"),
    ({"limits": {}}, "Process limit of a job's control group: found nothing, expected 10."),
    ({"limits": {"swap": "max"}}, "Swap of a job's control group: found max, expected none."),
    ({"limits": {"memory": "max"}}, "Memory limit of a job's control group: found max, expected"),
]
OPTIONS: list[tuple[dict[str, Any], str]] = [
    (
        {"NetworkMode": "bridge"},
        "Network of a job, by the engine: found bridge, expected none.",
    ),
    ({"Privileged": True}, "Privileged of a job, by the engine: found True, expected False."),
    ({"CapAdd": ["ALL"]}, "Capabilities added of a job, by the engine: found ALL, expected none."),
    ({"MemorySwap": -1}, "Memory swap of a job, by the engine: found -1, expected 1073741824."),
    ({"Devices": [{"PathOnHost": "/dev/kvm"}]}, "Devices of a job, by the engine: found /dev/kvm"),
    (
        {"DeviceRequests": [{"Driver": "nvidia"}]},
        "Devices of a job, by the engine: found of the dr",
    ),
    ({"SecurityOpt": ["no-new-privileges"]}, "Seccomp of a job, by the engine: found nothing"),
    ({"Init": False}, "Init of a job, by the engine: found False, expected True."),
    ({"OomScoreAdj": 0}, "Rank of a job when memory runs out: found 0, expected 500."),
]


@pytest.mark.parametrize(("change", "sentence"), INSIDE)
def test_what_is_seen_inside(change: dict[str, Any], sentence: str) -> None:
    good = report(SPEC)
    assert faults(SPEC, good, inspected(SPEC)) == []
    found = faults(SPEC, good | change, inspected(SPEC))
    assert any(text.startswith(sentence) for text in found), found


@pytest.mark.parametrize(("change", "sentence"), OPTIONS)
def test_what_the_engine_says(change: dict[str, Any], sentence: str) -> None:
    told = inspected(SPEC)
    told["HostConfig"] |= change
    (found,) = faults(SPEC, report(SPEC), told)
    assert found.startswith(sentence)


def test_a_mount_that_the_specification_lacks() -> None:
    (found,) = faults(replace(SPEC, mounts=[]), report(SPEC), inspected(SPEC))
    assert found == "Mounts of a job, by the engine: found /srv/x:/workspace:rw, expected none."


@pytest.mark.parametrize("limits", [{"swap": str(GIBIBYTE)}, {"swap": "0"}])
def test_swap_is_closed_by_either_version_of_control_groups(limits: dict[str, str]) -> None:
    good = report(SPEC)
    assert faults(SPEC, good | {"limits": good["limits"] | limits}, inspected(SPEC)) == []


def test_a_host_without_swap_needs_no_limit_on_it() -> None:
    """Engines say -1 where the kernel counts no swap."""
    told, good = inspected(SPEC), report(SPEC)
    told["HostConfig"]["MemorySwap"] = -1
    limits = {name: good["limits"][name] for name in ("memory", "pids")}
    assert faults(SPEC, good | {"host_swap": "0", "limits": limits}, told) == []
    assert faults(SPEC, good | {"limits": limits}, told) != []


def test_another_runtime_answers_system_calls_itself_and_shows_no_control_group() -> None:
    spec = replace(SPEC, runtime="runsc")
    changed = report(spec) | {"limits": {}, "seccomp": "0", "io_uring": "ENOSYS"}
    assert faults(spec, changed, inspected(spec)) == []
    (found,) = faults(spec, changed, inspected(SPEC))
    assert found == "Runtime of a job, by the engine: found runc, expected runsc."


def test_the_program_sees_the_process_that_it_runs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    found = inside.report()
    assert found.keys() == report(SPEC).keys()
    assert "lo" in found["interfaces"]
    assert os.getuid() in found["accounts"]
    assert found["root"][0] in {"ro", "rw"}
    assert found["temporary"] > 0
    monkeypatch.setattr(inside, "ENGINE_SOCKETS", ("/proc", "/no/such"))
    assert inside.report()["engine_sockets"] == ["/proc"]


@pytest.mark.parametrize("version", [0, 1, 2])
def test_both_versions_of_control_groups_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    monkeypatch.setattr(inside, "GROUPS", tmp_path)
    for paths in inside.LIMITS.values() if version else ():
        path = tmp_path / paths[version - 1]
        path.parent.mkdir(exist_ok=True)
        path.write_text("7\n", encoding="utf-8")
    assert inside.limits() == (dict.fromkeys(inside.LIMITS, "7") if version else {})


def test_writing_is_tried(tmp_path: Path) -> None:
    assert inside.writable(str(tmp_path))
    assert not inside.writable(str(tmp_path / "none"))


@dataclass
class Inspecting(MemoryExecutor):
    """An engine whose containers are what they were asked to be, unless `weak` says otherwise."""

    weak: dict[str, Any] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)

    def inspect(self, name: str) -> dict[str, Any]:
        spec = self.containers[name].spec  # of whoever runs the tests
        return inspected(replace(spec, user=(JOB_USER, JOB_USER)))

    def remove_image(self, reference: str) -> bool:
        self.removed.append(reference)
        return True

    def logs(self, name: str, *, errors: bool = True) -> Any:
        assert errors in {True, False}
        yield self.containers[name].output

    def answer(self, container: Container) -> int:
        """Play the part of the program."""
        found = report(container.spec) | self.weak
        container.output = b"2026-01-01T00:00:00Z " + json.dumps(found).encode()
        return 0


@dataclass
class Stage:
    """A self-test on such an engine, and its clock."""

    executor: Inspecting
    test: SelfTest
    volumes: Volumes
    now: list[float]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return a self-test that passes."""
    now = [1000.0]
    executor = Inspecting(lambda: now[0])
    executor.programs["self-test-hospital"] = executor.answer
    known = settings(tmp_path)
    volumes = Volumes(known.volumes, (os.getuid(), os.getgid()))

    def wait(seconds: float) -> None:
        now[0] += seconds

    test = SelfTest(Sandbox(known), executor, volumes, lambda: now[0], wait)
    return Stage(executor, test, volumes, now)


def test_it_runs_once_a_day_and_leaves_nothing(stage: Stage) -> None:
    assert (stage.test.passed, stage.test.due()) == (False, True)
    assert stage.test.faults == ["The self-test of the sandbox has not run yet."]
    assert stage.test.run() == []
    assert (stage.test.passed, stage.test.due()) == (True, False)
    (spec,) = stage.executor.started
    assert (spec.network, spec.mounts[-1]) == (None, Mount(source="/usr", target="/usr"))
    assert stage.executor.containers == {}
    assert stage.executor.removed == [spec.image]
    assert stage.volumes.all() == []
    stage.now[0] += EVERY
    assert stage.test.due()


def test_no_job_passes_for_it(stage: Stage) -> None:
    """The sweeper, and what looks for containers of this backend, leave it alone."""
    stage.test.run()
    assert stage.executor.started[0].labels["org.sallyport.backend"] == ""


def test_a_fault_closes_it_until_it_is_gone(stage: Stage) -> None:
    stage.test.run()
    stage.executor.weak = {"interfaces": ["eth0", "lo"]}
    assert len(stage.test.run()) == 1
    assert (stage.test.passed, stage.test.due()) == (False, False)
    stage.now[0] += RETRY
    assert stage.test.due()
    stage.executor.weak = {}
    assert stage.test.run() == []
    assert (stage.test.passed, stage.test.due()) == (True, False)


def test_an_engine_that_is_away_is_a_fault(stage: Stage) -> None:
    stage.executor.away = True
    (fault,) = stage.test.run()
    assert fault == (
        "The self-test of the sandbox could not be completed: the engine is unavailable."
    )


def test_a_program_that_fails_is_a_fault(stage: Stage) -> None:
    stage.executor.programs["self-test-hospital"] = lambda _container: 1
    (fault,) = stage.test.run()
    assert "its program failed: no output" in fault
    assert stage.executor.containers == {}


def test_a_program_that_never_ends_is_a_fault(stage: Stage) -> None:
    stage.executor.held = True
    (fault,) = stage.test.run()
    assert "its container did not end within 60 seconds" in fault
    assert stage.executor.containers == {}


def test_a_container_that_was_left_is_replaced(stage: Stage) -> None:
    stage.executor.held = True
    stage.test.run()
    assert stage.test.faults
    stage.executor.held = False
    assert stage.test.run() == []


def test_what_was_mounted_is_removed_though_the_engine_went_away(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_spec: ContainerSpec) -> None:
        raise TransientError("unknown runtime")

    monkeypatch.setattr(stage.executor, "start", fail)
    assert stage.test.run() == [
        "The self-test of the sandbox could not be completed: unknown runtime."
    ]
    assert stage.volumes.all() == []


def test_the_image_holds_folders_and_links_only() -> None:
    with tarfile.open(fileobj=BytesIO(archive())) as tar:
        assert {entry.name for entry in tar} == {*selftest.FOLDERS, *selftest.LINKS}
        assert not any(entry.isfile() for entry in tar)
