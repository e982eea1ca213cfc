"""Every command that the operators' pages name for a host, verbatim, on one that runs all."""

from __future__ import annotations

import os

import pytest
from commands import on_hosts
from testinfra.host import Host

from places import Places

HOSTS = ["sallyport"]
DOMAIN = "sallyport.test"


@pytest.fixture(scope="module", autouse=True)
def _a_refusal() -> None:
    """Make a refusal for the command that shows refusals."""
    places = Places(os.environ.get("SALLYPORT_RIG", "test"), "single-host")
    page = f"{places.url('github-proxy')}/nobody/nothing/info/refs?service=git-upload-pack"
    assert places.session("github-proxy").get(page, timeout=20).status_code >= 400


@pytest.mark.parametrize("command", on_hosts())
def test_each_command_that_a_page_names_works(host: Host, command: str) -> None:
    done = host.run(command.replace("<domain>", DOMAIN))
    assert done.rc == 0, done.stdout + done.stderr


def test_a_misspelt_command_does_not(host: Host) -> None:
    assert host.run("sudo sallyport-runner statsu").rc != 0
