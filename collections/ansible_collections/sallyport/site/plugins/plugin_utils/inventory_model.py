"""What the gate judges by: what roles and plays of this checkout expect, and an inventory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Play:
    """A play of the distribution: its hosts, its roles, and the inputs that it sets itself."""

    hosts: str
    roles: tuple[str, ...]
    given: frozenset[str]


def read(path: Path) -> Any:
    """Return the data of a YAML file, or None where there is none."""
    return yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader) if path.exists() else None


@dataclass(frozen=True)
class Distribution:
    """What this checkout's roles and playbooks expect of an inventory."""

    root: Path

    @cached_property
    def options(self) -> dict[str, dict[str, Any]]:
        """The inputs of each role."""
        found = {}
        for path in sorted(self.root.glob("roles/*/meta/argument_specs.yml")):
            entry = read(path)["argument_specs"]["main"]
            found[path.parents[1].name] = entry.get("options") or {}
        return found

    @cached_property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """Every input of every role, by name."""
        return {
            name: option for options in self.options.values() for name, option in options.items()
        }

    @cached_property
    def renamed(self) -> list[dict[str, str]]:
        """Former names of inputs: old, new, until."""
        files = [read(path) or {} for path in sorted(self.root.glob("roles/*/vars/main.yml"))]
        keys = [(values, key) for values in files for key in values if key.endswith("_renamed")]
        return [entry for values, key in keys for entry in values[key] or []]

    @cached_property
    def given_secrets(self) -> set[str]:
        """Secrets that somebody else makes, so an operator writes them into the vault."""
        files = [read(path) or [] for path in sorted(self.root.glob("roles/*/meta/secrets.yml"))]
        return {entry["name"] for file in files for entry in file if entry["kind"] == "given"}

    @cached_property
    def plays(self) -> list[Play]:
        """The plays that site.yml imports."""
        imports = read(self.root / "site.yml") or []
        paths = [entry.get("ansible.builtin.import_playbook", "") for entry in imports]
        return [
            play_of(entry, self.root / "roles")
            for path in paths
            for entry in (read(self.root / path) if path else None) or []
            if "hosts" in entry
        ]


def play_of(entry: Mapping[str, Any], roles: Path) -> Play:
    """Return a play as data; roles under a condition are left to check their own inputs."""
    given = set(entry.get("vars") or {})
    names: list[str] = []
    for role in entry.get("roles") or []:
        told = {"role": role} if isinstance(role, str) else role
        given |= set(told.get("vars") or {}) | set(told)
        if "when" not in told:
            names += with_dependencies(str(told.get("role", told.get("name"))), roles)
    return Play(str(entry["hosts"]), tuple(dict.fromkeys(names)), frozenset(given))


def with_dependencies(role: str, roles: Path) -> list[str]:
    """Return a role after the roles that its meta file depends on."""
    meta = read(roles / role / "meta/main.yml") or {}
    needed = [
        entry if isinstance(entry, str) else entry.get("role", "")
        for entry in meta.get("dependencies") or []
    ]
    return [name for other in needed for name in with_dependencies(other, roles)] + [role]


@dataclass(frozen=True)
class Inventory:
    """An inventory as the operator wrote it, and a way to evaluate its values."""

    groups: Mapping[str, list[str]]
    variables: Mapping[str, Mapping[str, Any]]
    evaluate: Callable[[str, str], Any]
    sources: tuple[Path, ...] = field(default=())

    def hosts_of(self, pattern: str) -> list[str]:
        """Return the hosts of a play's pattern (groups joined by `:`, `:&` or `:!`)."""
        chosen: list[str] = []
        for part in re.split(r"[:,]", pattern.strip("[]")):
            word = part.strip(" '\"")
            # A pattern that site.yml fills in may mean any host.
            hosts = self.groups.get("all" if "{{" in word else word.lstrip("&!"), [])
            if word.startswith("&"):
                chosen = [host for host in chosen if host in hosts]
            elif word.startswith("!"):
                chosen = [host for host in chosen if host not in hosts]
            else:
                chosen += [host for host in hosts if host not in chosen]
        return chosen

    def each(self) -> Iterator[tuple[str, str, Any]]:
        """Give host, name and unevaluated value of every variable, each name and value once."""
        seen: set[tuple[str, int]] = set()
        for host, variables in self.variables.items():
            for name, value in variables.items():
                if (name, id(value)) not in seen:
                    seen.add((name, id(value)))
                    yield host, name, value

    def hosts_without(self, name: str, group: str) -> list[str]:
        """Return the hosts of a group for which a variable is not set, or empty."""

        def value(host: str) -> Any:
            return self.evaluate(host, name) if name in self.variables[host] else None

        return [host for host in self.groups.get(group, []) if value(host) in (None, "")]

    def site(self, name: str, default: Any) -> Any:
        """Return a shared value as the first host has it."""
        host = next(iter(self.variables))
        return self.evaluate(host, name) if name in self.variables[host] else default
