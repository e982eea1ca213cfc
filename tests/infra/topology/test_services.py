"""After a restart of the hosts: services are up, healthy and sandboxed, nothing has failed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from testinfra.host import Host

Rig = Callable[[str], Host]
# Component, host, the most exposed that its unit may be. The runner reaches the engine's socket.
UNITS = [
    ("job_server", "jobs", 2.0),
    ("proxy", "proxy", 2.0),
    ("runner", "runner", 5.0),
    ("release_hatch", "runner", 2.0),
    ("output_publisher", "runner", 2.0),
    ("firewall", "runner", 2.0),
    ("forge", "forge", 2.0),
]
SOCKETS = {
    "job_server": "http.sock",
    "proxy": "http.sock",
    "release_hatch": "http.sock",
    "runner": "admin.sock",
}


@pytest.mark.parametrize("name", ["forge", "jobs", "proxy", "runner", "database"])
def test_no_unit_has_failed(rig: Rig, name: str) -> None:
    listed = rig(name).check_output("systemctl list-units --failed --plain --no-legend")
    assert listed == ""


@pytest.mark.parametrize(("component", "name", "limit"), UNITS)
def test_units_are_closed_in(rig: Rig, component: str, name: str, limit: float) -> None:
    unit = f"sallyport-{component.replace('_', '-')}.service"
    report = rig(name).check_output("systemd-analyze security --no-pager %s", unit)
    assert float(report.rpartition("exposure level for")[2].split(":")[1].split()[0]) <= limit


@pytest.mark.parametrize("component", SOCKETS)
def test_services_are_healthy(rig: Rig, component: str) -> None:
    (name,) = [host for found, host, _limit in UNITS if found == component]
    path = f"/run/sallyport/{component}/{SOCKETS[component]}"
    program = (
        "import http.client, socket, sys; c = http.client.HTTPConnection('localhost');"
        "c.sock = socket.socket(socket.AF_UNIX); c.sock.connect(sys.argv[1]);"
        "c.request('GET', '/healthz'); print(c.getresponse().read().decode())"
    )
    answer = json.loads(rig(name).check_output("python3 -c %s %s", program, path))
    assert answer["status"] == "ok", answer


def test_a_host_has_the_code_of_its_own_components_alone(rig: Rig) -> None:
    assert rig("jobs").check_output("ls /opt/sallyport") == "job_server"
    for name in ("proxy", "runner"):
        assert "job_server" not in rig(name).check_output("ls /opt/sallyport").split()
