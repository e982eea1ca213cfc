"""Reads the policy file: YAML, every key known, every problem named at once."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sallyport_common import strict_yaml
from sallyport_common.errors import SettingsError
from sallyport_proxy.policy import (
    ArchivePolicy,
    ArchiveRule,
    GitPolicy,
    GitRule,
    ImageRule,
    Limits,
    Network,
    Policy,
    RegistryPolicy,
)
from sallyport_proxy.services.strict_yaml import Fields
from sallyport_study import places

T = TypeVar("T")
HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
ORIGIN = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")
BASE = re.compile(ORIGIN.pattern + r"(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
IMAGE = re.compile(r"[a-z0-9][a-z0-9._*-]*(?:/[a-z0-9*][a-z0-9._*-]*)*")
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SECRET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
DEFAULTS = Limits()


def load_policy(path: Path, secrets: Path | None = None) -> Policy:
    """Read and check a policy; raise SettingsError naming every problem.

    With `secrets`, the folder of secret files, a credential without its file is a problem too.
    """
    try:
        data = strict_yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, strict_yaml.YamlError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: {' '.join(str(error).split())}"]) from None
    problems: list[str] = []
    policy = _policy(Fields(data, "policy", problems))
    if not problems:
        problems += _unknown_groups(policy) + _missing_secrets(policy, secrets)
    if problems:
        raise SettingsError([f"{path}: {problem}" for problem in problems])
    return policy


def _policy(top: Fields) -> Policy:
    if top.integer("version", 1, 1, None) is None:
        top.problem("version", "is missing; 1 is the version that this proxy reads")
    policy = Policy(
        git=_section(top, "git", _git),
        registry=_section(top, "registry", _registry),
        archives=_section(top, "archives", _archives),
        clients=_clients(top),
        limits=_limits(top),
    )
    top.done()
    return policy


def _section(top: Fields, key: str, read: Callable[[Fields], T]) -> T | None:
    if not top.has(key):
        return None
    fields = top.mapping(key)
    section = read(fields)
    fields.done()
    return section


def _rules(fields: Fields, read: Callable[[Fields], T]) -> tuple[T, ...]:
    rules = []
    for entry in fields.mappings("allow"):
        rules.append(read(entry))
        entry.done()
    return tuple(rules)


def _git(fields: Fields) -> GitPolicy:
    return GitPolicy(
        host=fields.text("host", HOST),
        forges=_forges(fields),
        allow=_rules(fields, _git_rule),
        credentials=_git_credentials(fields),
    )


def _git_rule(rule: Fields) -> GitRule:
    org, repo = rule.text("org", places.OWNER_GLOB), rule.text("repo", places.NAME_GLOB)
    return GitRule(org, repo, _for(rule))


def _forges(fields: Fields) -> dict[str, str]:
    forges = fields.text_mapping("forges", ORIGIN)
    if not forges:
        fields.problem("forges", "must name at least one forge and its upstream")
    for host in forges:
        if not places.FORGE.fullmatch(host):
            fields.problem("forges", f"{host!r} is not a host name in lower case")
    return forges


def _git_credentials(fields: Fields) -> dict[str, str]:
    credentials = fields.text_mapping("credentials", SECRET)
    for key in credentials:
        if not places.is_credential_key(key):
            fields.problem("credentials", f"{key!r} is not FORGE or FORGE/ORGANISATION")
    return credentials


def _registry(fields: Fields) -> RegistryPolicy:
    return RegistryPolicy(
        host=fields.text("host", HOST),
        upstream=fields.text("upstream", ORIGIN),
        allow=_rules(fields, _image_rule),
        redirect_origins=fields.texts("redirect_origins", ORIGIN),
        token_origins=fields.texts("token_origins", ORIGIN),
        credential=fields.text("credential", WORD) if fields.has("credential") else None,
    )


def _image_rule(rule: Fields) -> ImageRule:
    reference = rule.text("reference", re.compile("digest|any"))
    return ImageRule(rule.text("name", IMAGE), reference == "digest", _for(rule))


def _archives(fields: Fields) -> ArchivePolicy:
    return ArchivePolicy(host=fields.text("host", HOST), allow=_rules(fields, _archive_rule))


def _archive_rule(rule: Fields) -> ArchiveRule:
    return ArchiveRule(
        rule.text("name", WORD), rule.text("upstream", BASE), rule.texts("suites", WORD), _for(rule)
    )


def _for(rule: Fields) -> tuple[str, ...]:
    return rule.texts("for", WORD)


def _clients(top: Fields) -> dict[str, tuple[Network, ...]]:
    groups: dict[str, tuple[Network, ...]] = {}
    fields = top.mapping("clients")
    for name in fields.names():
        networks = []
        for text in fields.texts(name, re.compile(r"[0-9a-fA-F.:/]+")):
            try:
                networks.append(ipaddress.ip_network(text))
            except ValueError:
                fields.problem(name, f"{text} is not a network")
        groups[name] = tuple(networks)
    return groups


def _limits(top: Fields) -> Limits:
    fields = top.mapping("limits")
    names = ("git_body", "git_decoded_body", "manifest", "blob", "package")
    values = {name: fields.integer(name, 1, 1024**4, getattr(DEFAULTS, name)) for name in names}
    fields.done()
    return Limits(**{name: value or 0 for name, value in values.items()})


def _all_rules(policy: Policy) -> list[Any]:
    sections = (policy.git, policy.registry, policy.archives)
    return [rule for section in sections if section for rule in section.allow]


def _unknown_groups(policy: Policy) -> list[str]:
    named = {group for rule in _all_rules(policy) for group in rule.clients}
    return [f"policy.clients has no group {name}" for name in sorted(named - set(policy.clients))]


def _missing_secrets(policy: Policy, secrets: Path | None) -> list[str]:
    if secrets is None:
        return []
    names = list(policy.git.credentials.values()) if policy.git else []
    if policy.registry and policy.registry.credential:
        names.append(policy.registry.credential)
    return [
        f"the credential {name} has no file in {secrets}"
        for name in names
        if not (secrets / name).is_file()
    ]
