"""Pulling images: only allowed names, only true bytes, once from upstream."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from msgspec import convert
from tests.unit.proxy.doubles import MANIFEST, Registry
from tests.unit.proxy.rig import HOSTS, Rig, policy_data, write_policy

from sallyport_proxy.policy import RegistryPolicy

NAME = "opensafely-core/python"
BROKEN = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)


@pytest.fixture
def registry(rig: Rig) -> Registry:
    """Give the registry behind the proxy."""
    return rig.upstreams.registry


def blob(rig: Rig) -> str:
    """Return the address of the image's layer."""
    return f"/v2/{NAME}/blobs/{layer(rig)}"


def layer(rig: Rig) -> str:
    """Return the digest of the image's layer."""
    return str(json.loads(rig.upstreams.registry.manifest)["layers"][0]["digest"])


def manifest(rig: Rig, reference: str = "") -> str:
    """Return the address of the image's manifest."""
    return f"/v2/{NAME}/manifests/{reference or rig.upstreams.registry.digest}"


def held(rig: Rig) -> list[Path]:
    """Return every file in the cache."""
    return [path for path in rig.settings.cache_directory.rglob("*") if path.is_file()]


class TestAccess:
    """The version check and tokens, which the proxy answers alone."""

    def test_the_challenge_names_the_proxy(self, rig: Rig) -> None:
        answer = rig.get("registry", "/v2/")
        host = HOSTS["registry"]
        expected = f'Bearer realm="https://{host}/token",service="{host}"'
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, expected)
        assert rig.get("registry", "/v2/", Authorization="Bearer anonymous").status_code == 200
        assert rig.upstreams.saw_nothing()

    def test_a_token_is_for_pulling_allowed_images(self, rig: Rig) -> None:
        scope = f"service={HOSTS['registry']}&scope=repository%3A{NAME.replace('/', '%2F')}%3Apull"
        answer = rig.get("registry", f"/token?{scope}")
        assert answer.status_code == 200
        assert answer.json()["token"]
        assert rig.upstreams.saw_nothing()

    def test_a_token_without_a_scope_is_for_the_version_check(self, rig: Rig) -> None:
        answer = rig.get("registry", f"/token?service={HOSTS['registry']}")
        assert answer.status_code == 200
        assert answer.json()["token"]

    @pytest.mark.parametrize("service", ["service=elsewhere.example&", ""])
    def test_a_token_for_another_service_is_refused(self, rig: Rig, service: str) -> None:
        answer = rig.get("registry", f"/token?{service}scope=repository:{NAME}:pull")
        assert answer.status_code in {403, 404}
        assert "scope" in answer.json()["errors"][0]["message"]

    @pytest.mark.parametrize(
        ("scope", "reason"),
        [
            (f"repository:{NAME}:pull,push", "scope"),
            (f"repository:{NAME}:*", "scope"),
            ("registry:catalog:*", "scope"),
            ("repository:strangers/python:pull", "name_not_allowed"),
            ("repository:elsewhere/python:pull", "client_unknown"),
            (f"repository:{NAME}:pull&scope=repository:{NAME}:pull", "query"),
            (f"repository:{NAME}:pull&offline_token=true", "query"),
        ],
    )
    def test_other_scopes_are_refused(self, rig: Rig, scope: str, reason: str) -> None:
        answer = rig.get("registry", f"/token?service={HOSTS['registry']}&scope={scope}")
        assert answer.status_code in {403, 404}
        assert reason in answer.json()["errors"][0]["message"]


