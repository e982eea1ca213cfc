"""Which package requests may pass: indexes of declared suites, and the pool."""

from __future__ import annotations

import re

from sallyport_proxy.models import ClientRequest, Grant, Reason, Refusal
from sallyport_proxy.policy import ArchivePolicy, Policy
from sallyport_proxy.services.canonical import no_body, no_query, only, split_target

PART = r"[A-Za-z0-9][A-Za-z0-9._+~:^=-]*"
ADDRESS = re.compile(
    rf"/(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)/(?P<kind>dists/(?P<suite>{PART})|pool)(?:/{PART}){{1,12}}"
)
ESCAPES = "+~:^="
"""Characters that apt writes as %XX."""


def authorise(policy: Policy, archives: ArchivePolicy, request: ClientRequest) -> Grant:
    """Return the grant of an allowed package request; raise Refusal for everything else.

    `reference` is the path below the archive.
    """
    only(request.method, "GET", "HEAD")
    no_body(request.body)
    path, query = split_target(request.target, ESCAPES)
    no_query(query)
    address = ADDRESS.fullmatch(path)
    if not address:
        raise Refusal(Reason.PATH_SHAPE)
    index = next(
        (at for at, rule in enumerate(archives.allow) if rule.name == address["name"]), None
    )
    if index is None:
        raise Refusal(Reason.SUITE)
    rule = archives.allow[index]
    if address["suite"] and address["suite"] not in rule.suites:
        raise Refusal(Reason.SUITE)
    if not policy.group_allows(rule.clients, request.address):
        raise Refusal(Reason.CLIENT_UNKNOWN)
    action = "index" if address["suite"] else "package"
    return Grant("archive", action, rule.name, path.removeprefix(f"/{rule.name}/"), index)
