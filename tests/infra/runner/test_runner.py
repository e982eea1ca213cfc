"""The runner on its host: what it may touch, who may talk to it, how it stays up."""

from __future__ import annotations

import json
import time

import pytest
from testinfra.host import Host

from service_claims import ServiceClaims

SOCKET = "/run/sallyport/runner/admin.sock"
HIGH, MEDIUM = "/srv/high_privacy", "/srv/medium_privacy"
OPERATOR = "setpriv --reuid 65534 --regid 65534 --groups 10012 "
STRANGER = "setpriv --reuid 65534 --regid 65534 --clear-groups "

ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as channel:
    channel.settimeout(5)
    channel.connect(sys.argv[1])
    channel.sendall(f"GET {sys.argv[2]} HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n".encode())
    print(channel.makefile(newline="").read(), end="")
"""


def health(host: Host) -> dict[str, object]:
    """Return what /healthz answers on the admin socket."""
    answer = host.run("python3 -c %s %s /healthz", ASK, SOCKET).stdout
    return dict(json.loads(answer.partition("\r\n\r\n")[2])) if answer else {}


class TestRunner(ServiceClaims):
    """The daemon; the job server and the proxy are away all the time."""

    component = "runner"
    secrets = ("database_url", "job_server_token", "record_signing_key")
    max_exposure = 5.0  # it reaches the container engine, which amounts to root

    def test_it_is_healthy_without_the_job_server(self, host: Host) -> None:
        assert health(host)["checks"] == {"store": "ok", "loops": "ok"}
        status = json.loads(host.check_output("sallyport-runner status"))
        assert status["backend"] == "hospital"
        assert status["sync"] == {"last_contact": None, "long_poll": False}

    def test_it_listens_on_no_network(self, host: Host) -> None:
        pid = host.check_output("systemctl show --value -p MainPID %s", self.unit)
        shown = host.check_output("ls -l /proc/%s/fd", pid)
        assert "socket:" in shown
        for family in ("tcp", "tcp6", "udp", "udp6"):
            table = host.check_output("cat /proc/%s/net/%s", pid, family)
            listening = [line.split()[9] for line in table.splitlines()[1:] if " 0A " in line]
            assert not [inode for inode in listening if f"socket:[{inode}]" in shown]

    def test_operators_talk_to_it_and_nobody_else_does(self, host: Host) -> None:
        assert (host.file(SOCKET).group, host.file(SOCKET).mode) == ("operators", 0o660)
        assert host.run(OPERATOR + "sallyport-runner pause").rc == 0
        assert host.run(OPERATOR + "sallyport-runner unpause").rc == 0
        refused = host.run(STRANGER + "sallyport-runner status")
        assert refused.rc == 1
        assert "Permission denied" in refused.stderr

    def test_it_keeps_three_capabilities_and_the_engines_group(self, host: Host) -> None:
        status = self.process(host, "status")
        assert "CapEff:\t000000000000000b" in status  # chown, dac_override, fowner
        groups = status.partition("Groups:")[2].splitlines()[0].split()
        docker = host.check_output("getent group docker").split(":")[2]
        assert groups.count(docker) == 1
        as_runner = "setpriv --reuid 10006 --regid 10006 --groups %s python3 -c %s %s /_ping"
        engine = "/run/docker.sock"
        assert "200 OK" in host.run(as_runner, docker, ASK, engine).stdout
        assert "PermissionError" in host.run(as_runner, "10006", ASK, engine).stderr

    def test_the_sandbox_passes_its_test_as_the_service_starts_it(self, host: Host) -> None:
        """Its control is in test_selftest.py, where each flag is left out in turn."""
        answer = host.check_output(OPERATOR + "sallyport-runner self-test")
        assert answer == "The self-test of the sandbox passed."

    def test_it_comes_back_when_it_is_killed(self, host: Host) -> None:
        host.check_output("systemctl kill --signal=KILL %s.service", self.unit)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not health(host):
            time.sleep(0.5)
        assert health(host)["status"] == "ok"


class TestTrees:
    """Both privacy trees and the accounts around them."""

    @pytest.mark.parametrize(
        ("path", "group"),
        [
            (HIGH, "sallyport-runner"),
            (f"{HIGH}/volumes", "sallyport-runner"),
            (MEDIUM, "reviewers"),
            (f"{MEDIUM}/workspaces", "reviewers"),
        ],
    )
    def test_folders_belong_to_the_runner_and_one_group(
        self, host: Host, path: str, group: str
    ) -> None:
        folder = host.file(path)
        assert (folder.user, folder.group, folder.mode) == ("sallyport-runner", group, 0o2750)

    def test_reviewers_read_the_medium_tree_only(self, host: Host) -> None:
        reviewer = "setpriv --reuid 65534 --regid 65534 --groups 10010 ls "
        assert host.run(reviewer + MEDIUM).rc == 0
        assert host.run(reviewer + HIGH).rc != 0
        assert host.run(STRANGER + "ls " + MEDIUM).rc != 0

    def test_jobs_have_an_account_that_owns_nothing(self, host: Host) -> None:
        job = host.user("sallyport-job")
        assert (job.uid, job.gid, job.shell) == (10000, 10000, "/usr/sbin/nologin")
        owned = host.check_output("find /srv /etc /var/lib /opt -xdev -user sallyport-job")
        assert owned == ""


class TestDatabaseNetwork:
    """The bridge that database jobs join."""

    def test_its_interface_has_its_name_and_jobs_do_not_meet(self, host: Host) -> None:
        network = json.loads(host.check_output("docker network inspect jobrunner-db"))[0]
        assert network["Options"]["com.docker.network.bridge.name"] == "jobrunner-db"
        assert network["Options"]["com.docker.network.bridge.enable_icc"] == "false"
        assert network["IPAM"]["Config"][0]["Subnet"] == "10.210.0.0/24"
        assert not network["EnableIPv6"]
        assert host.file("/sys/class/net/jobrunner-db/bridge").exists
