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
    inputs: frozenset[str]


def read(path: Path) -> Any:
    """Return the data of a YAML file, or None where it does not exist."""
    return yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader) if path.exists() else None


@dataclass(frozen=True)
class Distribution:
    """What this checkout's roles and playbooks expect of an inventory."""

    root: Path

    @cached_property
    def options(self) -> dict[str, dict[str, Any]]:
        """The inputs of each role."""
        options = {}
        for path in sorted(self.root.glob("roles/*/meta/argument_specs.yml")):
            entry = read(path)["argument_specs"]["main"]
            options[path.parents[1].name] = entry.get("options") or {}
        return options

    @cached_property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """Every input of every role, by name."""
        return {
            name: option for options in self.options.values() for name, option in options.items()
        }

    @cached_property
    def formats(self) -> dict[str, str]:
        """The formats of values, by the path of the value: `roles/*/meta/formats.yml`."""
        files = [read(path) or {} for path in sorted(self.root.glob("roles/*/meta/formats.yml"))]
        return {key: name for file in files for key, name in file.items()}

    @cached_property
    def renamed(self) -> list[dict[str, str]]:
        """Former names of inputs: old, new, until."""
        files = [read(path) or {} for path in sorted(self.root.glob("roles/*/vars/main.yml"))]
        keys = [(values, key) for values in files for key in values if key.endswith("_renamed")]
        return [entry for values, key in keys for entry in values[key] or []]

    @cached_property
    def secrets(self) -> dict[str, str]:
        """Kinds of the secrets that roles declare, by the names that they have in the vault."""
        files = [read(path) or [] for path in sorted(self.root.glob("roles/*/meta/secrets.yml"))]
        kinds = {entry["name"]: entry["kind"] for file in files for entry in file}
        pairs = {"ed25519": ("", "_public"), "rsa_ca": ("_key", "_certificate")}
        return {
            f"{name}{end}": kind for name, kind in kinds.items() for end in pairs.get(kind, ("",))
        }

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

    @cached_property
    def tags(self) -> set[str]:
        """The tags that playbooks and roles declare."""
        patterns = (
            "site.yml",
            "playbooks/**/*.yml",
            "roles/*/tasks/*.yml",
            "roles/*/meta/main.yml",
        )
        paths = [path for pattern in patterns for path in sorted(self.root.glob(pattern))]
        return {tag for path in paths for tag in tags_of(read(path))}


def tags_of(data: Any) -> Iterator[str]:
    """Give every tag that a playbook or a task file declares, at whatever depth."""
    if isinstance(data, dict):
        declared = data.get("tags") or []
        yield from re.split(r"\s*,\s*", declared) if isinstance(declared, str) else declared
    for part in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from tags_of(part)


def play_of(entry: Mapping[str, Any], roles: Path) -> Play:
    """Return a play as data; roles under a condition are left to check their own inputs."""
    inputs = set(entry.get("vars") or {})
    names: list[str] = []
    for role in entry.get("roles") or []:
        used = {"role": role} if isinstance(role, str) else role
        inputs |= set(used.get("vars") or {}) | set(used)
        if "when" not in used:
            names += with_dependencies(str(used.get("role", used.get("name"))), roles)
    return Play(str(entry["hosts"]), tuple(dict.fromkeys(names)), frozenset(inputs))


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
    """An inventory as the operator wrote it, and a way to evaluate its values.

    `duplicates` has place (`file:line`) and name of keys that a file has twice, `definitions` the
    places of each variable. `evaluate` takes a host and a variable, also one that only a role's
    default sets, and raises AnsibleError where the value refers to something undefined or
    unreadable.
    """

    groups: Mapping[str, list[str]]
    variables: Mapping[str, Mapping[str, Any]]
    evaluate: Callable[[str, str], Any]
    sources: tuple[Path, ...] = field(default=())
    duplicates: tuple[tuple[str, str], ...] = field(default=())
    definitions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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

    def members(self, group: str) -> list[str]:
        """Return the hosts of a group."""
        return list(self.groups.get(group, []))

    def key(self, host: str, name: str) -> Any:
        """Return a variable's name as the host's inventory files spell it, with its origin."""
        return next((key for key in self.variables[host] if key == name), name)

    def definition(self, host: str, name: str) -> str:
        """Return the place whose value of a variable a host has, or an empty string.

        A host's own file comes before those of its groups, and `all` last. Of two groups of a host
        Ansible's order decides, which is not known here: then it is the former of the two.
        """

        def rank(place: str) -> int:
            path = Path(place.rpartition(":")[0])
            if "host_vars" in path.parts:
                return 3 if host in (path.stem, path.parent.name) else 0
            groups = [group for group in (path.stem, path.parent.name) if group in self.groups]
            own = [group for group in groups if host in self.groups[group]]
            return 0 if not own else 1 if own[-1] == "all" else 2

        places = [place for place in self.definitions.get(name, ()) if rank(place)]
        return max(places, key=rank, default="")
