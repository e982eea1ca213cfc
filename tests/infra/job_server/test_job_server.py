"""The job server on its host, through its front door."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from testinfra.host import Host

from service_claims import ServiceClaims

SITE = "https://jobs.sallyport.test"
SECRETS = "/etc/sallyport/job_server/secrets"
PROGRAM = "sallyport-job-server"
CALL = """
import json, ssl, sys, urllib.error, urllib.request
method, url, headers, body = sys.argv[1:]
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_): return None
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
asked = urllib.request.Request(url, body.encode() or None, json.loads(headers), method=method)
try:
    answer = opener.open(asked, timeout=20)
except urllib.error.HTTPError as error:
    answer = error
text = answer.read().decode()
print(json.dumps({"status": answer.status, "headers": dict(answer.headers), "text": text}))
"""


def ask(
    host: Host, path: str, method: str = "GET", body: Any = None, **headers: str
) -> dict[str, Any]:
    """Call the site from its own host, by its name and with the system's trust.

    The names of headers are in lower case: HTTP lets a server choose, and ours writes them so.
    """
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    text = json.dumps(body) if body is not None else ""
    words = (CALL, method, SITE + path, json.dumps(sent), text)
    answer = dict(json.loads(host.check_output("python3 -c %s %s %s %s %s", *words)))
    lowered = {name.lower(): value for name, value in answer["headers"].items()}
    return answer | {"headers": lowered}


def secret(host: Host, name: str) -> str:
    """Return a secret of the service."""
    return str(host.file(f"{SECRETS}/{name}").content_string.strip())


class TestJobServer(ServiceClaims):
    """The service behind nginx."""

    component = "job_server"
    secrets = (
        "administrators", "hatch_signing_key", "secret_key", "signing_key",
        "token_hospital_jobs", "token_hospital_publish", "token_hospital_review",
    )  # fmt: skip

    def test_its_front_door_is_https(self, host: Host) -> None:
        answer = ask(host, "/login/")
        assert answer["status"] == 200
        assert "default-src 'none'" in answer["headers"]["content-security-policy"]
        assert ask(host, "/")["status"] == 302
        assert json.loads(ask(host, "/healthz")["text"])["status"] == "ok"

    def test_figures_for_monitoring_stay_on_the_host(self, host: Host) -> None:
        socket = "/run/sallyport/job_server/http.sock"
        inside = host.run("curl -sf --unix-socket %s http://localhost/metrics", socket)
        assert "python_info" in inside.stdout
        assert ask(host, "/metrics")["status"] == 404

    def test_only_nginx_and_root_reach_its_socket(self, host: Host) -> None:
        socket = host.file("/run/sallyport/job_server/http.sock")
        assert (socket.user, socket.group, socket.mode) == ("root", "www-data", 0o660)

    def test_a_backend_token_opens_its_scope_only(self, host: Host) -> None:
        jobs, review = (secret(host, f"token_hospital_{scope}") for scope in ("jobs", "review"))
        assert ask(host, "/api/v2/job-requests/", Authorization=jobs)["status"] == 200
        assert ask(host, "/api/v2/job-requests/", Authorization=review)["status"] == 403
        assert ask(host, "/api/v2/job-requests/")["status"] == 403

    def test_a_runner_is_held_through_nginx(self, host: Host) -> None:
        token = secret(host, "token_hospital_jobs")
        tag = ask(host, "/api/v2/job-requests/", Authorization=token)["headers"]["etag"]
        path = "/api/v2/job-requests/?wait=1"
        held = ask(host, path, Authorization=token, If_None_Match=tag)
        assert held["status"] == 304
        assert held["headers"]["etag"] == tag

    def test_the_administrator_logs_in_and_sets_up_a_project(self, host: Host) -> None:
        person = json.loads(secret(host, "administrators"))[0]
        wrong = {"username": person["username"], "password": "wrong password"}
        assert ask(host, "/api/v1/tokens", "POST", wrong)["status"] == 401
        right = wrong | {"password": person["password"]}
        made = ask(host, "/api/v1/tokens", "POST", right)
        assert made["status"] == 201
        token = f"{person['username']}:{json.loads(made['text'])['token']}"
        project = {"slug": "probe", "name": "Probe"}
        done = ask(host, "/api/v1/projects", "POST", project, Authorization=token)
        assert done["status"] in (201, 409)

    @pytest.mark.parametrize(
        ("words", "shown"),
        [
            (("check-config",), "complete"),
            (("migrate",), "newest"),
            (("audit", "verify"), "intact"),
        ],
    )
    def test_its_program_works_for_root(
        self, host: Host, words: tuple[str, ...], shown: str
    ) -> None:
        assert shown in host.check_output(" ".join([PROGRAM, *words]))

    def test_what_exists_is_not_made_again(self, host: Host) -> None:
        ensured = host.check_output("%s administrators ensure --file %s", PROGRAM,
                                    f"{SECRETS}/administrators")  # fmt: skip
        assert ensured == "admin: unchanged"

    def test_git_works_inside_the_sandbox(self, host: Host) -> None:
        pid = host.check_output("systemctl show --value -p MainPID %s.service", self.unit)
        inside = "nsenter -t %s -m setpriv --reuid 10004 --regid 10004 --clear-groups "
        assert host.run(inside + "git init -q --bare /tmp/probe.git", pid).rc == 0
        assert host.run(inside + "git init -q --bare /srv/probe.git", pid).rc != 0

    def test_its_state_is_its_own(self, host: Host) -> None:
        state = host.file("/var/lib/sallyport/job_server")
        assert (state.user, state.mode) == (self.unit, 0o700)
        database = host.file("/var/lib/sallyport/job_server/job_server.sqlite3")
        assert (database.user, database.mode) == (self.unit, 0o600)

    def test_a_snapshot_fills_an_empty_server(self, host: Host) -> None:
        state = "/var/lib/sallyport/job_server"
        copy, old = f"{state}/snapshots/probe", f"{state}/old"
        host.check_output("rm -rf %s %s", copy, old)
        before = host.check_output("%s audit verify", PROGRAM)
        assert "released files" in host.check_output("%s snapshot %s", PROGRAM, copy)
        assert host.run("%s put-back %s", PROGRAM, copy).rc == 1
        host.check_output("systemctl stop %s", self.unit)
        move = "mkdir %s && mv %s/job_server.sqlite3* %s/releases %s/"
        host.check_output(move, old, state, state, old)
        host.check_output("%s put-back %s", PROGRAM, copy)
        host.check_output("systemctl start %s", self.unit)
        assert json.loads(ask(host, "/healthz")["text"])["status"] == "ok"
        after = host.check_output("%s audit verify", PROGRAM)
        rows = [int(one.split()[0]) for one in (before, after)]
        assert after.endswith("intact")
        assert rows[1] > rows[0] > 3
        self.test_its_state_is_its_own(host)


@pytest.fixture(scope="class")
def mail(host: Host) -> Iterator[str]:
    """Give the folder of a mail server on the host."""
    folder, unit = "/run/probe-mail", "probe-mail"
    host.check_output("rm -rf %s", folder)
    host.check_output(
        "systemd-run --unit=%s --collect python3 -m aiosmtpd -n -l 127.0.0.1:25 "
        "-c aiosmtpd.handlers.Mailbox %s",
        unit,
        folder,
    )
    yield folder
    host.check_output("systemctl stop %s", unit)


class TestMail:
    """Mail of the deployed service."""

    def test_its_program_sends_a_test(self, host: Host, mail: str) -> None:
        said = _retried(host, f"{PROGRAM} mail-test ada@example.org")
        assert "took a mail for ada@example.org" in said
        assert "Auto-Submitted: auto-generated" in _retried(host, f"grep -rh '' {mail}/new")

    def test_the_service_itself_tells_a_person(self, host: Host, mail: str) -> None:
        name = f"nina{time.time_ns()}"
        words = "user create %s --fullname Nina --email %s@example.org --invite"
        host.check_output(f"{PROGRAM} {words}", name, name)
        host.check_output(f"{PROGRAM} user end-codes %s", name)
        subject = f"One-time codes of {name} are off"
        assert subject in _retried(host, f"grep -rh '^Subject: {subject}' {mail}/new")


def _retried(host: Host, command: str, seconds: float = 30) -> str:
    """Return what a command prints once it succeeds."""
    deadline = time.monotonic() + seconds
    while (done := host.run(command)).rc != 0 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert done.rc == 0, done.stderr
    return str(done.stdout)
