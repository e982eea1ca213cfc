"""The image of Python actions on the runner's host, and jobs that run in it."""

from __future__ import annotations

import functools

import pytest
from testinfra.host import Host

from runner.jobs import IMAGE, Start, load
from runner.jobs import start as start_job


@pytest.fixture(scope="module")
def image(host: Host) -> str:
    """The digest of the image of Python actions."""
    inspect = "docker image inspect --format '{{.Id}}' " + IMAGE
    if host.run(inspect).rc != 0:
        load(host)
    return str(host.check_output(inspect))


@pytest.fixture(scope="module")
def start(host: Host, image: str) -> Start:
    """A function that runs a Python program as a job: see `runner.jobs`."""
    return functools.partial(start_job, host, image)
