"""Reads from the declared registries: own token, redirects to declared origins only."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

import requests

from sallyport_proxy.models import Reason, Refusal
from sallyport_proxy.policy import RegistryPolicy
from sallyport_proxy.services.upstream import Credential, Upstream, origin_of, read_credential

HOPS = 3
MAX_TOKEN_ANSWER = 64 * 1024
TOKEN_MARGIN = 30.0
REDIRECTS = {301, 302, 303, 307, 308}
CHALLENGE = re.compile(r'(realm|service)="([^"]*)"')


@dataclass(frozen=True)
class _Token:
    value: str
    expires: float


class RegistryClient:
    """Opens manifests and blobs; the proxy's credential goes to declared origins only."""

    def __init__(self, upstream: Upstream, secrets: Path) -> None:
        self._upstream, self._secrets = upstream, secrets
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, str], _Token] = {}

    def open(
        self, registry: RegistryPolicy, method: str, name: str, place: str, accept: str
    ) -> requests.Response:
        """Return the 200 answer for `/v2/<name>/<place>`, body unread; else raise Refusal."""
        url = f"{registry.upstream}/v2/{name}/{place}"
        response = self._authorised(registry, method, url, name, accept)
        for _hop in range(HOPS):
            if response.status_code not in REDIRECTS:
                break
            url = urljoin(url, response.headers.get("Location", ""))
            response.close()
            if origin_of(url) not in (*registry.redirect_origins, registry.upstream):
                raise Refusal(Reason.REDIRECT_HOST, response.status_code)
            response = self._upstream.open(method, url, {"Accept": "*/*"})
        return _only_ok(response)

    def _authorised(
        self, registry: RegistryPolicy, method: str, url: str, name: str, accept: str
    ) -> requests.Response:
        headers = {"Accept": accept}
        token = self._held_token(registry, name)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        response = self._upstream.open(method, url, headers)
        if response.status_code != requests.codes.unauthorized:
            return response
        response.close()
        challenge = response.headers.get("WWW-Authenticate", "")
        if challenge.lower().startswith("basic "):
            return self._upstream.open(method, url, {"Accept": accept}, self._credential(registry))
        token = self._new_token(registry, name, challenge)
        headers["Authorization"] = f"Bearer {token}"
        return self._upstream.open(method, url, headers)

    def _held_token(self, registry: RegistryPolicy, name: str) -> str | None:
        with self._lock:
            token = self._tokens.get((registry.upstream, name))
        return token.value if token and token.expires > time.monotonic() else None

    def _new_token(self, registry: RegistryPolicy, name: str, challenge: str) -> str:
        parameters = dict(CHALLENGE.findall(challenge))
        realm = parameters.get("realm", "")
        if origin_of(realm) not in (*registry.token_origins, registry.upstream):
            raise Refusal(Reason.REDIRECT_HOST, requests.codes.unauthorized)
        scope = {"service": parameters.get("service", ""), "scope": f"repository:{name}:pull"}
        url = f"{realm.partition('?')[0]}?{urlencode(scope)}"
        response = self._upstream.open("GET", url, {}, self._credential(registry))
        _only_ok(response)
        token = _parse_token(self._upstream.read(response, MAX_TOKEN_ANSWER))
        with self._lock:
            self._tokens[registry.upstream, name] = token
        return token.value

    def _credential(self, registry: RegistryPolicy) -> Credential | None:
        if registry.credential is None:
            return None
        return read_credential(self._secrets, registry.credential)


def _parse_token(body: bytes) -> _Token:
    try:
        answer: dict[str, Any] = json.loads(body)
        value = answer.get("token") or answer["access_token"]
        lifetime = float(answer.get("expires_in", 60))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refusal(Reason.UPSTREAM_UNAVAILABLE) from None
    return _Token(str(value), time.monotonic() + lifetime - TOKEN_MARGIN)


def _only_ok(response: requests.Response) -> requests.Response:
    status = response.status_code
    if status == requests.codes.ok:
        return response
    response.close()
    missing = status in {400, 401, 403, 404}
    raise Refusal(Reason.NOT_FOUND if missing else Reason.UPSTREAM_UNAVAILABLE, status)
