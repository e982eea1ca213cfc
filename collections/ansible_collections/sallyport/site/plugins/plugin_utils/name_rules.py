"""Rules about names: inventories, groups, variables and tags; and about placeholders."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import constants

from ansible_collections.sallyport.site.plugins.plugin_utils.checkout import ROOT
from ansible_collections.sallyport.site.plugins.plugin_utils.declared_values import described
from ansible_collections.sallyport.site.plugins.plugin_utils.faults import (
    Fault,
    listed,
    nearest,
    origin_of,
    relative,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.placeholders import PLACEHOLDER
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import GROUPS, ZONES, Site

COPY = "copy inventories/example to inventories/mysite, edit it, and use -i inventories/mysite"
GENERATE = "playbooks/operations/generate_secrets.yml makes it"
GIVEN = (
    "the operators of the job server give it to you: write it into vault.yml, or remove it with "
    "site_job_server: own"
)
OWN_NAMES = ("ansible_", "vault_", "rig_", "group_", "inventory_", "playbook_", "_")
CONNECTION = {
    *constants.COMMON_CONNECTION_VARS,
    *(name for names in constants.MAGIC_VARIABLE_MAPPING.values() for name in names),
    *("ansible_become_pass", "ansible_become_exe", "ansible_ssh_private_key_file"),
    *("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_host_key_checking"),
    *("ansible_python_interpreter", "ansible_ssh_retries", "ansible_ssh_pass", "ansible_ssh_args"),
}
# What Ansible reads beside an inventory.
VARIABLES = ("", ".yml", ".yaml", ".json")
# The host of the plays on the controller, which every inventory has without naming it.
CONTROLLER = ("host", "localhost")
# Tags that ansible-core gives a meaning of its own.
TAGS = {"all", "always", "never", "tagged", "untagged"}
# What Molecule always passes to --skip-tags, for tasks that no scenario should run.
MOLECULE_TAGS = {"molecule-notest", "molecule-idempotence-notest", "notest"}


def presence(site: Site) -> Iterator[Fault]:
    """An inventory is named, exists, is not the example itself, and has hosts."""
    sources = [path for path in site.inventory.sources if path != Path("/etc/ansible/hosts")]
    for path in sources:
        if path.resolve().is_relative_to(ROOT / "inventories/example"):
            yield Fault(f"inventories/example is an example and is never deployed; {COPY}.")
    if not site.hosts:
        yield Fault(
            f"The inventory {listed(map(str, sources))} has no hosts; "
            "its hosts.yml lists them by group, as inventories/example/hosts.yml does."
            if sources
            else f"No inventory was given; {COPY}."
        )


def repeated_keys(site: Site) -> Iterator[Fault]:
    """No file of the inventory has a key twice: Ansible would take the last one."""
    for origin, name in site.inventory.duplicates:
        yield Fault(
            f"The key {name} appears twice in one mapping; remove one of the two.", "", origin
        )


def group_names(site: Site) -> Iterator[Fault]:
    """No group is called almost like one of ours."""
    for group in set(site.inventory.groups) - {"all", "ungrouped", *GROUPS, *ZONES}:
        meant = next((name for name in [*GROUPS, *ZONES] if is_near(group, name)), None)
        if meant:
            accepted = listed([*GROUPS, *ZONES])
            sentence = f"Unknown group {group}, did you mean {meant}? Accepted are {accepted}."
            yield Fault(sentence, "", origin_of(group))


def is_near(name: str, ours: str) -> bool:
    """Return whether two names of groups differ by a letter, in a long one by two, or in number."""
    one, other = stem(name), stem(ours)
    return distance(one, other) <= (1 if len(other) < 10 else 2)


def stem(name: str) -> str:
    """Return a name of a group as one word, in the singular."""
    word = re.sub(r"[_-]", "", name.lower())
    return re.sub(r"ies$", "y", word) if word.endswith("ies") else word.removesuffix("s")


def distance(one: str, other: str) -> int:
    """Return how many letters must be added, removed, replaced or exchanged with the next."""
    rows: list[list[int]] = [[*range(len(other) + 1)]]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            row.append(min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != wanted)))
            if i > 1 and j > 1 and one[i - 2 : i] == other[j - 2 : j][::-1]:
                row[-1] = min(row[-1], rows[-2][j - 2] + 1)
        rows.append(row)
    return rows[-1][-1]


def files(site: Site) -> Iterator[Fault]:
    """Every file of variables is for a group or a host: Ansible would silently ignore it."""
    groups, hosts = {*site.inventory.groups, *GROUPS, *ZONES}, set(site.hosts)
    for source in site.inventory.sources:
        folder = source if source.is_dir() else source.parent
        for kind, known in (("group", groups), ("host", hosts)):
            for path in sorted(folder.glob(f"{kind}_vars/[!.]*")):
                name = path.name if path.is_dir() else path.stem
                if name not in known and is_read(path, known) and (kind, name) != CONTROLLER:
                    meant = nearest(name, known - {"all", "ungrouped"})
                    hint = f", did you mean {meant}? Accepted" if meant else "; accepted"
                    sentence = f"{relative(str(path.resolve()))} is for an unknown {kind}{hint}"
                    yield Fault(f"{sentence} are {listed(sorted(known - {'ungrouped'}))}.")


def is_read(path: Path, known: set[str]) -> bool:
    """Return whether a path is named like variables, and not like README or another such note."""
    is_note = path.name.isupper() and path.name.lower() not in known
    return path.is_dir() or (path.suffix in VARIABLES and not is_note)


def former_names(site: Site) -> Iterator[Fault]:
    """No variable has a name from an earlier version."""
    for entry in site.distribution.renamed:
        for host in site.hosts:
            if site.is_set(host, entry["old"]):
                yield site.fault(
                    entry["old"],
                    f"{entry['old']} is now called {entry['new']}; rename it "
                    f"(this check will be removed in version {entry['until']}).",
                    host,
                )


def spelling(site: Site) -> Iterator[Fault]:
    """A variable with a role's prefix, or almost the name of an input, has to be an input."""
    former = {entry["old"] for entry in site.distribution.renamed}
    for host, variables in site.inventory.variables.items():
        for name in variables:
            known = name in site.distribution.inputs or name in former
            if not known and not name.startswith(OWN_NAMES):
                yield from (site.fault(name, told, host) for told in misspelt(site, name))
            elif name.startswith("ansible_"):
                yield from (site.fault(name, told, host) for told in misspelt_connection(name))


