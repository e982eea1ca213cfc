"""Reads the policy file: YAML, every key known, every problem named at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sallyport_common import strict_yaml
from sallyport_common.errors import SettingsError
from sallyport_common.schemas import Fault, FaultKind, FaultsError, read
from sallyport_proxy.policy import Policy


def load_policy(path: Path, secrets: Path | None = None) -> Policy:
    """Read and check a policy; raise SettingsError naming every problem.

    With `secrets`, the folder of secret files, a credential without its file is a problem too.
    """
    try:
        data = strict_yaml.load(path.read_text(encoding="utf-8"))
        policy = read(Policy, _without_empty(data))
    except (OSError, strict_yaml.YamlError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: {' '.join(str(error).split())}"]) from None
    except FaultsError as error:
        raise SettingsError([f"{path}: {_sentence(fault)}" for fault in error.faults]) from None
    if problems := _unknown_groups(policy) + _missing_secrets(policy, secrets):
        raise SettingsError([f"{path}: {problem}" for problem in problems])
    return policy


def _without_empty(value: Any) -> Any:
    """Return a value whose mappings leave out the keys that the file leaves empty."""
    if isinstance(value, dict):
        return {key: _without_empty(item) for key, item in value.items() if item is not None}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _sentence(fault: Fault) -> str:
    key = f"policy.{fault.where}" if fault.path else "policy"
    accepted = fault.text.replace("an object", "a mapping").removesuffix(", or null")
    match fault.kind:
        case FaultKind.UNKNOWN:
            return f"{key} is not a known key; the keys are {accepted}"
        case FaultKind.MISSING:
            return f"{key} is missing; expected: {accepted}"
        case _:
            return f"{key} is not valid; expected: {accepted}"


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
    if registry := policy.registry:
        held = [registry.credential, *(other.credential for other in registry.others.values())]
        names += [name for name in held if name]
    return [
        f"the credential {name} has no file in {secrets}"
        for name in names
        if not (secrets / name).is_file()
    ]
