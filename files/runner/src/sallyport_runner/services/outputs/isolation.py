"""What keeps a container apart: as the engine was asked for it, and as it says that it is.

What was asked is kept in a label of the container itself, so that it is known whatever happens to
the runner meanwhile, also when its settings change.
"""

from __future__ import annotations

import hashlib
import json
import logging
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
    config, host = inspected.get("Config", {}), inspected.get("HostConfig", {})
    networks = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    program = {"user": config.get("User"), "image": config.get("Image")}
    found = _isolation(host, program, [host.get("NetworkMode"), *networks], _mounts(inspected))
    faults = _differences((config.get("Labels") or {}).get(ASKED), found)
    if faults:
        log.error("a sandbox is not as asked", extra={"job": job, "faults": list(faults)})
    return Container(isolation=found, faults=faults)


def _differences(asked: str | None, found: Isolation) -> tuple[str, ...]:
    if asked is None:
        return (_UNKNOWN,)
    expected, actual = json.loads(asked), json.loads(json.dumps(asdict(found)))
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
        seccomp=_digest(options.get("seccomp", "")),
        runtime=host.get("Runtime") or "",
        ipc=host.get("IpcMode") or "",
        pid=host.get("PidMode") or "",
        capabilities_added=tuple(sorted(host.get("CapAdd") or [])),
        capabilities_dropped=tuple(sorted(host.get("CapDrop") or [])),
        devices=tuple(sorted(device["PathOnHost"] for device in host.get("Devices") or [])),
        mounts=tuple(sorted(mounts)),
        tmpfs=host.get("Tmpfs") or {},
        ulimits={limit["Name"]: limit["Hard"] for limit in host.get("Ulimits") or []},
        memory=host.get("Memory") or 0,
        memory_swap=host.get("MemorySwap") or 0,
        nano_cpus=host.get("NanoCpus") or 0,
        pids_limit=host.get("PidsLimit") or 0,
        shm_size=host.get("ShmSize") or 0,
    )


def _digest(profile: str) -> str:
    return hashlib.sha256(profile.encode()).hexdigest() if profile else ""


def _asked_mounts(host: dict[str, Any]) -> list[str]:
    return [
        f"{mount['Source']}:{mount['Target']}:{'ro' if mount.get('ReadOnly') else 'rw'}"
        for mount in host.get("Mounts") or []
    ]


def _mounts(inspected: dict[str, Any]) -> list[str]:
    """Return all that is mounted, volumes that the image itself declares among it."""
    return [
        f"{mount['Source']}:{mount['Destination']}:{'rw' if mount['RW'] else 'ro'}"
        for mount in inspected.get("Mounts") or []
        if mount.get("Type") != "tmpfs"
    ]