def misspelt(site: Site, name: str) -> Iterator[str]:
    """Give a sentence where a variable is not an input, but looks like one."""
    role = next((role for role in site.distribution.options if name.startswith(f"{role}_")), None)
    meant = nearest(name, site.distribution.inputs, 0.6 if role else 0.85)
    if meant:
        yield f"Unknown variable {name}, did you mean {meant}?"
    elif role:
        yield f"Unknown variable {name}; docs/operators/variables.md lists all of role {role}."


def misspelt_connection(name: str) -> Iterator[str]:
    """Give a sentence where a variable is almost one of those by which Ansible reaches a host."""
    meant = nearest(name, CONNECTION, 0.85)
    if name not in CONNECTION and meant and same_letters(name, meant):
        yield f"Unknown variable {name}, did you mean {meant}?"


def same_letters(word: str, other: str) -> bool:
    """Return whether two words differ by no more than two letters."""
    blocks = difflib.SequenceMatcher(None, word, other).get_matching_blocks()
    return max(len(word), len(other)) - sum(block.size for block in blocks) <= 2


def strings(value: Any) -> Iterator[str]:
    """Give every string inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from strings(part)


def is_placeholder(value: Any) -> bool:
    """Return whether a value, or a part of it, is still to be written."""
    return any(PLACEHOLDER.match(text) for text in strings(value))


def placeholders(site: Site) -> Iterator[Fault]:
    """No value is still to be written."""
    for host, variables in site.inventory.variables.items():
        for name, value in variables.items():
            if not name.startswith("_") and is_placeholder(value):
                yield site.fault(name, f"{name} is still a placeholder; {cure(site, name)}.", host)


def cure(site: Site, name: str) -> str:
    """Return what an operator writes in place of a placeholder."""
    option = site.distribution.inputs.get(name)
    if option:
        formats = site.distribution.formats
        form = formats.get(name) or formats.get(f"{name}[]", "")
        return f"accepted is {described(option, form)}"
    kind = site.distribution.secrets.get(name)
    if kind is None:
        return "write its value"
    return GIVEN if kind == "given" else GENERATE


def run_tags(site: Site, tags: list[str]) -> Iterator[Fault]:
    """Every tag of --tags and --skip-tags exists: Ansible would silently do nothing."""
    declared = site.distribution.tags
    for tag in tags:
        if tag not in declared | TAGS | MOLECULE_TAGS:
            meant = nearest(tag, declared)
            hint = f", did you mean {meant}?" if meant else "."
            yield Fault(f"Unknown tag {tag}{hint} Accepted are {listed(sorted(declared | TAGS))}.")


RULES = [presence, repeated_keys, group_names, files, former_names, spelling, placeholders]
