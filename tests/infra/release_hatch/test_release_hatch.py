"""The hatch on its host: who reaches it, what it may read and write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from testinfra.host import Host

from service_claims import ServiceClaims

SOCKETS = "/run/sallyport/release_hatch"
WORKSPACES = "/srv/medium_privacy/workspaces"
APPROVED = "/var/lib/sallyport/approved"
PUBLISHER = "sallyport-output-publisher"
CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"


CALL = """
import http.client, json, socket, sys
path, method, url, headers = sys.argv[1:]
connection = http.client.HTTPConnection("localhost", timeout=10)
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(path)
connection.request(method, url, headers=json.loads(headers))
answer = connection.getresponse()
print(json.dumps({"status": answer.status, "headers": dict(answer.headers)}))
"""


def ask(
    host: Host, socket: str, path: str, method: str = "GET", uid: int = 0, **headers: str
) -> dict[str, Any]:
    """Send a request over a socket with a uid and the publisher's group; return the answer."""
    sent = json.dumps({name.replace("_", "-"): value for name, value in headers.items()})
    command = "setpriv --reuid %s --regid 10002 --clear-groups python3 -c %s %s %s %s %s"
    words = (str(uid), CALL, f"{SOCKETS}/{socket}.sock", method, path, sent)
    return dict(json.loads(host.check_output(command, *words)))


class TestReleaseHatch(ServiceClaims):
    """The service behind nginx."""

    component = "release_hatch"
    secrets = ("job_server_token", "secret_key", "signing_key")

    def inside(self, host: Host, *words: str) -> int:
        """Run a program as the service sees the host; return its exit code."""
        pid = host.check_output("systemctl show --value -p MainPID %s.service", self.unit)
        command = "nsenter -t %s -m setpriv --reuid 10001 --regid 10001 --groups 10010 "
        return int(host.run(command + " ".join(["%s"] * len(words)), pid, *words).rc)

    @pytest.fixture
    def output(self, host: Host) -> Iterator[str]:
        """An output as the runner leaves it."""
        path = f"{WORKSPACES}/planted.csv"
        host.check_output("echo a > %s && chgrp reviewers %s && chmod 640 %s", path, path, path)
        yield path
        host.check_output("rm %s", path)

    @pytest.mark.parametrize(("socket", "user"), [("http", "www-data"), ("outbox", PUBLISHER)])
    def test_each_socket_is_for_one_account(self, host: Host, socket: str, user: str) -> None:
        # The publisher's account comes with its own role; its group is enough to be let in.
        group, path = host.file(f"{SOCKETS}/{socket}.sock").group, f"{SOCKETS}/{socket}.sock"
        assert group == user
        connect = "setpriv --reuid 65534 --regid %s --clear-groups python3 -c %s %s"
        assert host.run(connect, group, CONNECT, path).rc == 0
        assert host.run(connect, "nogroup", CONNECT, path).rc != 0

    def test_only_the_publishers_uid_may_report(self, host: Host) -> None:
        report = "/requests/x/released"
        assert ask(host, "outbox", report, "POST", uid=10002)["status"] == 404
        assert ask(host, "outbox", report, "POST", uid=65534)["status"] == 403

    def test_reports_do_not_come_in_by_the_browsers_socket(self, host: Host) -> None:
        assert ask(host, "http", "/healthz")["status"] == 200
        assert ask(host, "http", "/requests/x/released", "POST")["status"] in {404, 405}

    def test_pages_are_strict_and_need_a_log_in(self, host: Host) -> None:
        page = ask(host, "http", "/login")
        assert page["status"] == 200
        policy = page["headers"]["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'")
        answer = ask(host, "http", "/workspaces/any")
        assert answer["status"] == 302
        assert answer["headers"]["Location"].startswith("/login?next=")

    def test_metrics_are_not_for_browsers(self, host: Host) -> None:
        assert ask(host, "http", "/metrics")["status"] == 200
        assert ask(host, "http", "/metrics", X_Forwarded_For="10.0.0.1")["status"] == 404

    def test_it_reads_outputs_and_changes_none(self, host: Host, output: str) -> None:
        assert self.inside(host, "cat", output) == 0
        assert self.inside(host, "touch", output) != 0
        assert self.inside(host, "touch", f"{WORKSPACES}/new") != 0
        assert self.inside(host, "touch", f"{APPROVED}/.probe") == 0
        assert self.inside(host, "rm", f"{APPROVED}/.probe") == 0

    def test_it_does_not_see_the_high_privacy_tree(self, host: Host) -> None:
        assert self.inside(host, "ls", WORKSPACES) == 0
        assert self.inside(host, "ls", "/srv/high_privacy") != 0

    def test_the_approved_store_is_the_hatchs_and_readable_for_the_publisher(
        self, host: Host
    ) -> None:
        store = host.file(APPROVED)
        assert (store.user, store.group, store.mode) == (self.unit, PUBLISHER, 0o2750)

    def test_the_audit_chain_is_intact(self, host: Host) -> None:
        shown = host.run("sallyport-release-hatch audit verify")
        assert shown.rc == 0
        assert shown.stdout.strip().endswith("intact")
