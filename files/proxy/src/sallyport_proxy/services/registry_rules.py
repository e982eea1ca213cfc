"""Which registry requests may pass: version check, pull tokens, manifests and blobs."""

from __future__ import annotations

import re

from sallyport_common.names import matches_glob
from sallyport_proxy.models import ClientRequest, Grant, Reason, Refusal
from sallyport_proxy.policy import Policy, RegistryPolicy
from sallyport_proxy.services.canonical import no_body, no_query, only, parameters, split_target

COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
NAME = rf"{COMPONENT}(?:/{COMPONENT})*"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
ADDRESS = re.compile(rf"/v2/(?P<name>{NAME})/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)")
TOKEN_PARAMETERS = {"service", "scope", "client_id", "account"}
SCOPE = re.compile(rf"repository:(?P<name>{NAME}):(?P<actions>[a-z,*]+)")
MAX_NAME = 200


def authorise(policy: Policy, registry: RegistryPolicy, request: ClientRequest) -> Grant:
    """Return the grant of an allowed registry request; raise Refusal for everything else."""
    only(request.method, "GET", "HEAD")
    no_body(request.body)
    path, query = split_target(request.target)
    if path == "/token":
        return _token(policy, registry, request, query)
    no_query(query)
    if path == "/v2/":
        return Grant("registry", "ping")
    address = ADDRESS.fullmatch(path)
    if not address:
        raise Refusal(Reason.NAME_NOT_ALLOWED if path.startswith("/v2/") else Reason.PATH_SHAPE)
    name, reference = address["name"], address["reference"]
    rule = _rule(policy, registry, name, request.address)
    if DIGEST.fullmatch(reference):
        return Grant("registry", address["kind"][:-1], name, reference, rule)
    if address["kind"] == "blobs" or not TAG.fullmatch(reference):
        raise Refusal(Reason.PATH_SHAPE)
    if registry.allow[rule].digest_only:
        raise Refusal(Reason.TAG_NOT_ALLOWED)
    return Grant("registry", "manifest", name, reference, rule)


def _rule(policy: Policy, registry: RegistryPolicy, name: str, address: str) -> int:
    if len(name) > MAX_NAME:
        raise Refusal(Reason.NAME_NOT_ALLOWED)
    held = [index for index, rule in enumerate(registry.allow) if matches_glob(rule.name, name)]
    if not held:
        raise Refusal(Reason.NAME_NOT_ALLOWED)
    for index in held:
        if policy.group_allows(registry.allow[index].clients, address):
            return index
    raise Refusal(Reason.CLIENT_UNKNOWN)


def _token(
    policy: Policy, registry: RegistryPolicy, request: ClientRequest, query: str | None
) -> Grant:
    fields = parameters(query, TOKEN_PARAMETERS)
    if fields.get("service") != registry.host:
        raise Refusal(Reason.SCOPE)
    if "scope" not in fields:
        return Grant("registry", "token")
    scope = SCOPE.fullmatch(fields["scope"])
    if not scope or scope["actions"] != "pull":
        raise Refusal(Reason.SCOPE)
    rule = _rule(policy, registry, scope["name"], request.address)
    return Grant("registry", "token", scope["name"], rule=rule)
