"""Manifests and blobs: held ones from disk, others fetched once, checked and kept."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable

import requests

from sallyport_proxy.models import Answer, ClientRequest, Grant, Reason, Refusal
from sallyport_proxy.policy import Limits, RegistryPolicy
from sallyport_proxy.services.keeper import Keeper, length
from sallyport_proxy.services.registry_client import RegistryClient
from sallyport_proxy.services.registry_rules import DIGEST
from sallyport_proxy.services.upstream import Upstream
from sallyport_proxy.storage.content import ContentStore

OCTETS = "application/octet-stream"
OLD_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
TagKey = tuple[str, str, str, str]


def _place(kind: str, digest: str) -> str:
    hexadecimal = digest.removeprefix("sha256:")
    return f"{kind}/{hexadecimal[:2]}/{hexadecimal}"


class Manifests:
    """Small files by digest; a resolved tag is cached for `tag_lifetime` seconds."""

    def __init__(
        self,
        client: RegistryClient,
        upstream: Upstream,
        store: ContentStore,
        tag_lifetime: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._upstream, self._store = client, upstream, store
        self._tag_lifetime, self._clock = tag_lifetime, clock
        self._tags: dict[TagKey, tuple[str, float]] = {}

    def fetch(
        self, registry: RegistryPolicy, limits: Limits, grant: Grant, request: ClientRequest
    ) -> Answer:
        """Return a manifest by digest or tag; raise Refusal if it is absent or invalid."""
        accept = request.headers.get("accept", "*/*")
        if DIGEST.fullmatch(grant.reference):
            held = self._held(grant.reference, "hit")
            return held or self._fetch(registry, limits, grant, accept)
        return self._tagged(registry, limits, grant, accept)

    def _tagged(
        self, registry: RegistryPolicy, limits: Limits, grant: Grant, accept: str
    ) -> Answer:
        key = (registry.upstream, grant.name, grant.reference, accept)
        digest, expires = self._tags.get(key, ("", 0.0))
        held = self._held(digest, "hit" if self._clock() < expires else "stale")
        if held and held.cache == "hit":
            return held
        try:
            answer = self._fetch(registry, limits, grant, accept)
        except Refusal as refusal:
            if held and refusal.reason == Reason.UPSTREAM_UNAVAILABLE:
                return held
            raise
        digest = answer.headers["Docker-Content-Digest"]
        self._tags[key] = (digest, self._clock() + self._tag_lifetime)
        return answer

    def _held(self, digest: str, cache: str) -> Answer | None:
        if not digest:
            return None
        path = self._store.find(_place("manifests", digest))
        kind = self._store.find(_place("manifests", digest) + ".type")
        if not path or not kind:
            return None
        return _answer(path.read_bytes(), kind.read_text("ascii"), digest, cache)

    def _fetch(self, registry: RegistryPolicy, limits: Limits, grant: Grant, accept: str) -> Answer:
        place = f"manifests/{grant.reference}"
        response = self._client.open(registry, "GET", grant.name, place, accept)
        body = self._upstream.read(response, limits.manifest)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        declared = response.headers.get("Docker-Content-Digest", digest)
        by_digest = DIGEST.fullmatch(grant.reference)
        if digest != declared or (by_digest and digest != grant.reference):
            raise Refusal(Reason.DIGEST_MISMATCH, response.status_code)
        kind = _media_type(body, response)
        for suffix, data in ((".type", kind.encode("ascii")), ("", body)):
            with self._store.writer(_place("manifests", digest) + suffix) as writer:
                writer.write(data)
                writer.keep()
        return _answer(body, kind, digest, "miss", response.status_code)


class Blobs:
    """Layers and configurations by digest."""

    def __init__(self, client: RegistryClient, keeper: Keeper) -> None:
        self._client, self._keeper = client, keeper

    def fetch(
        self, registry: RegistryPolicy, limits: Limits, grant: Grant, request: ClientRequest
    ) -> Answer:
        """Return a blob: a held file, or a stream that is stored while it passes."""
        digest = grant.reference
        own = {"Content-Type": OCTETS, "Docker-Content-Digest": digest}
        held = self._keeper.held(_place("blobs", digest), own)
        if held:
            return held

        def start() -> requests.Response:
            place = f"blobs/{digest}"
            return self._client.open(registry, request.method, grant.name, place, OCTETS)

        def headers(response: requests.Response) -> dict[str, str]:
            size = length(response)
            return own if size is None else own | {"Content-Length": str(size)}

        if request.method == "HEAD":
            response = start()
            response.close()
            return Answer(200, headers(response), cache="pass")
        return self._keeper.fetch(
            _place("blobs", digest),
            own,
            start,
            headers,
            lambda written: written.digest == digest,
            limits.blob,
        )


def _media_type(body: bytes, response: requests.Response) -> str:
    """Return what a manifest says it is; older ones leave that to the header."""
    try:
        stated = json.loads(body).get("mediaType")
    except (ValueError, AttributeError):
        raise Refusal(Reason.UPSTREAM_UNAVAILABLE, response.status_code) from None
    kind = str(stated or response.headers.get("Content-Type") or OLD_TYPE)
    if not kind.isascii() or not kind.isprintable():
        raise Refusal(Reason.UPSTREAM_UNAVAILABLE, response.status_code)
    return kind


def _answer(
    body: bytes, kind: str, digest: str, cache: str, upstream_status: int | None = None
) -> Answer:
    headers = {
        "Content-Type": kind,
        "Docker-Content-Digest": digest,
        "ETag": f'"{digest}"',
        "Content-Length": str(len(body)),
    }
    return Answer(200, headers, body, cache=cache, upstream_status=upstream_status)