class TestManifests:
    """Manifests by tag and by digest."""

    @pytest.mark.parametrize("reference", ["v2", ""])
    def test_it_is_passed_on_unchanged(self, rig: Rig, registry: Registry, reference: str) -> None:
        answer = rig.get("registry", manifest(rig, reference), Accept=MANIFEST)
        assert answer.content == registry.manifest
        assert answer.headers["Content-Type"] == MANIFEST
        assert answer.headers["Docker-Content-Digest"] == registry.digest

    def test_a_held_one_needs_no_upstream(self, rig: Rig, registry: Registry) -> None:
        rig.get("registry", manifest(rig, "v2"), Accept=MANIFEST)
        registry.seen.clear()
        for reference in ("v2", registry.digest):
            answer = rig.get("registry", manifest(rig, reference), Accept=MANIFEST)
            assert answer.content == registry.manifest
        assert rig.upstreams.saw_nothing()

    def test_a_tag_is_asked_for_again_when_its_time_is_over(
        self, start_rig: Callable[..., Rig]
    ) -> None:
        rig = start_rig(tag_lifetime=0)
        for _ in range(2):
            rig.get("registry", manifest(rig, "v2"), Accept=MANIFEST)
        assert len(rig.upstreams.registry.seen) == 2
        rig.upstreams.registry.down = True
        answer = rig.get("registry", manifest(rig, "v2"), Accept=MANIFEST)
        assert answer.content == rig.upstreams.registry.manifest

    def test_head_has_the_digest_and_no_body(self, rig: Rig, registry: Registry) -> None:
        status, headers, text = rig.raw("registry", "HEAD", manifest(rig, "v2"))
        assert (status, text) == (200, "")
        assert headers["Docker-Content-Digest"] == registry.digest
        assert headers["Content-Length"] == str(len(registry.manifest))

    @pytest.mark.parametrize("reference", ["v2", ""])
    def test_an_altered_one_is_refused_and_not_kept(
        self, rig: Rig, registry: Registry, reference: str
    ) -> None:
        registry.altered = True
        answer = rig.get("registry", manifest(rig, reference))
        assert answer.status_code == 502
        assert "digest_mismatch" in answer.text
        assert not held(rig)
        registry.altered = False
        assert rig.get("registry", manifest(rig, reference)).status_code == 200

    def test_where_only_digests_are_allowed_a_tag_is_refused(self, rig: Rig) -> None:
        answer = rig.get("registry", "/v2/pinned/python/manifests/v2")
        assert "tag_not_allowed" in answer.text
        assert rig.upstreams.saw_nothing()
        rig.get("registry", f"/v2/pinned/python/manifests/sha256:{'0' * 64}")
        assert not rig.upstreams.saw_nothing()

    def test_a_missing_one_reads_like_a_registry(self, rig: Rig) -> None:
        answer = rig.get("registry", manifest(rig, "v9"))
        assert answer.status_code == 404
        assert "not_found" in answer.json()["errors"][0]["message"]

    def test_an_answer_that_is_no_manifest_is_refused(self, rig: Rig, registry: Registry) -> None:
        registry.manifest = b"[]"
        answer = rig.get("registry", manifest(rig, "v2"))
        assert answer.status_code == 502

    def test_a_manifest_beyond_its_limit_is_refused(self, start_rig: Callable[..., Rig]) -> None:
        rig = start_rig()
        write_policy(rig.settings.policy, rig.upstreams, limits={"manifest": 10})
        assert "upstream_limit" in rig.get("registry", manifest(rig)).text
        write_policy(rig.settings.policy, rig.upstreams)
        assert rig.get("registry", manifest(rig)).status_code == 200


