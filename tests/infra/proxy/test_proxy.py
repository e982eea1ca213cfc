"""The one way out: what is declared passes, everything else is refused and written down."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

from service_claims import ServiceClaims

GIT, IMAGES, PACKAGES = (
    f"https://{name}.sallyport.test" for name in ("github-proxy", "docker-proxy", "archive")
)
STUDY = "/demo-org/proxy-study"
INSPECT = "skopeo inspect --no-tags --format {{.Digest}} %s"
ACCEPT = ("--header", "Accept: application/vnd.docker.distribution.manifest.v2+json")
WORK = "/var/lib/proxy-test"
REFS = "/info/refs?service=git-upload-pack"
DECISIONS = "/var/lib/sallyport/proxy/decisions/decisions.sqlite3"
QUERY = "select event, object, data from decision order by seq desc limit 200"


def ask(host: Host, url: str, *options: str) -> tuple[str, str]:
    """Send a request with curl, its address verbatim; return status and text."""
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


@pytest.fixture(scope="module")
def commit(rig: Callable[[str], Host]) -> str:
    """A commit that both repositories of the forge have, one of them of a stranger."""
    forge, work = rig("forge"), f"/var/lib/sallyport/forge/git/{uuid.uuid4()}"
    git = f"runuser -u sallyport-forge -- git -C {work} -c user.name=R -c user.email=r@example.org"
    forge.check_output("runuser -u sallyport-forge -- git init -q -b main %s", work)
    forge.check_output(f"{git} commit -q --allow-empty -m study")
    for organisation in ("demo-org", "strangers"):
        forge.check_output(f"{git} push -qf ../{organisation}/proxy-study.git HEAD:main")
    head = str(forge.check_output(f"{git} rev-parse HEAD"))
    forge.check_output("rm -r %s", work)
    return head


class TestRepositories:
    """F2: commits of allowed organisations come in, nothing goes out."""

    def git(self, host: Host, *words: str) -> Any:
        """Run git as a person on the host, in a folder of its own."""
        options = ["-c", "user.name=R", "-c", "user.email=r@example.org", "-C", WORK, *words]
        host.check_output("mkdir -p %s", WORK)
        shown = host.run("GIT_TERMINAL_PROMPT=0 git" + " %s" * len(options), *options)
        return shown.rc, shown.stdout, shown.stderr

    def test_an_allowed_repository_is_cloned(self, host: Host, commit: str) -> None:
        folder = f"{WORK}/{uuid.uuid4()}"
        assert self.git(host, "clone", "-q", f"{GIT}{STUDY}", folder)[0] == 0
        assert self.git(host, "-C", folder, "rev-parse", "HEAD")[1].strip() == commit
        row = next(row for row in decisions(host) if row["object"] == "git:demo-org/proxy-study")
        assert row["event"] == "allow"

    def test_one_commit_is_fetched_as_the_runner_does(self, host: Host, commit: str) -> None:
        folder = f"{WORK}/{uuid.uuid4()}"
        self.git(host, "init", "-q", "--bare", folder)
        fetch = ("-C", folder, "fetch", "-q", "--depth", "1", f"{GIT}{STUDY}")
        assert self.git(host, *fetch, commit)[0] == 0
        assert self.git(host, *fetch, "0" * 39 + "1")[0] != 0

    def test_a_push_is_refused_in_words(self, host: Host, commit: str) -> None:
        folder = f"{WORK}/{uuid.uuid4()}"
        assert self.git(host, "clone", "-q", f"{GIT}{STUDY}", folder)[0] == 0
        self.git(host, "-C", folder, "commit", "-q", "--allow-empty", "-m", "mine")
        refused = self.git(host, "-C", folder, "push", "-q", "origin", "HEAD:main")
        assert (refused[0], "a push through this proxy is refused" in refused[2]) == (128, True)
        remote = self.git(host, "ls-remote", "https://forge.sallyport.test/demo-org/proxy-study")
        assert remote[1].split()[0] == commit

    def test_a_stranger_is_refused_though_the_forge_has_it(self, host: Host, commit: str) -> None:
        study = "/strangers/proxy-study"
        assert commit in self.git(host, "ls-remote", f"https://forge.sallyport.test{study}")[1]
        assert commit in self.git(host, "ls-remote", f"{GIT}{STUDY}")[1]
        refused = self.git(host, "ls-remote", f"{GIT}{study}")
        assert (refused[0], "not on the list of allowed" in refused[2]) == (128, True)

    @pytest.mark.usefixtures("commit")
    def test_a_client_credential_changes_nothing(self, host: Host) -> None:
        for study, status in ((STUDY, "200"), ("/strangers/proxy-study", "403")):
            assert ask(host, f"{GIT}{study}{REFS}", "--user", "a:b")[0] == status


class TestImages:
    """F3: allowed images come in by tag and by digest; nothing is pushed."""

    def test_an_allowed_image_is_pulled_and_held(self, host: Host) -> None:
        image = f"{IMAGES.removeprefix('https:')}/sallyport/tiny"
        digest = host.check_output(INSPECT, f"docker:{image}:v1")
        for reference in (":v1", f"@{digest}", f"@{digest}"):
            folder = f"{WORK}/{uuid.uuid4()}"
            copy = ("docker:" + image + reference, f"dir:{folder}")
            host.check_output("mkdir -p %s", WORK)
            host.check_output("skopeo --insecure-policy copy --quiet %s %s", *copy)
            shown = host.check_output("sha256sum %s/manifest.json", folder)
            assert shown.split()[0] == digest.removeprefix("sha256:")
        assert host.run("find /var/cache/sallyport-proxy/blobs -type f").stdout

    def test_a_stranger_is_refused_though_the_registry_has_it(self, host: Host) -> None:
        asked = "/v2/strangers/tiny/manifests/v1"
        assert ask(host, f"https://registry.sallyport.test{asked}", *ACCEPT)[0] == "200"
        status, text = ask(host, f"{IMAGES}{asked}", *ACCEPT)
        assert (status, json.loads(text)["errors"][0]["code"]) == ("404", "NAME_UNKNOWN")
        assert ask(host, f"{IMAGES}/v2/sallyport/tiny/manifests/v1", *ACCEPT)[0] == "200"

    def test_a_push_is_refused(self, host: Host) -> None:
        source = f"docker:{IMAGES.removeprefix('https:')}/sallyport/tiny:v1"
        push = "skopeo --insecure-policy copy --quiet --dest-creds a:b %s %s"
        refused = host.run(push, source, source.replace(":v1", ":v2"))
        assert refused.rc != 0
        found = ask(host, "https://registry.sallyport.test/v2/sallyport/tiny/tags/list")
        assert json.loads(found[1])["tags"] == ["v1"]


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
