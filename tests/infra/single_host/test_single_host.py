"""Every component on one machine after a restart, and a study's way through it."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
from collections.abc import Callable

import pytest
from testinfra.host import Host
from testinfra.modules.base import Module

from journey import Journey
from places import SERVICES, Places

HOSTS = ["sallyport"]
# Component and the socket that answers for its health; a timer's job has none.
SOCKETS = {
    "job_server": "http.sock",
    "proxy": "http.sock",
    "release_hatch": "http.sock",
    "runner": "admin.sock",
}
TABLE = "output/conditions.csv"
ASK = (
    "import http.client, socket, sys; c = http.client.HTTPConnection('localhost');"
    "c.sock = socket.socket(socket.AF_UNIX); c.sock.connect(sys.argv[1]);"
    "c.request('GET', '/healthz'); print(c.getresponse().read().decode())"
)


@pytest.fixture(scope="module")
def places() -> Places:
    """Where the one host answers."""
    return Places(os.environ.get("SALLYPORT_RIG", "test"), "single-host")


def test_no_unit_has_failed(host: Host) -> None:
    assert host.check_output("systemctl list-units --failed --plain --no-legend") == ""


@pytest.mark.parametrize("component", SOCKETS)
def test_services_are_active_and_healthy(
    host: Host, service: Callable[[str], Module], component: str
) -> None:
    assert service(component).is_running
    path = f"/run/sallyport/{component}/{SOCKETS[component]}"
    answer = json.loads(host.check_output("python3 -c %s %s", ASK, path))
    assert answer["status"] == "ok", answer


def test_the_publisher_is_scheduled(host: Host) -> None:
    assert host.service("sallyport-output-publisher.timer").is_running


@pytest.mark.parametrize("name", SERVICES)
def test_each_name_answers_with_its_own_certificate(places: Places, name: str) -> None:
    """Whatever the answer, it came over TLS that the site's authority vouches for."""
    answer = places.session(name).get(places.url(name), allow_redirects=False, timeout=20)
    assert answer.status_code < 500, answer.text


def test_ssh_is_reachable(places: Places) -> None:
    """The firewall of the runner leaves the way that Ansible came."""
    with socket.create_connection((places.address("jobs"), 22), timeout=10) as connection:
        assert connection.recv(4) == b"SSH-"


def test_the_study_ends_as_a_published_table(places: Places) -> None:
    journey = Journey(places)
    journey.invite()
    journey.push()
    ended = journey.run(["extract", "analyse"])
    assert ended["status"] == "succeeded", ended
    release = journey.release([TABLE])
    rows = list(csv.DictReader(io.StringIO(journey.published(release)[TABLE].decode())))
    assert sum(int(row["patients"]) for row in rows if row["patients"].isdigit()) > 40_000