class TestBlobs:
    """Layers: streamed while they are checked and stored."""

    def test_a_cold_one_is_passed_on_and_kept(self, rig: Rig, registry: Registry) -> None:
        answer = rig.get("registry", blob(rig))
        assert answer.content == registry.layer
        assert answer.headers["Content-Length"] == str(len(registry.layer))
        assert [path.read_bytes() for path in held(rig)] == [registry.layer]

    def test_a_warm_one_is_sent_by_the_front(self, rig: Rig, registry: Registry) -> None:
        rig.get("registry", blob(rig))
        registry.seen.clear()
        answer = rig.get("registry", blob(rig))
        assert answer.headers["X-Sent-By"] == "front"
        assert answer.content == registry.layer
        assert answer.headers["Docker-Content-Digest"] == layer(rig)
        assert rig.upstreams.saw_nothing()

    def test_one_altered_byte_cuts_the_transfer_and_nothing_is_kept(
        self, rig: Rig, registry: Registry
    ) -> None:
        registry.altered = True
        with pytest.raises(BROKEN):
            rig.get("registry", blob(rig))
        assert not held(rig)
        assert rig.log.last_rows(1)[0]["data"]["reason"] == "digest_mismatch"
        registry.altered = False
        assert rig.get("registry", blob(rig)).content == registry.layer
        assert len(held(rig)) == 1

    def test_a_client_that_goes_away_leaves_nothing(self, rig: Rig, registry: Registry) -> None:
        registry.layer = b"x" * 30_000_000
        registry.objects[layer(rig)] = registry.layer
        host, port = rig.front.origins["registry"].removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port))
        connection.request("GET", blob(rig))
        connection.getresponse().read(1000)
        connection.close()
        registry.objects[layer(rig)] = rig.upstreams.registry.config
        deadline = threading.Event()
        for _ in range(100):
            if not held(rig):
                break
            deadline.wait(0.05)
        assert not held(rig)

    def test_parallel_clients_cause_one_request(self, rig: Rig, registry: Registry) -> None:
        registry.gate.clear()
        answers: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: answers.append(rig.get("registry", blob(rig)).content))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        threading.Event().wait(0.1)
        registry.gate.set()
        for thread in threads:
            thread.join()
        assert answers == [registry.layer] * 6
        assert len(registry.seen) == 1

    def test_a_cold_head_asks_for_the_size_only(self, rig: Rig, registry: Registry) -> None:
        status, headers, _ = rig.raw("registry", "HEAD", blob(rig))
        assert (status, headers["Content-Length"]) == (200, str(len(registry.layer)))
        assert [seen.method for seen in registry.seen] == ["HEAD"]

    def test_a_blob_beyond_its_limit_is_cut(self, start_rig: Callable[..., Rig]) -> None:
        rig = start_rig()
        write_policy(rig.settings.policy, rig.upstreams, limits={"blob": 1000})
        answer = rig.get("registry", blob(rig))
        assert (answer.status_code, "upstream_limit" in answer.text) == (502, True)
        assert not held(rig)
        write_policy(rig.settings.policy, rig.upstreams, limits={"blob": 600_000})
        with pytest.raises(BROKEN):
            rig.get("registry", blob(rig))
        assert not held(rig)


class TestRedirects:
    """A registry may send the proxy to a storage host, if that is declared."""

    def test_a_declared_place_is_followed_without_credential(
        self, rig: Rig, registry: Registry
    ) -> None:
        storage = Registry()
        try:
            storage.objects, registry.redirect = registry.objects, storage.origin
            registry.token = "t0ken"
            section = policy_data(rig.upstreams)["registry"] | {
                "redirect_origins": [storage.origin]
            }
            write_policy(rig.settings.policy, rig.upstreams, registry=section)
            assert rig.get("registry", blob(rig)).content == registry.layer
            assert [seen.headers.get("authorization") for seen in storage.seen] == [None]
        finally:
            storage.close()

    def test_another_place_is_refused_and_sees_nothing(self, rig: Rig, registry: Registry) -> None:
        registry.redirect = rig.upstreams.archive.origin
        answer = rig.get("registry", blob(rig))
        assert (answer.status_code, "redirect_host" in answer.text) == (502, True)
        assert not rig.upstreams.archive.seen

    def test_a_loop_ends(self, rig: Rig, registry: Registry) -> None:
        registry.redirect = registry.origin
        registry.objects.clear()
        answer = rig.get("registry", blob(rig))
        assert answer.status_code in {404, 502}
        assert len(registry.seen) <= 5


