"""Compares what a container is with what its specification promises, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sallyport_records.runs import Isolation
from sallyport_runner.models import ContainerSpec
from sallyport_runner.profile import JOB_USER, SANDBOX, SECCOMP
from sallyport_runner.services.outputs import isolation

PAGE = 65536
"""The largest memory page: the kernel rounds sizes to one."""
Claim = tuple[str, Any, Any]
"""What is meant, what was found, what was promised."""


def faults(spec: ContainerSpec, report: dict[str, Any], inspected: dict[str, Any]) -> list[str]:
    """Return a sentence for each difference; `report` is what `inside.report` printed.

    `inspected` is the engine's own account of the container. A spec without a network is expected.
    """
    engine, score = isolation.found(inspected), isolation.oom_score(inspected)
    claims = [
        *_account(report), *_kernel(spec, report), *_sizes(spec, report),
        *_limits(spec, report, engine), *_engine(spec, engine),
        ("Rank of a job when memory runs out", score, SANDBOX["options"]["oom_score_adj"]),
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


def _limits(spec: ContainerSpec, report: dict[str, Any], engine: Isolation) -> Iterator[Claim]:
    """Compare with the control group, which a runtime of its own kind may not show inside."""
    found = report["limits"]
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
    yield "Memory swap of a job, by the engine", engine.memory_swap, spec.memory


def _near(found: str | None, expected: int) -> str | None:
    close = found is not None and found.isdecimal() and abs(int(found) - expected) < PAGE
    return str(expected) if close else found


def _engine(spec: ContainerSpec, engine: Isolation) -> Iterator[Claim]:
    """Compare with what the engine says of the container, in the terms of run records."""
    options = SANDBOX["options"]
    promised: dict[str, Any] = {
        "network": "none",
        "user": f"{JOB_USER}:{JOB_USER}",
        "privileged": False,
        "read_only": True,
        "init": True,
        "no_new_privileges": True,
        "seccomp": isolation.digest(SECCOMP.read_text("utf-8")),
        "ipc": options["ipc_mode"],
        "pid": "",
        "capabilities_added": (),
        "capabilities_dropped": tuple(options["cap_drop"]),
        "devices": (),
        "mounts": _mounts(spec),
        "memory": spec.memory,
        "nano_cpus": int(spec.cpus * 1e9),
        "pids_limit": spec.pids,
        "shm_size": spec.shm_size,
    }
    if spec.runtime is not None:
        promised["runtime"] = spec.runtime
    for name, expected in promised.items():
        what = name.replace("_", " ").capitalize()
        yield f"{what} of a job, by the engine", getattr(engine, name), expected


def _mounts(spec: ContainerSpec) -> tuple[str, ...]:
    return tuple(
        sorted(
            isolation.mounted(mount.source, mount.target, read_only=mount.read_only)
            for mount in spec.mounts
        )
    )
