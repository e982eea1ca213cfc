"""The promises of a sandbox are seen to be broken where one of a job's flags is left out.

A control of `test_sandbox_of_a_runner`: the same program looks around in a container that the
runner's own executor starts, with one change.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.types import Mount
from tests.conformance.codes.claims import PROGRAMS
from tests.conformance.codes.seen import CLAIMS, Seen
from tests.unit.runner.configured import MEBIBYTE, settings
from tests.unit.runner.local.machine import build_image

from sallyport_runner.models import ContainerSpec, Job, JobRequest
from sallyport_runner.services.outputs.volumes import Volume, Volumes
from sallyport_runner.services.running import engine
from sallyport_runner.services.running.asking import answer
from sallyport_runner.services.running.sandbox import Sandbox

SOCKET = Mount("/run/docker.sock", "/run/docker.sock", type="bind")
LOOK = PROGRAMS["around"] + "echo looked\n"
Change = Callable[[dict[str, Any]], dict[str, Any]]
WEAKER: dict[str, tuple[Change, set[str]]] = {
    "nothing": (lambda _: {}, set()),
    "a variable": (
        lambda given: {"environment": {**given["environment"], "TOKEN": "x"}},
        {"no variables but those that are promised"},
    ),
    "a neighbour": (
        lambda _: {"extra_hosts": {"neighbour": "127.0.0.9"}},
        {"no names of neighbours"},
    ),
    "the name of the host": (
        lambda _: {"hostname": "hospital"},
        {"a name of its own that says nothing"},
    ),
    "no init": (
        # As first process, `xargs` waits for its own child alone; a shell would tidy up.
        lambda _: {"init": False, "command": ["busybox", "xargs", "sh", "-c", LOOK]},
        {"an init as its first process", "no dead processes"},
    ),
    "a root that can be written to": (lambda _: {"read_only": False}, {"a root that is read-only"}),
    "a temporary folder with devices": (
        lambda given: {"tmpfs": {next(iter(given["tmpfs"])): "rw,exec,suid,dev,mode=1777"}},
        {"a temporary folder without devices and other accounts"},
    ),
    "the engine's socket": (
        lambda given: {"mounts": [*given["mounts"], SOCKET]},
        {"no socket of the engine"},
    ),
    "another account": (lambda _: {"user": "10001:10001"}, {"files of its own account"}),
    "another mask": (
        lambda _: {"command": ["sh", "-c", f"umask 0077\n{LOOK}"]},
        {"a usual mask for new files"},
    ),
}
"""What is changed, and the promises that it breaks."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give an image by the digest of its content, and remove it."""
    name = build_image(tmp_path_factory.mktemp("image"), f"sallyport.invalid/weaker-{os.getpid()}")
    words = ["docker", "image", "inspect", "--format", "{{.Id}}", name]
    yield subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(["docker", "image", "rm", "--force", name], check=True, capture_output=True)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """Return the volume of a job, which any account may write to."""
    made = Volumes(tmp_path / "volumes").of("weaker")
    made.make()
    made.hand_over(made.workspace)
    made.workspace.chmod(0o777)
    return made


def specification(base: Path, image: str, volume: Volume) -> ContainerSpec:
    """Return what the runner's own sandbox is for the program."""
    known = settings(
        base, backend="codes", job_cpu_count=1.0, job_memory_limit=48 * MEBIBYTE,
        job_tmp_size=8 * MEBIBYTE, job_shm_size=8 * MEBIBYTE, job_disk_limit=8 * MEBIBYTE,
    )  # fmt: skip
    words = ["python:v2", "sh", "-c", LOOK]
    job = Job(id="weaker", request_id="a", workspace="a", action="a", words=words, image=image)
    request = JobRequest(
        identifier="a", payload_digest="", workspace="a", repo="", branch="", sha="",
        requested_actions=["a"],
    )  # fmt: skip
    return Sandbox(known).specification(job, request, volume)


@pytest.mark.parametrize("name", WEAKER)
def test_what_is_left_out_is_seen(
    tmp_path: Path, image: str, volume: Volume, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, (change, broken) = engine._creation, WEAKER[name]
    monkeypatch.setattr(engine, "_creation", lambda spec: (g := whole(spec)) | change(g))
    monkeypatch.setattr(engine, "_OF_THE_PROGRAM", engine._OF_THE_PROGRAM | {"hostname"})
    executor = engine.DockerExecutor("unused.invalid/x", 10)
    spec = specification(tmp_path, image, volume)
    try:
        assert answer(executor, spec) == "looked"
    finally:
        executor.remove(spec.name)
    folder = volume.workspace / "output/around"
    seen = Seen(lambda file: (folder / f"{file}.txt").read_text())
    assert {claim for claim, holds in CLAIMS.items() if not holds(seen)} == broken
