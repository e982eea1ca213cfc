"""Which host reaches which: the zones of the whole topology, probed from inside."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from testinfra.host import Host

NUMBER = os.environ.get("SALLYPORT_RIG_NUMBER", "78")
Rig = Callable[[str], Host]


def reaches(host: Host, address: str, port: int) -> bool:
    """Return whether a TCP connection from a host is accepted within two seconds."""
    command = f"timeout 2 bash -c '</dev/tcp/{address}/{port}'"
    return bool(host.run(command).rc == 0)


def at(tail: str) -> str:
    """Return an address of the rig from its last two octets."""
    return f"10.{NUMBER}.{tail}"


@pytest.mark.parametrize(
    ("tail", "port"),
    [("1.20", 443), ("1.30", 443)],
    ids=["job server", "proxy"],
)
def test_the_runner_host_reaches_what_it_needs(rig: Rig, tail: str, port: int) -> None:
    assert reaches(rig("runner"), at(tail), port)


@pytest.mark.parametrize(
    ("listener", "tail", "port"),
    [
        ("jobs", "1.20", 22),
        ("proxy", "1.30", 22),
        ("database", "2.50", 22),
        ("database", "2.50", 5432),
    ],
)
def test_the_runner_host_reaches_nothing_else(
    rig: Rig, listener: str, tail: str, port: int
) -> None:
    """Jobs reach the database, their host does not; the control is the listener's own host."""
    assert reaches(rig(listener), at(tail), port)
    assert not reaches(rig("runner"), at(tail), port)


def test_the_runner_host_has_no_way_to_the_internet(rig: Rig) -> None:
    """The forge stands for the internet; the proxy, which may, reaches it."""
    assert reaches(rig("proxy"), at("0.10"), 443)
    assert not reaches(rig("runner"), at("0.10"), 443)


@pytest.mark.parametrize("name", ["jobs", "runner", "database"])
def test_hosts_get_the_time_from_the_proxy_alone(rig: Rig, name: str) -> None:
    """Answers came over UDP 123; the control is that these hosts serve nobody, the proxy does."""
    (source,) = rig(name).check_output("chronyc -n -c sources").splitlines()
    fields = source.split(",")
    assert fields[2] == at("1.30")
    assert int(fields[5], 8) > 0, "the proxy never answered"
    assert "\nport 0\n" in rig(name).file("/etc/chrony/chrony.conf").content_string
    assert "\nport 0\n" not in rig("proxy").file("/etc/chrony/chrony.conf").content_string


def test_the_database_host_opens_no_connection_but_for_packages(rig: Rig) -> None:
    assert reaches(rig("database"), at("1.30"), 443)
    assert not reaches(rig("database"), at("1.20"), 443)
    assert not reaches(rig("database"), at("2.40"), 22)
    assert not reaches(rig("database"), at("2.40"), 443)


def test_nothing_reaches_into_the_secure_zone(rig: Rig) -> None:
    """Neither the job server nor the proxy can open a connection to the runner host."""
    runner = rig("runner")
    assert runner.socket("tcp://0.0.0.0:443").is_listening
    for outside in ("jobs", "proxy"):
        assert not reaches(rig(outside), at("1.40"), 443)
        assert not reaches(rig(outside), at("1.40"), 22)


def test_names_of_the_outside_do_not_resolve_in_the_secure_zone(rig: Rig) -> None:
    for name in ("runner", "database"):
        assert rig(name).run("getent hosts archive.sallyport.test").rc == 0
        assert rig(name).run("timeout 5 getent hosts example.org").rc != 0


def test_the_firewall_stands_after_the_engine_restarted(rig: Rig) -> None:
    runner = rig("runner")
    runner.check_output("systemctl restart docker")
    assert "jobrunner-db" in runner.check_output("nft list table inet sallyport_db")
    assert not reaches(runner, at("1.20"), 22)
    assert reaches(runner, at("1.20"), 443)
