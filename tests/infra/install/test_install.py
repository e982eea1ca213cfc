"""docs/operators/install.md, followed command by command on fresh hosts, ends as it says."""

from __future__ import annotations

import csv
import io
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests
from testinfra.host import Host
from walkthrough import steps

from controller import NUMBER, USER, FirstStudy, Site

DEPLOYED = ["forge", "jobs", "proxy", "runner"]
TABLE = "output/conditions.csv"
CHANGED = re.compile(r"^(\w+)\s+: ok=\d+\s+changed=(\d+)", re.MULTILINE)
ROLE = re.compile(r"^TASK \[(\w+) : (?!Validating arguments)", re.MULTILINE)


def test_the_controller_needed_no_root(site: Site) -> None:
    checkout = site.operator.checkout
    assert (checkout / ".venv/bin/ansible-playbook").owner() == USER
    foreign = site.operator.run("find", str(checkout), "!", "-user", USER, "-print", "-quit")
    assert foreign.stdout == ""


@pytest.mark.parametrize("name", DEPLOYED)
def test_no_unit_has_failed(site: Site, rig: Callable[[str], Host], name: str) -> None:
    assert site.authority.exists()
    assert rig(name).check_output("systemctl list-units --failed --plain --no-legend") == ""


def test_the_first_study_ends_as_a_published_table(study: FirstStudy) -> None:
    released = study.published(study.release([TABLE]))
    rows = list(csv.DictReader(io.StringIO(released[TABLE].decode())))
    assert sum(int(row["patients"]) for row in rows if row["patients"].isdigit()) > 40_000


def command(start: str) -> str:
    """Return the page's command that begins so."""
    lines = [line for step in steps() if step.kind == "sh" for line in step.text.splitlines()]
    return next(line for line in lines if line.startswith(start))


def test_a_tag_deploys_its_component_and_nothing_else(site: Site) -> None:
    """The site is deployed, so nothing changes."""
    text = next(step.text for step in steps() if "--tags runner" in step.text)
    output = site.operator.type(text)
    changed = dict(CHANGED.findall(output))
    assert set(changed) == {"localhost", *DEPLOYED}
    assert set(changed.values()) == {"0"}, output[-4000:]
    assert set(ROLE.findall(output)) == {"site", "container_engine", "runner", "python_service"}


@contextmanager
def tunnel(site: Site) -> Iterator[int]:
    """Yield a local port behind which is the registry of the stand-in."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    words = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "ssh", "-N", "-L"]
    words += [f"127.0.0.1:{port}:127.0.0.1:5000", f"deploy@10.{NUMBER}.0.10"]
    environment = os.environ | {"HOME": str(site.operator.home)}
    process = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def test_job_images_are_pushed_to_a_registry(site: Site) -> None:
    """The registry is the stand-in's own, behind its log-in; the control is what it had before."""
    with tunnel(site) as port:
        address = f"http://127.0.0.1:{port}/v2/northmoor"
        manifests = [f"{address}/{n}" for n in ("python/manifests/v2", "databuilder/manifests/v1")]
        manifests.append(f"{address}/ehrql/manifests/v1")
        accepted = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        before = [requests.get(url, timeout=30).status_code for url in manifests]
        push = command("make images PUSH=").replace("registry.example.org", f"127.0.0.1:{port}")
        site.operator.type(push)
        after = [requests.get(url, timeout=30, headers=accepted).status_code for url in manifests]
    assert (before, after) == ([404] * 3, [200] * 3)
