"""Which git requests may pass: two of the smart protocol's, both for fetching."""

from __future__ import annotations

import re

from sallyport_proxy.models import ClientRequest, Grant, Reason, Refusal
from sallyport_proxy.policy import GitPolicy, Policy
from sallyport_proxy.services.canonical import no_body, no_query, only, parameters, split_target
from sallyport_study.places import InvalidNameError, Repository

ADDRESS = re.compile(r"/(?P<path>[^?]+)/(?P<call>info/refs|git-upload-pack|git-receive-pack)")
PROTOCOLS = {"", "version=0", "version=1", "version=2"}
PACK_REQUEST = "application/x-git-upload-pack-request"
UPLOAD_PACK = "git-upload-pack"


def authorise(policy: Policy, git: GitPolicy, request: ClientRequest) -> Grant:
    """Return the grant of an allowed git request; raise Refusal for everything else."""
    path, query = split_target(request.target)
    if path == "/robots.txt":
        only(request.method, "GET", "HEAD")
        no_query(query)
        no_body(request.body)
        return Grant("git", "robots")
    address = ADDRESS.fullmatch(path)
    if not address:
        raise Refusal(Reason.PATH_SHAPE)
    repository = _repository(address["path"])
    action = _action(address["call"], query, request)
    if len(request.body) > policy.limits.git_body:
        raise Refusal(Reason.BODY_LIMIT)
    if request.headers.get("git-protocol", "") not in PROTOCOLS:
        raise Refusal(Reason.HEADER)
    if repository.forge not in git.forges:
        raise Refusal(Reason.FORGE_UNKNOWN)
    rule = _rule(policy, git, repository.owner, repository.name, request.address)
    owner, name = git.allow[rule].spelling(repository.owner, repository.name)
    spelled = Repository(repository.forge, owner, name)
    return Grant("git", action, spelled.path, rule=rule)


def _repository(path: str) -> Repository:
    try:
        return Repository.from_path(path)
    except InvalidNameError:
        raise Refusal(Reason.PATH_SHAPE) from None


def _action(call: str, query: str | None, request: ClientRequest) -> str:
    if call == "git-receive-pack":
        raise Refusal(Reason.SERVICE)
    if call == "info/refs":
        only(request.method, "GET", "HEAD")
        no_body(request.body)
        if parameters(query, {"service"}).get("service") != UPLOAD_PACK:
            raise Refusal(Reason.SERVICE)
        return "refs"
    only(request.method, "POST")
    no_query(query)
    if request.headers.get("content-type") != PACK_REQUEST:
        raise Refusal(Reason.BODY_TYPE)
    if request.headers.get("content-encoding", "") not in {"", "gzip", "identity"}:
        raise Refusal(Reason.HEADER)
    return "pack"


def _rule(policy: Policy, git: GitPolicy, org: str, repo: str, address: str) -> int:
    of_org = [index for index, rule in enumerate(git.allow) if rule.holds_org(org)]
    if not of_org:
        raise Refusal(Reason.ORG_NOT_ALLOWED)
    held = [index for index in of_org if git.allow[index].holds(org, repo)]
    if not held:
        raise Refusal(Reason.REPO_NOT_ALLOWED)
    for index in held:
        if policy.group_allows(git.allow[index].clients, address):
            return index
    raise Refusal(Reason.CLIENT_UNKNOWN)
