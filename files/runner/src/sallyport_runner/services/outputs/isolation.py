"""What keeps a container apart: as the engine was asked for it, and as it says that it is.

This is the one place that reads the engine's account of a container for that: run records compare
it with what was asked, the self-test with what a job is promised. What was asked is kept in a label
of the container itself, so that it is known whatever happens to the runner meanwhile, also when its
settings change.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from sallyport_records.runs import Container, Isolation

log = logging.getLogger(__name__)
ASKED = "org.sallyport.asked"
"""The label with what was asked of the engine, as JSON."""
_UNKNOWN = "There is no record of what was asked."
_GONE = "The container was gone before it was looked at."


def label(arguments: dict[str, Any]) -> dict[str, str]:
    """Return the label for a container that is created with these arguments of the Docker SDK."""
    host = arguments["host_config"]
    asked = _isolation(host, arguments, [host["NetworkMode"]], _asked_mounts(host))
    return {ASKED: json.dumps(asdict(asked), sort_keys=True)}


def container(inspected: dict[str, Any], *, job: str) -> Container:
    """Return what the engine says of a container, and log each difference from what was asked."""
    if not inspected:
        return Container(isolation=None, faults=(_GONE,))
    isolation = found(inspected)
    labels = inspected.get("Config", {}).get("Labels") or {}
    faults = _differences(labels.get(ASKED), isolation)
    if faults:
        log.error("a sandbox is not as asked", extra={"job": job, "faults": list(faults)})
    return Container(isolation=isolation, faults=faults)


def found(inspected: dict[str, Any]) -> Isolation:
    """Return what the engine says of a container; what it does not say is empty."""
    config, host = inspected.get("Config", {}), inspected.get("HostConfig", {})
    networks = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    program = {"user": config.get("User"), "image": config.get("Image")}
    return _isolation(host, program, [host.get("NetworkMode"), *networks], _mounts(inspected))


def oom_score(inspected: dict[str, Any]) -> int:
    """Return how the kernel ranks a container when memory runs out; records do not have it."""
    return int(inspected.get("HostConfig", {}).get("OomScoreAdj") or 0)


def _differences(asked: str | None, actually: Isolation) -> tuple[str, ...]:
    if asked is None:
        return (_UNKNOWN,)
    expected, actual = json.loads(asked), json.loads(json.dumps(asdict(actually)))
    if not expected["runtime"]:  # the engine's own choice
        expected["runtime"] = actual["runtime"]
    # The engine adds the limits that its own settings have for every container.
    expected["ulimits"] = actual["ulimits"] | expected["ulimits"]
    return tuple(
        f"{name}: asked {_shown(expected.get(name))}, found {_shown(value)}."
        for name, value in sorted(actual.items())
        if expected.get(name) != value
    )


def _shown(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _isolation(
    host: dict[str, Any], program: dict[str, Any], networks: list[Any], mounts: list[str]
) -> Isolation:
    """Return the engine's terms (`HostConfig` of its API) as ours; what is missing is empty."""
    options = dict(option.partition("=")[::2] for option in host.get("SecurityOpt") or [])
    return Isolation(
        network=", ".join(sorted({str(name) for name in networks if name})),
        user=program.get("user") or "",
        image=program.get("image") or "",
        privileged=bool(host.get("Privileged")),
        read_only=bool(host.get("ReadonlyRootfs")),
        init=bool(host.get("Init")),
        no_new_privileges=bool({"no-new-privileges", "no-new-privileges:true"} & options.keys()),
        seccomp=digest(options.get("seccomp", "")),
        runtime=host.get("Runtime") or "",
        ipc=host.get("IpcMode") or "",
        pid=host.get("PidMode") or "",
        capabilities_added=tuple(sorted(host.get("CapAdd") or [])),
        capabilities_dropped=tuple(sorted(host.get("CapDrop") or [])),
        devices=tuple(sorted(_devices(host))),
        mounts=tuple(sorted(mounts)),
        tmpfs=host.get("Tmpfs") or {},
        ulimits={limit["Name"]: limit["Hard"] for limit in host.get("Ulimits") or []},
        memory=host.get("Memory") or 0,
        memory_swap=host.get("MemorySwap") or 0,
        nano_cpus=host.get("NanoCpus") or 0,
        pids_limit=host.get("PidsLimit") or 0,
        shm_size=host.get("ShmSize") or 0,
    )


def _devices(host: dict[str, Any]) -> Iterator[str]:
    """Yield devices by their paths, and those that a driver is asked for, such as GPUs."""
    for device in host.get("Devices") or []:
        yield device["PathOnHost"]
    for request in host.get("DeviceRequests") or []:
        yield f"of the driver {request.get('Driver') or 'for devices'}"


def digest(profile: str) -> str:
    """Return the SHA-256 of a profile of system calls as records have it; empty for none."""
    return hashlib.sha256(profile.encode()).hexdigest() if profile else ""


def mounted(source: str, target: str, *, read_only: bool) -> str:
    """Return a mount as records have it."""
    return f"{source}:{target}:{'ro' if read_only else 'rw'}"


def _asked_mounts(host: dict[str, Any]) -> list[str]:
    return [
        mounted(mount["Source"], mount["Target"], read_only=bool(mount.get("ReadOnly")))
        for mount in host.get("Mounts") or []
    ]


def _mounts(inspected: dict[str, Any]) -> list[str]:
    """Return all that is mounted, volumes that the image itself declares among it."""
    return [
        mounted(mount["Source"], mount["Destination"], read_only=not mount["RW"])
        for mount in inspected.get("Mounts") or []
        if mount.get("Type") != "tmpfs"
    ]