class TestUpstreamToken:
    """The registry's challenge is answered by the proxy, with its own credential."""

    def test_a_token_is_fetched_and_used_again(self, rig: Rig, registry: Registry) -> None:
        registry.token = "t0ken"
        assert rig.get("registry", manifest(rig)).status_code == 200
        assert rig.get("registry", blob(rig), Authorization="Bearer theirs").status_code == 200
        tokens = [path for path in registry.paths() if path.startswith("/token")]
        scope = f"repository%3A{NAME.replace('/', '%2F')}%3Apull"
        assert tokens == [f"/token?service=registry&scope={scope}"]
        assert "theirs" not in str(registry.seen)

    def test_the_credential_is_sent_with_the_token_request(self, rig: Rig) -> None:
        (rig.settings.secrets_directory / "registry").write_text("reader:c4nary")
        section = policy_data(rig.upstreams)["registry"] | {"credential": "registry"}
        write_policy(rig.settings.policy, rig.upstreams, registry=section)
        rig.upstreams.registry.token = "t0ken"
        assert rig.get("registry", manifest(rig)).status_code == 200
        basic = [
            seen.path.partition("?")[0]
            for seen in rig.upstreams.registry.seen
            if seen.headers.get("authorization", "").startswith("Basic ")
        ]
        assert basic == ["/token"]

    def test_a_token_place_that_is_not_declared_is_refused(
        self, rig: Rig, registry: Registry
    ) -> None:
        elsewhere = rig.upstreams.archive
        registry.token, origin = "t0ken", registry.origin
        registry.origin = elsewhere.origin
        try:
            assert "redirect_host" in rig.get("registry", manifest(rig)).text
            assert not elsewhere.seen
        finally:
            registry.origin = origin
        assert rig.get("registry", manifest(rig)).status_code == 200


def test_nothing_of_the_client_reaches_the_registry(rig: Rig, registry: Registry) -> None:
    canaries = {"Cookie": "c4nary", "User-Agent": "c4nary", "X-Forwarded-For": "c4nary"}
    answer = rig.get("registry", manifest(rig, "v2"), Accept=MANIFEST, **canaries)
    assert answer.status_code == 200
    assert "c4nary" not in str(registry.seen)
    assert registry.seen[0].headers["user-agent"] == "sallyport-proxy"
    assert registry.seen[0].headers["accept"] == MANIFEST


class TestOthers:
    """Further registries, each below its public host name."""

    OTHER = "quay.example/northmoor/rstan"

    @pytest.fixture
    def other(self, rig: Rig) -> Iterator[Registry]:
        """Give a second registry, of which one image is allowed."""
        with contextlib.closing(Registry()) as made:
            made.name = self.OTHER.partition("/")[2]
            policy = policy_data(rig.upstreams)["registry"]
            allowed = {"name": self.OTHER, "reference": "any"}
            policy |= {
                "allow": [*policy["allow"], allowed],
                "others": {"quay.example": {"upstream": made.origin}},
            }
            write_policy(rig.settings.policy, rig.upstreams, registry=policy)
            yield made

    def test_a_name_is_asked_of_its_own_registry(self, rig: Rig, other: Registry) -> None:
        answer = rig.get("registry", f"/v2/{self.OTHER}/manifests/v2")
        assert (answer.status_code, answer.content) == (200, other.manifest)
        layer = json.loads(other.manifest)["layers"][0]["digest"]
        assert rig.get("registry", f"/v2/{self.OTHER}/blobs/{layer}").status_code == 200
        assert other.paths()
        assert all(path.startswith("/v2/northmoor/rstan/") for path in other.paths())
        assert rig.upstreams.saw_nothing()
        assert rig.get("registry", f"/v2/{NAME}/manifests/v2").status_code == 200
        assert not rig.upstreams.saw_nothing()

    @pytest.mark.parametrize(
        "name",
        [
            "quay.example/northmoor/other",
            "quay.example/other/rstan",
            "northmoor/rstan",
            "elsewhere.example/northmoor/rstan",
        ],
    )
    def test_every_other_name_is_refused(self, rig: Rig, other: Registry, name: str) -> None:
        assert rig.get("registry", f"/v2/{name}/manifests/v2").status_code == 404
        assert other.paths() == []
        assert rig.get("registry", f"/v2/{self.OTHER}/manifests/v2").status_code == 200

    def test_a_redirect_of_one_registry_is_none_of_another(self, rig: Rig, other: Registry) -> None:
        data = policy_data(rig.upstreams)["registry"] | {"redirect_origins": ["https://a.example"]}
        others = {"quay.example": {"upstream": other.origin, "credential": "registry_quay.example"}}
        policy = convert(data | {"others": others}, RegistryPolicy)
        assert policy.of(NAME) == (policy, NAME)
        there, name = policy.of(self.OTHER)
        assert (there.upstream, name) == (other.origin, "northmoor/rstan")
        assert (there.redirect_origins, there.credential) == ((), "registry_quay.example")
        assert policy.redirect_origins == ("https://a.example",)
