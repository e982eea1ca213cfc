"""The refusal matrix: each allowed request, changed in one thing, ends with the right reason."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.proxy.rig import CLIENT, HOSTS, Rig, Upstreams, write_policy

from sallyport_common.names import matches_glob
from sallyport_proxy.models import MESSAGES, ClientRequest, Reason, Refusal
from sallyport_proxy.policy import Policy
from sallyport_proxy.services.canonical import split_target
from sallyport_proxy.services.gate import authorise
from sallyport_proxy.services.policy_file import load_policy

STUDY = "/demo-org/demo-study"
REFS = f"{STUDY}/info/refs?service=git-upload-pack"
PACK = {"content-type": "application/x-git-upload-pack-request"}
DIGEST = f"sha256:{'a' * 64}"
IMAGE = "/v2/opensafely-core/python"


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory, idle_upstreams: Upstreams) -> Policy:
    """Give the policy of the rig."""
    path = tmp_path_factory.mktemp("policy") / "policy.yml"
    write_policy(path, idle_upstreams)
    return load_policy(path)


def request(kind: str, target: str, method: str = "GET") -> ClientRequest:
    """Return a request as it would arrive."""
    return ClientRequest(method, HOSTS[kind], target, {}, CLIENT)


GIT = request("git", REFS)
FETCH = replace(request("git", f"{STUDY}/git-upload-pack", "POST"), headers=PACK)
MANIFEST = request("registry", f"{IMAGE}/manifests/v2")
BLOB = request("registry", f"{IMAGE}/blobs/{DIGEST}")
INDEX = request("archive", "/debian/dists/bookworm/InRelease")
PACKAGE = request("archive", "/debian/pool/main/h/hello/hello_2.10-3_amd64.deb")


@pytest.mark.parametrize("request_", [GIT, FETCH, MANIFEST, BLOB, INDEX, PACKAGE])
def test_each_allowed_request_is_granted(policy: Policy, request_: ClientRequest) -> None:
    assert authorise(policy, request_).kind in {"git", "registry", "archive"}


def test_the_longest_name_is_understood(policy: Policy) -> None:
    longest = replace(MANIFEST, target=f"/v2/opensafely-core/{'x' * 184}/manifests/v2")
    assert authorise(policy, longest).name.endswith("x" * 184)


def git(target: str) -> ClientRequest:
    """Return the discovery of references with another address."""
    return replace(GIT, target=target)


CHANGES = [
    (replace(GIT, host="github-proxy.example.evil.example"), "host_unknown"),
    (replace(GIT, host=""), "host_unknown"),
    (replace(GIT, method="POST"), "method"),
    (replace(GIT, method="CONNECT"), "method"),
    (replace(GIT, body=b"0000"), "framing"),
    (replace(GIT, headers={"git-protocol": "version=2\x00x"}), "header"),
    (git(f"{STUDY}/info/refs"), "service"),
    (git(f"{STUDY}/info/refs?service=git-receive-pack"), "service"),
    (git(f"{REFS}&service=git-upload-pack"), "query"),
    (git(f"{REFS}&more=1"), "query"),
    (git(f"{STUDY}/info/refs?service"), "query"),
    (git(f"{REFS}|x"), "query"),
    (git(REFS.replace("demo-org", "demo-org-evil")), "org_not_allowed"),
    (git(REFS.replace("demo-study", "study")), "repo_not_allowed"),
    (git(f"/code.example{REFS}"), "forge_unknown"),
    (git(f"/github.com{REFS}"), "path_shape"),
    (git(f"/a/code.example{REFS}"), "path_shape"),
    (git("/other-org/closed/info/refs?service=git-upload-pack"), "client_unknown"),
    (git(REFS.replace("/info", "/x/../info")), "path_not_canonical"),
    (git(REFS.replace("/info", "//info")), "path_not_canonical"),
    (git(REFS.replace("demo-study", "demo%2dstudy")), "path_not_canonical"),
    (git(REFS.replace("demo-study", "demo-é")), "path_not_canonical"),
    (git(f"https://github-proxy.example{REFS}"), "path_not_canonical"),
    (git(f"{STUDY}/HEAD"), "path_shape"),
    (git(f"{STUDY}/objects/info/packs"), "path_shape"),
    (git(STUDY), "path_shape"),
    (git(f"/x{REFS}"), "forge_unknown"),
    (git(f"/x/y{REFS}"), "path_shape"),
    (replace(FETCH, target=f"{STUDY}/git-receive-pack"), "service"),
    (replace(FETCH, target=f"{FETCH.target}?x=1"), "query"),
    (replace(FETCH, headers={"content-type": "text/plain"}), "body_type"),
    (replace(FETCH, headers=PACK | {"content-encoding": "br"}), "header"),
    (replace(FETCH, method="PUT"), "method"),
    (replace(FETCH, body=b"x" * (256 * 1024 + 1)), "body_limit"),
    (replace(MANIFEST, method="PUT"), "method"),
    (replace(MANIFEST, method="DELETE"), "method"),
    (replace(MANIFEST, body=b"{}"), "framing"),
    (replace(MANIFEST, target=f"{MANIFEST.target}?ns=x"), "query"),
    (replace(MANIFEST, target="/v2/_catalog"), "name_not_allowed"),
    (replace(MANIFEST, target="/v2/opensafely-core/a/b/manifests/v2"), "name_not_allowed"),
    (replace(MANIFEST, target="/v2/opensafely-core-x/python/manifests/v2"), "name_not_allowed"),
    (replace(MANIFEST, target=f"/v2/opensafely-core/{'x' * 185}/manifests/v2"), "name_not_allowed"),
    (replace(MANIFEST, target="/v2/elsewhere/python/manifests/v2"), "client_unknown"),
    (replace(MANIFEST, target="/v2/pinned/python/manifests/v2"), "tag_not_allowed"),
    (replace(MANIFEST, target=f"{IMAGE}/tags/list"), "name_not_allowed"),
    (replace(MANIFEST, target=f"{IMAGE}/referrers/{DIGEST}"), "name_not_allowed"),
    (replace(MANIFEST, target="/"), "path_shape"),
    (replace(BLOB, target=f"{IMAGE}/blobs/v2"), "path_shape"),
    (replace(BLOB, target=f"{IMAGE}/blobs/uploads/"), "name_not_allowed"),
    (replace(INDEX, method="POST"), "method"),
    (replace(INDEX, target=f"{INDEX.target}?x"), "query"),
    (replace(INDEX, target="/debian/dists/sid/InRelease"), "suite"),
    (replace(INDEX, target="/ubuntu/dists/bookworm/InRelease"), "suite"),
    (replace(INDEX, target="/private/dists/bookworm/InRelease"), "client_unknown"),
    (replace(INDEX, target="/debian/indices/files"), "path_shape"),
    (replace(PACKAGE, target="/debian/pool/%2e%2e/x"), "path_not_canonical"),
    (replace(PACKAGE, body=b"x"), "framing"),
]


@pytest.mark.parametrize(("request_", "reason"), CHANGES)
def test_one_change_is_refused(policy: Policy, request_: ClientRequest, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        authorise(policy, request_)
    assert refused.value.reason == reason


def test_a_refusal_is_told_and_written_down_and_asks_nobody(rig: Rig) -> None:
    status, _headers, text = rig.raw("git", "GET", "/strangers/x/info/refs?service=git-upload-pack")
    assert (status, "org_not_allowed" in text) == (403, True)
    row = rig.log.last_rows(1)[0]
    assert (row["actor"], row["event"]) == (CLIENT, "refuse")
    assert row["data"]["reason"] == "org_not_allowed"
    assert row["data"]["path"] == "/strangers/x/info/refs"
    assert rig.upstreams.saw_nothing()
    assert rig.get("archive", INDEX.target).status_code == 200
    assert rig.log.last_rows(1)[0]["event"] == "allow"


def test_each_request_is_a_line_in_the_journal(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "sallyport_proxy.requests"):
        rig.raw("archive", "GET", INDEX.target)
        rig.raw("archive", "GET", "/debian/dists/sid/InRelease")
        rig.close()
    allowed, refused = (vars(record) for record in caplog.records)
    assert (allowed["decision"], allowed["object"], allowed["cache"]) == ("allow", "debian", "pass")
    assert (refused["decision"], refused["reason"], refused["status"]) == ("refuse", "suite", 403)


def test_health_and_metrics_are_for_the_socket_only(rig: Rig) -> None:
    assert rig.raw("git", "GET", "/healthz")[0] == 403
    client = rig.front.app.test_client()
    health = client.get("/healthz", base_url="http://localhost")
    assert (health.status_code, '"status":"ok"' in health.text.replace(" ", "")) == (200, True)
    assert b"sallyport_proxy_decisions" in client.get("/metrics").data


def test_every_reason_has_a_sentence_a_test_and_a_line_in_the_reference() -> None:
    assert set(MESSAGES) == set(Reason)
    folder = Path(__file__).parent
    lines = (folder.parents[2] / "docs/reference/proxy.md").read_text().splitlines()
    described = {line.split("`")[1] for line in lines if line.startswith("| `") and "_" in line}
    tests = "".join(path.read_text() for path in folder.glob("test_*.py"))
    for reason in Reason:
        assert f"| `{reason}` |" in "\n".join(lines), reason
        assert f'{reason}"' in tests, reason
    assert {word for word in described if "-" not in word} <= set(Reason)


def test_a_reader_without_a_rule_is_robots(rig: Rig) -> None:
    assert rig.get("git", "/robots.txt").text == "User-agent: *\nDisallow: /\n"


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("demo-*", "demo-study", True),
        ("demo-*", "demo-a/b", False),
        ("a.b", "axb", False),
        ("*", "", True),
    ],
)
def test_a_glob_stays_within_its_segment(pattern: str, text: str, expected: bool) -> None:
    assert matches_glob(pattern, text) is expected


def test_declared_escapes_are_read() -> None:
    assert split_target("/pool/a%2bb?x=1", "+") == ("/pool/a+b", "x=1")
    with pytest.raises(Refusal):
        split_target("/pool/a%2bb")
