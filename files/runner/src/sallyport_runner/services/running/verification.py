"""Compares what a container is with what its specification promises, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sallyport_runner.models import ContainerSpec
from sallyport_runner.profile import JOB_USER, SANDBOX

PAGE = 65536
"""The largest memory page: the kernel rounds sizes to one."""
Claim = tuple[str, Any, Any]
"""What is meant, what was found, what was promised."""


def faults(spec: ContainerSpec, report: dict[str, Any], inspected: dict[str, Any]) -> list[str]:
    """Return a sentence for each difference; `report` is what `inside.report` printed.

    `inspected` is the engine's own account of the container. A spec without a network is expected.
    """
    claims = [
        *_account(report), *_kernel(spec, report), *_sizes(spec, report),
        *_limits(spec, report, inspected), *_engine(spec, inspected),
    ]  # fmt: skip
    return [
        f"{subject}: found {_shown(found)}, expected {_shown(expected)}."
        for subject, found, expected in claims
        if found != expected
    ]


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value) or "none"
    return "nothing" if value is None or value == "" else str(value)


def _account(report: dict[str, Any]) -> Iterator[Claim]:
    yield "Network interfaces inside a job", report["interfaces"], ["lo"]
    yield "Accounts and groups of a job", report["accounts"], [JOB_USER]
    yield "Capabilities of a job", report["capabilities"], []
    yield "Sockets of the container engine inside a job", report["engine_sockets"], []
    yield "Root file system of a job (mounted, writable)", report["root"], ["ro", False]
    yield "Workspace of a job (mounted, writable)", report["workspace"], ["rw", True]
    yield "Size of core dumps of a job", report["core"], SANDBOX["ulimits"]["core"]


def _kernel(spec: ContainerSpec, report: dict[str, Any]) -> Iterator[Claim]:
    yield "No new privileges inside a job", report["no_new_privileges"], 1
    if spec.runtime is None:  # another one may answer the system calls itself
        yield "Filter of system calls of a job (Seccomp)", report["seccomp"], "2"
        yield "io_uring inside a job", report["io_uring"], "EPERM"


def _sizes(spec: ContainerSpec, report: dict[str, Any]) -> Iterator[Claim]:
    for what, found, expected in (
        ("the temporary folder", report["temporary"], spec.tmp_size),
        ("shared memory", report["shared"], spec.shm_size),
    ):
        close = abs(found - expected) < PAGE
        yield f"Size of {what} of a job", expected if close else found, expected
    yield "Size of the largest file of a job", report["file_size"], spec.file_size


def _limits(
    spec: ContainerSpec, report: dict[str, Any], inspected: dict[str, Any]
) -> Iterator[Claim]:
    """Compare with the control group, which a runtime of its own kind may not show inside."""
    found, options = report["limits"], inspected.get("HostConfig", {})
    if spec.runtime is None:
        memory = _near(found.get("memory"), spec.memory)
        yield "Memory limit of a job's control group", memory, str(spec.memory)
        yield "Process limit of a job's control group", found.get("pids"), str(spec.pids)
    if spec.runtime is None and report["host_swap"] == "0":
        return
    if spec.runtime is None:
        swap = found.get("swap")
        # Version 1 counts memory and swap together, version 2 swap alone.
        none = swap == "0" or _near(swap, spec.memory) == str(spec.memory)
        yield "Swap of a job's control group", "none" if none else swap, "none"
    yield "MemorySwap of a job, by the engine", options.get("MemorySwap"), spec.memory


def _near(found: str | None, expected: int) -> str | None:
    close = found is not None and found.isdecimal() and abs(int(found) - expected) < PAGE
    return str(expected) if close else found


def _engine(spec: ContainerSpec, inspected: dict[str, Any]) -> Iterator[Claim]:
    """Compare with the options that the engine says it started the container with."""
    options = inspected.get("HostConfig", {})
    promised: dict[str, Any] = {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "IpcMode": "private",
        "Memory": spec.memory,
        "PidsLimit": spec.pids,
        "NanoCpus": int(spec.cpus * 1e9),
        "ShmSize": spec.shm_size,
        "OomScoreAdj": SANDBOX["options"]["oom_score_adj"],
    }
    if spec.runtime is not None:
        promised["Runtime"] = spec.runtime
    for name, expected in promised.items():
        yield f"{name} of a job, by the engine", options.get(name), expected
    for name in ("CapAdd", "Binds", "Devices", "DeviceRequests", "VolumesFrom", "PidMode"):
        yield f"{name} of a job, by the engine", options.get(name) or None, None
    user = inspected.get("Config", {}).get("User")
    yield "User of a job, by the engine", user, f"{JOB_USER}:{JOB_USER}"
    yield "Mounts of a job, by the engine", _mounts(inspected), _expected_mounts(spec)


def _mounts(inspected: dict[str, Any]) -> list[str]:
    return sorted(
        f"{mount['Destination']} {'rw' if mount['RW'] else 'ro'} from {mount['Source']}"
        for mount in inspected.get("Mounts") or []
        if mount["Type"] != "tmpfs"
    )


def _expected_mounts(spec: ContainerSpec) -> list[str]:
    return sorted(
        f"{mount.target} {'ro' if mount.read_only else 'rw'} from {mount.source}"
        for mount in spec.mounts
    )
