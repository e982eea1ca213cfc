"""What a container engine says of a container, for the engine that tests have in memory."""

from __future__ import annotations

from typing import Any

import docker

from sallyport_runner.models import ContainerSpec
from sallyport_runner.services.running.engine import _arguments, _creation


def inspected(spec: ContainerSpec) -> dict[str, Any]:
    """Return what an engine says of a container that is as it was asked for."""
    arguments = _arguments(docker.APIClient(version="1.41"), _creation(spec))
    mounts = [
        {
            "Type": "bind",
            "Source": mount.source,
            "Destination": mount.target,
            "RW": not mount.read_only,
        }
        for mount in spec.mounts
    ]
    return {
        "Image": spec.image,
        "Config": {
            "Env": [f"{key}={value}" for key, value in spec.environment.items()],
            "Labels": arguments["labels"],
            "User": arguments["user"],
            "Image": arguments["image"],
        },
        "HostConfig": arguments["host_config"] | {"Runtime": spec.runtime or "runc"},
        "Mounts": mounts,
    }
