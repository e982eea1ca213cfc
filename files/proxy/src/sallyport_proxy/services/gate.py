"""The gate: a request gets a grant from the policy, or a refusal; then it is served."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from datetime import UTC, datetime

from sallyport_proxy.models import Answer, ClientRequest, Grant, Kind, Reason, Refusal
from sallyport_proxy.policy import Policy
from sallyport_proxy.services import archive_rules, git_rules, registry_rules
from sallyport_proxy.services.archives import Archives
from sallyport_proxy.services.git_backend import ROBOTS, GitBackend, plain_body
from sallyport_proxy.services.images import Blobs, Manifests
from sallyport_proxy.services.mirrors import Mirrors
from sallyport_proxy.services.policy_store import PolicyStore

TOKEN_LIFETIME = 300


class Gate:
    """Decides and carries out; holds no rule of its own."""

    def __init__(
        self,
        keeper: PolicyStore,
        mirrors: Mirrors,
        backend: GitBackend,
        manifests: Manifests,
        blobs: Blobs,
        archives: Archives,
    ) -> None:
        self._keeper = keeper
        self._mirrors, self._backend = mirrors, backend
        self._manifests, self._blobs, self._archives = manifests, blobs, archives

    def policy(self) -> Policy:
        """Return the policy in force now; one request uses one policy throughout."""
        return self._keeper.current()

    def serve(self, policy: Policy, grant: Grant, request: ClientRequest) -> Answer:
        """Fetch what was granted; raise Refusal where it cannot be fetched."""
        if grant.kind == "git":
            return self._git(policy, grant, request)
        if grant.kind == "registry":
            return self._registry(policy, grant, request)
        if policy.archives is None:
            raise Refusal(Reason.HOST_UNKNOWN)
        return self._archives.fetch(policy.archives, policy.limits, grant, request)

    def _git(self, policy: Policy, grant: Grant, request: ClientRequest) -> Answer:
        if policy.git is None:
            raise Refusal(Reason.HOST_UNKNOWN)
        if grant.action == "robots":
            return Answer(200, {"Content-Type": "text/plain"}, ROBOTS)
        body = plain_body(request, policy.limits)
        mirror, cache = self._mirrors.path(grant.name), "replica"
        if grant.action == "refs" or not mirror.is_dir():
            cache = self._mirrors.refresh(policy.git, grant.name)
        damaged = functools.partial(self._mirrors.mark_damaged, grant.name)
        answer = self._backend.serve(mirror, grant, request, body, damaged)
        answer.cache = cache
        return answer

    def _registry(self, policy: Policy, grant: Grant, request: ClientRequest) -> Answer:
        registry = policy.registry
        if registry is None:
            raise Refusal(Reason.HOST_UNKNOWN)
        registry, name = registry.of(grant.name)
        grant = replace(grant, name=name)
        if grant.action == "manifest":
            return self._manifests.fetch(registry, policy.limits, grant, request)
        if grant.action == "blob":
            return self._blobs.fetch(registry, policy.limits, grant, request)
        return _token() if grant.action == "token" else _ping(registry.host, request)


def kind_of(policy: Policy, host: str) -> Kind:
    """Return which part of the policy a host name belongs to."""
    if policy.git and host == policy.git.host:
        return "git"
    if policy.registry and host == policy.registry.host:
        return "registry"
    if policy.archives and host == policy.archives.host:
        return "archive"
    return "none"


def authorise(policy: Policy, request: ClientRequest) -> Grant:
    """Return the grant of an allowed request; raise Refusal for every other one."""
    kind = kind_of(policy, request.host)
    if kind == "git" and policy.git:
        return git_rules.authorise(policy, policy.git, request)
    if kind == "registry" and policy.registry:
        return registry_rules.authorise(policy, policy.registry, request)
    if kind == "archive" and policy.archives:
        return archive_rules.authorise(policy, policy.archives, request)
    raise Refusal(Reason.HOST_UNKNOWN)


def _ping(host: str, request: ClientRequest) -> Answer:
    """Answer the version check; clients without a token are sent to the proxy's own endpoint."""
    headers = {"Content-Type": "application/json"}
    if request.has_token:
        return Answer(200, headers, b"{}")
    challenge = f'Bearer realm="https://{host}/token",service="{host}"'
    errors = [{"code": "UNAUTHORIZED", "message": "authentication required", "detail": None}]
    body = json.dumps({"errors": errors}).encode()
    return Answer(401, headers | {"WWW-Authenticate": challenge}, body)


def _token() -> Answer:
    """Return a token that grants nothing: what may be pulled depends on the rules alone."""
    token = {
        "token": "anonymous",
        "access_token": "anonymous",
        "expires_in": TOKEN_LIFETIME,
        "issued_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(token).encode())
