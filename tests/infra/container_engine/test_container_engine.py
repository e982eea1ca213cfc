"""The engine's own promises, and what a container can reach behind the firewall."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host

from converging import converge
from probes import PROBE, address_of, listening, probe, without_rules

HOSTS = ["runner"]
# A job image of this host's own Python: no registry is asked.
IMAGE = """
set -eu
python=$(readlink -f /usr/bin/python3)
libraries=$(ldd "$python" | grep -o '/[^ ]*')
tar --create --dereference --absolute-names --exclude=__pycache__ --exclude=dist-packages \
    "$python" $libraries /usr/lib/"${python##*/}" | docker import - probe
"""
NETWORK = (
    "docker network create --driver bridge --subnet 10.210.0.0/24"
    " --opt com.docker.network.bridge.name=jobrunner-db"
    " --opt com.docker.network.bridge.enable_icc=false jobrunner-db"
)


@pytest.fixture(scope="module")
def job(host: Host) -> Iterator[Callable[[str, int], str]]:
    """A function that tries a connection from a job with database access."""
    host.check_output("sh -c %s", IMAGE)
    host.check_output(NETWORK)
    python = host.check_output("readlink -f /usr/bin/python3")

    def attempt(address: str, port: int, network: str = "jobrunner-db") -> str:
        program = PROBE.format(address=address, port=port, kind="SOCK_STREAM")
        command = "docker run --rm --network=%s --user=10000 --cap-drop=ALL probe %s -c %s"
        return str(host.check_output(command, network, python, program))

    yield attempt
    host.check_output("docker network rm jobrunner-db")
    host.check_output("docker image rm probe")


@pytest.fixture(scope="module")
def jobs(rig: Callable[[str], Host]) -> Host:
    """The host that stands for a database."""
    return rig("jobs")


@pytest.fixture
def engine(host: Host) -> dict[str, Any]:
    """What the engine says about itself."""
    answer: dict[str, Any] = json.loads(host.check_output("docker info --format '{{json .}}'"))
    return answer


def test_containers_outlive_the_engine_and_their_logs_are_bounded(engine: dict[str, Any]) -> None:
    assert engine["LiveRestoreEnabled"]
    assert engine["Driver"] == "overlay2"
    assert engine["LoggingDriver"] == "local"


@pytest.mark.usefixtures("job")
def test_a_container_gains_no_privileges_unless_somebody_says_so(host: Host) -> None:
    program = "print(open('/proc/self/status').read())"
    python = host.check_output("readlink -f /usr/bin/python3")
    command = "docker run --rm --network=none %s probe %s -c %s"
    held = host.check_output(command, "--security-opt=seccomp=unconfined", python, program)
    assert "NoNewPrivs:\t1" in held
    loose = host.check_output(command, "--security-opt=no-new-privileges=false", python, program)
    assert "NoNewPrivs:\t0" in loose


def test_the_engine_listens_on_a_socket_of_root_alone(host: Host) -> None:
    assert host.file("/run/docker.sock").mode == 0o660
    assert host.file("/run/docker.sock").user == "root"
    assert "-H tcp" not in host.check_output("systemctl cat docker")
    assert "hosts" not in json.loads(host.file("/etc/docker/daemon.json").content_string)


def test_the_engine_is_held_at_its_version(host: Host) -> None:
    assert {"docker.io", "containerd", "runc"} <= set(
        host.check_output("apt-mark showhold").split()
    )


def test_the_registry_is_known_by_the_site_s_own_authority(host: Host) -> None:
    trusted = host.file("/etc/docker/certs.d/docker-proxy.sallyport.test/ca.crt")
    assert "BEGIN CERTIFICATE" in trusted.content_string


def test_a_job_reaches_the_database_s_address_and_port_only(
    host: Host, jobs: Host, job: Callable[[str, int], str]
) -> None:
    address = address_of(jobs, "dmz")
    with listening(jobs, 8443), listening(jobs, 8444):
        assert job(address, 8443) == "through"
        assert job(address, 8444).startswith("refused")
        with without_rules(host):
            assert job(address, 8444) == "through"


def test_a_job_reaches_no_service_of_its_host_but_a_declared_one(
    host: Host, job: Callable[[str, int], str]
) -> None:
    with listening(host, 8443), listening(host, 8444):
        assert job(address_of(host, "dmz"), 8443) == "through"
        for address in (address_of(host, "dmz"), address_of(host, "secure"), "10.210.0.1"):
            assert job(address, 8444).startswith("refused")
            with without_rules(host):
                assert job(address, 8444) == "through"


def test_other_containers_of_the_secure_zone_reach_nothing(
    host: Host, jobs: Host, job: Callable[..., str]
) -> None:
    address = address_of(jobs, "dmz")
    with listening(jobs, 8443):
        assert job(address, 8443, network="bridge").startswith("refused")
        with without_rules(host):
            assert job(address, 8443, network="bridge") == "through"


def test_nobody_opens_a_connection_into_a_job(host: Host, job: Callable[[str, int], str]) -> None:
    program = "import socket,time; s=socket.create_server(('', 8000)); time.sleep(60)"
    python = host.check_output("readlink -f /usr/bin/python3")
    command = "docker run --detach --rm --name=neighbour --network=jobrunner-db probe %s -c %s"
    host.check_output(command, python, program)
    try:
        shape = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = host.check_output("docker inspect --format %s neighbour", shape)
        assert job(address, 8000).startswith("refused")
        assert probe(host, address, 8000).startswith("refused")
        with without_rules(host):
            assert probe(host, address, 8000) == "through"
    finally:
        host.run("docker kill neighbour")


def test_the_rules_outlive_a_restart_of_the_engine(host: Host) -> None:
    host.check_output("systemctl restart docker")
    assert host.check_output("sallyport-firewall status").startswith("in force")
    assert "table ip nat" in host.check_output("nft list tables")
    assert "DOCKER" in host.check_output("nft list chains ip")


def test_the_engine_does_not_start_without_the_rules(host: Host) -> None:
    policy = "/etc/sallyport/firewall/policy.json"
    required = host.check_output("systemctl show -P Requires docker").split()
    assert "sallyport-firewall.service" in required
    host.check_output("mv %s %s.away", policy, policy)
    try:
        host.run("systemctl stop docker docker.socket sallyport-firewall")
        assert host.run("systemctl start docker").rc != 0
        assert not host.service("docker").is_running
    finally:
        host.check_output("mv %s.away %s", policy, policy)
    host.check_output("systemctl start docker")
    assert host.check_output("sallyport-firewall status").startswith("in force")


def test_a_run_that_was_cut_short_is_finished_by_the_next(host: Host) -> None:
    """A package that does not exist ends the run after daemon.json was written."""
    changed = {"container_engine_settings": {"labels": ["site=changed"]}}

    def labels() -> str:
        return str(host.check_output("docker info --format '{{json .Labels}}'"))

    assert "site=changed" not in labels()
    code, _, output = converge(**changed, __container_engine_packages=["no-such-package"])
    assert code != 0, output
    assert "site=changed" in host.file("/etc/docker/daemon.json").content_string
    assert "site=changed" not in labels()
    code, changes, output = converge(**changed)
    assert code == 0, output
    assert changes > 0
    assert "site=changed" in labels()
    code, changes, output = converge(**changed)
    assert (code, changes) == (0, 0), output
    code, _, output = converge()
    assert code == 0, output
    assert "site=changed" not in labels()
