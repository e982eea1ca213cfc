"""What the engine says of a container is compared with what it was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from sallyport_runner.services.outputs import isolation

HOST: dict[str, Any] = {
    "NetworkMode": "none",
    "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
    "Memory": 1024,
}


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ({}, ""),
        ({"Ulimits": [*HOST["Ulimits"], {"Name": "nofile", "Soft": 9, "Hard": 9}]}, ""),
        ({"Ulimits": [{"Name": "core", "Soft": 5, "Hard": 5}]}, "ulimits"),
        ({"Ulimits": []}, "ulimits"),
        ({"Memory": 2048}, "memory"),
        ({"NetworkMode": "host"}, "network"),
    ],
)
def test_limits_of_the_engine_itself_are_no_difference(found: dict[str, Any], fault: str) -> None:
    labels = isolation.label({"host_config": HOST, "user": "10000:10000", "image": "x@sha256:0"})
    program = {"User": "10000:10000", "Image": "x@sha256:0", "Labels": labels}
    inspected = {"Config": program, "HostConfig": HOST | found}
    faults = isolation.container(inspected, job="a").faults
    assert [one.partition(":")[0] for one in faults] == ([fault] if fault else [])
