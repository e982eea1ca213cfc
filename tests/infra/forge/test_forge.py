"""The stand-in for the code forge and the registry: everybody reads, accounts write."""

from __future__ import annotations

import base64
import json
import shlex
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
FORGE, REGISTRY = "forge.sallyport.test", "registry.sallyport.test"
REQUEST = """
import http.client, json, socket, ssl, sys
name, method, path, headers = json.loads(sys.argv[1])
connection = http.client.HTTPSConnection(name)
raw = socket.create_connection(("127.0.0.1", 443))
connection.sock = ssl.create_default_context().wrap_socket(raw, server_hostname=name)
connection.request(method, path, headers=headers)
answer = connection.getresponse()
print(json.dumps([answer.status, dict(answer.getheaders()), answer.read().decode()]))
"""


@pytest.fixture(scope="module")
def password() -> str:
    """The account's password, from the vault of the demo's inventory."""
    vault = ROOT / "inventories/demo/group_vars/all/vault.yml"
    return str(yaml.safe_load(vault.read_text())["vault_forge_push_password"])


def git(host: Host, *words: str) -> Any:
    """Run git on the host, where the forge's name is this host."""
    options = ["-c", f"http.curloptResolve={FORGE}:443:127.0.0.1", "-c", "user.name=R"]
    options += ["-c", "user.email=r@example.org", "-c", "init.defaultBranch=main"]
    return host.run(f"GIT_TERMINAL_PROMPT=0 git {shlex.join([*options, *words])}")


def ask(host: Host, name: str, method: str, path: str, **headers: str) -> tuple[int, Any, str]:
    """Ask nginx on the host; return status, headers and body."""
    question = json.dumps([name, method, path, headers])
    status, answered, body = json.loads(host.check_output("python3 -c %s %s", REQUEST, question))
    return status, answered, body


@pytest.fixture(scope="module")
def pushed(host: Host, password: str) -> str:
    """The second commit before the tip of a branch that an account has pushed."""
    folder = f"/root/{uuid.uuid4()}"
    assert git(host, "clone", "-q", f"https://{FORGE}/demo-org/study", folder).rc == 0
    for number in range(3):
        host.check_output("head -c 20000 /dev/urandom > %s/file-%s", folder, str(number))
        git(host, "-C", folder, "add", "-A")
        assert git(host, "-C", folder, "commit", "-qm", f"{number}").rc == 0
    refused = git(host, "-C", folder, "push", "-q", "origin", "HEAD:main")
    assert "could not read Username" in refused.stderr
    wrong = f"https://researcher:wrong@{FORGE}/demo-org/study"
    assert (
        "Authentication failed" in git(host, "-C", folder, "push", "-q", wrong, "HEAD:main").stderr
    )
    right = f"https://researcher:{password}@{FORGE}/demo-org/study"
    assert git(host, "-C", folder, "push", "-qf", right, "HEAD:main").rc == 0
    return str(git(host, "-C", folder, "rev-parse", "HEAD~1").stdout.strip())


def test_an_account_pushes_and_everybody_clones(host: Host, pushed: str) -> None:
    folder = f"/root/{uuid.uuid4()}"
    assert git(host, "clone", "-q", f"https://{FORGE}/demo-org/study.git", folder).rc == 0
    assert git(host, "-C", folder, "rev-parse", "HEAD~1").stdout.strip() == pushed


def test_any_reachable_commit_can_be_fetched_alone(host: Host, pushed: str) -> None:
    folder = f"/root/{uuid.uuid4()}"
    git(host, "init", "-q", folder)
    for protocol in ("0", "2"):
        address = f"https://{FORGE}/demo-org/study"
        fetch = ["-C", folder, "-c", f"protocol.version={protocol}", "fetch", "-q", "--depth=1"]
        assert git(host, *fetch, address, pushed).rc == 0
        assert git(host, *fetch, address, "0" * 39 + "1").rc != 0


def test_parts_of_a_repository_can_be_cloned(host: Host, pushed: str) -> None:
    folder = f"/root/{uuid.uuid4()}"
    address = f"https://{FORGE}/demo-org/study"
    assert git(host, "clone", "-q", "--bare", "--filter=blob:none", address, folder).rc == 0
    missing = git(host, "-C", folder, "rev-list", "--objects", "--all", "--missing=print").stdout
    assert missing.count("?") == 3
    assert pushed in missing


def test_a_disguised_push_is_no_way_in(host: Host) -> None:
    forged = "Basic " + base64.b64encode(b"researcher:wrong").decode()
    base = "/demo-org/study/info/refs?service="
    assert ask(host, FORGE, "GET", base + "git-upload-pack")[0] == 200
    assert ask(host, FORGE, "GET", base + "git-receive-pack")[0] == 401
    disguised = ask(host, FORGE, "GET", base + "git%2Dreceive-pack", Authorization=forged)
    assert disguised[0] == 403
    for path in ("/demo-org/study/HEAD", "/demo-org/study/objects/info/packs", "/../etc/passwd"):
        assert ask(host, FORGE, "GET", path)[0] in {400, 404}


def test_the_registry_serves_the_image_that_was_loaded(host: Host) -> None:
    path = "/v2/sallyport/tiny/manifests/v1"
    accept = "application/vnd.docker.distribution.manifest.v2+json"
    status, headers, body = ask(host, REGISTRY, "GET", path, Accept=accept)
    assert status == 200
    assert headers["Docker-Content-Digest"].startswith("sha256:")
    layer = json.loads(body)["layers"][0]["digest"]
    assert ask(host, REGISTRY, "HEAD", f"/v2/sallyport/tiny/blobs/{layer}")[0] == 200


def test_the_registry_takes_images_from_accounts_only(host: Host, password: str) -> None:
    path = "/v2/sallyport/other/blobs/uploads/"
    right = "Basic " + base64.b64encode(f"researcher:{password}".encode()).decode()
    assert ask(host, REGISTRY, "POST", path)[0] == 401
    assert ask(host, REGISTRY, "POST", path, Authorization=right)[0] == 202
    assert host.socket("tcp://127.0.0.1:5000").is_listening
    assert not host.socket("tcp://0.0.0.0:5000").is_listening
    assert not host.socket("tcp://:::5000").is_listening


def test_passwords_are_kept_hashed(host: Host, password: str) -> None:
    accounts = host.file("/etc/sallyport/forge/accounts")
    assert (accounts.user, accounts.group, accounts.mode) == ("root", "www-data", 0o640)
    assert "researcher:$6$" in accounts.content_string
    assert password not in accounts.content_string


def test_the_unit_is_exposed_little(host: Host) -> None:
    report = host.run("systemd-analyze security --no-pager sallyport-forge.service").stdout
    exposure = float(report.rpartition("exposure level for")[2].split(":")[1].split()[0])
    assert exposure <= 2.0
