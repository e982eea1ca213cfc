"""The probe of database maintenance on the real engine, in the network of database jobs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.runner.local.machine import build_image
from tests.unit.runner.rig import Immediate, SelfTested, empty_store, settings

from sallyport_common.settings import Secret
from sallyport_runner.flags import Flag
from sallyport_runner.models import Image
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.running.engine import DockerExecutor
from sallyport_runner.services.running.inbox import Inbox
from sallyport_runner.services.running.maintenance import Maintenance
from sallyport_runner.services.running.outside import Outside

pytestmark = pytest.mark.live

NETWORK = f"sallyport-probe-{os.getpid()}"
LOOK = (
    """sh -c 'test "$DATABASE_URL" = sqlite:///x && grep -q eth0 /proc/net/dev """
    """&& echo {} && echo noise >&2'"""
)


def docker(*words: str) -> str:
    """Run the engine's command; return what it prints."""
    return subprocess.run(
        ["docker", *words], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def image(tmp_path: Path) -> Iterator[str]:
    """Give an image by its content, and the network of database jobs."""
    name = build_image(tmp_path / "image", f"sallyport.invalid/{NETWORK}")
    docker("network", "create", "--internal", "--label", "org.sallyport.rig=test", NETWORK)
    yield docker("image", "inspect", "--format", "{{.Id}}", name)
    docker("network", "rm", NETWORK)
    docker("image", "rm", "--force", name)


class Held(DockerExecutor):
    """The engine, which holds the one image that there is; no registry is asked."""

    held = ""

    def fetch_image(self, name: str, digest: str | None) -> Image:
        """See Executor."""
        assert (name, digest) == ("python:v2", None)
        return Image(reference=self.held, labels={})


def test_what_its_container_prints_closes_and_opens(tmp_path: Path, image: str) -> None:
    executor, store = Held("unused.invalid/x", 10), empty_store(tmp_path)
    executor.held = image
    for said in ("open", "db-maintenance", "open"):
        known = settings(
            tmp_path,
            maintenance_image="python:v2",
            maintenance_command=LOOK.format(said),
            database_url=Secret("sqlite:///x"),
            database_access_network=NETWORK,
            job_memory_limit=64 * 1024**2,
            job_cpu_count=1.0,
        )
        volumes = Volumes(known.volumes, (os.getuid(), os.getgid()))
        outside = Outside(
            settings=known, store=store, executor=executor, volumes=volumes,
            background=Immediate(), changed=lambda _urgent: None, inbox=Inbox(),
            self_test=SelfTested(),
        )  # fmt: skip
        made = Maintenance(outside, lambda: None)
        made.step()
        assert "fault" not in made.to_wire()
        assert store.flags().on(Flag.MODE) is (said == "db-maintenance")
        assert volumes.all() == []
    assert docker("ps", "--all", "--quiet", "--filter", f"network={NETWORK}") == ""
