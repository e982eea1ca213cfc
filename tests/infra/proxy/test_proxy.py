"""The one way out: what is declared passes, everything else is refused and written down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

from service_claims import ServiceClaims

GIT, IMAGES, PACKAGES = (
    f"https://{name}.sallyport.test" for name in ("github-proxy", "docker-proxy", "archive")
)
STUDY = "/demo-org/proxy-study"
WORK = "/var/lib/proxy-test"
REFS = "/info/refs?service=git-upload-pack"
DECISIONS = "/var/lib/sallyport/proxy/decisions/decisions.sqlite3"
QUERY = "select event, object, data from decision order by seq desc limit 200"


def ask(host: Host, url: str, *options: str) -> tuple[str, str]:
    """Send a request with curl, its address as it stands; return status and text."""
    words = ["curl", "--silent", "--path-as-is", "--write-out", "\n%{http_code}", *options, url]
    shown = host.run(" ".join(["%s"] * len(words)), *words).stdout
    text, _, status = shown.rpartition("\n")
    return status, text


def decisions(host: Host) -> list[dict[str, Any]]:
    """Return the newest rows of the log of decisions, newest first."""
    program = f"import json, sqlite3; c = sqlite3.connect('{DECISIONS}'); "
    program += f"print(json.dumps(c.execute('{QUERY}').fetchall()))"
    shown = host.check_output("runuser -u sallyport-proxy -- python3 -c %s", program)
    return [
        json.loads(data) | {"event": event, "object": object_}
        for event, object_, data in json.loads(shown)
    ]


class TestProxy(ServiceClaims):
    """The service behind nginx."""

    component = "proxy"

    def test_only_nginx_reaches_the_service(self, host: Host) -> None:
        assert host.file("/run/sallyport/proxy/http.sock").group == "www-data"
        connect = "import socket; s = socket.socket(socket.AF_UNIX); "
        connect += "s.connect('/run/sallyport/proxy/http.sock')"
        assert host.run("runuser -u www-data -- python3 -c %s", connect).rc == 0
        assert host.run("runuser -u nobody -- python3 -c %s", connect).rc != 0

    def test_nginx_reads_held_bytes_and_writes_none(self, host: Host) -> None:
        folder = "/var/cache/sallyport-proxy"
        assert host.run("runuser -u www-data -- ls %s", folder).rc == 0
        assert host.run("runuser -u www-data -- touch %s/x", folder).rc != 0
        assert host.run("runuser -u nobody -- ls %s", folder).rc != 0

    def test_the_policy_is_what_the_inventory_says(self, host: Host) -> None:
        printed = host.check_output("sallyport-proxy check-config")
        assert f"{GIT}/demo-org/*[.git]/git-upload-pack for inside" in printed
        assert f"{IMAGES}/v2/sallyport/*/manifests/TAG-OR-DIGEST for inside" in printed
        assert "/dists/" in printed
        assert {"GET", "POST"} == {line.split()[0] for line in printed.splitlines()}


class TestPackages:
    """F10: hosts get packages through the proxy, and apt finds them signed."""

    @pytest.fixture
    def source(self, host: Host) -> tuple[str, str]:
        """The first declared archive at the proxy, and its first suite."""
        printed = host.check_output("sallyport-proxy check-config").splitlines()
        url = next(line.split()[2] for line in printed if "/dists/" in line)
        archive, _, suite = url.removesuffix("/...").partition("/dists/")
        return archive, suite

    def test_a_package_is_fetched_and_held(self, host: Host, source: tuple[str, str]) -> None:
        key = "/usr/share/keyrings/debian-archive-keyring.gpg"
        entry = f"deb [signed-by={key}] {' '.join(source)} main"
        host.check_output("mkdir -p %s/lists/partial && cd %s && echo %s > list", WORK, WORK, entry)
        places = {"Etc::sourcelist": "list", "Etc::sourceparts": "none", "State::lists": "lists"}
        apt = f"cd {WORK} && apt-get " + " ".join(
            f"-oDir::{name}={WORK}/{value}" for name, value in places.items()
        )
        host.check_output(f"{apt} -oAPT::Update::Error-Mode=any update")
        url = host.check_output(f"{apt} --print-uris download hello").split("'")[1]
        assert url.startswith(f"{PACKAGES}/")
        for _ in range(2):
            host.check_output(f"{apt} download hello && rm hello_*")
        assert host.run("find /var/cache/sallyport-proxy/archives -name 'hello_*'").stdout
        head = host.check_output("curl --silent --head --range 100- %s", url)
        assert "206" in head.splitlines()[0]

    def test_other_suites_and_ways_are_refused(self, host: Host, source: tuple[str, str]) -> None:
        archive, suite = source
        assert ask(host, f"{archive}/dists/{suite}/InRelease")[0] == "200"
        for url, reason in {
            f"{archive}/dists/nosuch/InRelease": "suite",
            f"{PACKAGES}/other/dists/{suite}/InRelease": "suite",
            f"{archive}/dists/{suite}/../../ls-lR.gz": "path_not_canonical",
            f"{archive}/ls-lR.gz": "path_shape",
            f"{archive}/dists/{suite}/InRelease?x": "query",
        }.items():
            status, text = ask(host, url)
            assert (status, f"({reason})" in text) == ("403", True), url


REFUSED = [
    (f"{GIT}/strangers/study{REFS}", [], "403", "org_not_allowed"),
    (f"{GIT}/demo-org-x/study{REFS}", [], "403", "org_not_allowed"),
    (f"{GIT}{STUDY}/info/refs?service=git-receive-pack", [], "403", "service"),
    (f"{GIT}{STUDY}/git-receive-pack", ["--data", "0000"], "403", "service"),
    (f"{GIT}{STUDY}/HEAD", [], "403", "path_shape"),
    (f"{GIT}{STUDY}/..%2f..%2fetc/passwd", [], "403", "path_not_canonical"),
    (f"{GIT}/metrics", [], "403", "path_shape"),
    (f"{GIT}{STUDY}{REFS}", ["--request", "DELETE"], "403", "method"),
    (f"{IMAGES}/v2/strangers/python/manifests/v2", [], "404", "name_not_allowed"),
    (f"{IMAGES}/v2/_catalog", [], "404", "name_not_allowed"),
    (f"{IMAGES}/v2/sallyport/python/blobs/uploads/", ["--data", "x"], "403", "method"),
    (f"{IMAGES}/token?service=x&scope=repository:sallyport/python:push", [], "403", "scope"),
]


@pytest.mark.parametrize(("url", "options", "status", "reason"), REFUSED)
def test_a_refusal_has_its_reason_in_answer_and_log(
    host: Host, url: str, options: list[str], status: str, reason: str
) -> None:
    answer = ask(host, url, *options)
    assert (answer[0], f"({reason})" in answer[1]) == (status, True)
    rows = [row for row in decisions(host) if row["event"].startswith("refuse")]
    assert reason in {row["reason"] for row in rows}


def test_what_is_no_request_to_a_declared_name_ends_at_nginx(host: Host) -> None:
    assert ask(host, f"{GIT}/robots.txt")[0] == "200"
    for name in ("localhost", "other.sallyport.test", "github-proxy.sallyport.test.example"):
        assert ask(host, f"{GIT}/metrics", "--header", f"Host: {name}")[0] not in {"200", "403"}
    assert ask(host, f"{GIT}/_held/incoming")[0] == "404"
    tunnel = host.run("curl --silent --proxy %s --proxy-insecure https://forge.sallyport.test", GIT)
    assert tunnel.rc != 0
    forged = ask(host, f"{GIT}/metrics", "--header", "X-Forwarded-Host: localhost")
    assert "path_shape" in forged[1]


def test_the_log_is_a_chain_and_a_change_shows(host: Host) -> None:
    assert "intact" in host.check_output("sallyport-proxy verify-log")
    copy = f"{WORK}/log"
    change = f"import sqlite3; c = sqlite3.connect('{copy}/decisions/decisions.sqlite3'); "
    change += "c.execute(\"update decision set actor = 'nobody' where seq = 2\"); c.commit()"
    host.check_output("rm -rf %s && mkdir -p %s", copy, copy)
    host.check_output("cp -a /var/lib/sallyport/proxy/decisions %s/", copy)
    host.check_output("python3 -c %s && chown -R sallyport-proxy: %s", change, copy)
    verify = f"set -a; . /etc/sallyport/proxy/environment; PROXY_STATE_DIRECTORY={copy}; "
    verify += "exec /opt/sallyport/proxy/current/venv/bin/sallyport-proxy verify-log"
    found = host.run("runuser -u sallyport-proxy -- sh -c %s", verify)
    assert (found.rc, "row 2 was changed" in found.stdout) == (1, True)
