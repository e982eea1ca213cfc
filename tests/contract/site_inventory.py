"""A valid inventory of a production site, as data that a test can change, and the gate over it."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from repository import ROOT

from ansible_collections.sallyport.site.plugins.action.check_inventory import gathered
from ansible_collections.sallyport.site.plugins.action.write_secrets import (
    complete,
    declared,
    wanted,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.gate import inventory_faults

EXAMPLE = ROOT / "inventories/example"
# What an operator writes over the example: networks, names, and each CHANGE_ME.
EDITS = {
    "198.51.100.": "10.20.0.",
    "203.0.113.": "10.20.1.",
    "tre.example.org": "tre.hospital.scot",
    "site_name: CHANGE_ME": "site_name: Test",
    "site_backend: CHANGE_ME": "site_backend: hospital",
    "site_allowed_organisations: [CHANGE_ME]": "site_allowed_organisations: [our-org]",
    "firewall_management_sources: [CHANGE_ME]": "firewall_management_sources: [10.30.0.0/24]",
    "ansible_host: CHANGE_ME": "ansible_host: 10.20.2.7",
}
Files = dict[str, Any]


def edited(text: str) -> str:
    """Return a string of the example as an operator leaves it."""
    for old, new in EDITS.items():
        text = text.replace(old, new)
    return text


@cache
def secrets() -> str:
    """A vault with every secret that a site with a job server of its own makes."""
    return complete("", wanted(declared(ROOT / "roles"), "own").values())[0]


@cache
def valid_files() -> Files:
    """The data of each file of a valid inventory, by path; copy it before changing it."""
    paths = sorted(EXAMPLE.rglob("*.yml"))
    files = {
        str(path.relative_to(EXAMPLE)): yaml.safe_load(edited(path.read_text(encoding="utf-8")))
        for path in paths
    }
    files["group_vars/all/vault.yml"] = yaml.safe_load(secrets())
    files["group_vars/runners.yml"]["data_builder_backends"] = {"hospital": 'name = "hospital"'}
    return files


def path_of(name: str) -> str:
    """Return the file of the variables of all hosts, the vault, a host or a group, or a path."""
    short = {"all": "group_vars/all/main.yml", "vault": "group_vars/all/vault.yml"}
    host = f"host_vars/{name}.yml"
    if "/" in name:
        return name
    return short.get(name) or (host if (EXAMPLE / host).exists() else f"group_vars/{name}.yml")


def changed(mistake: dict[str, Any]) -> Files:
    """Return the files of a valid inventory with one mistake in it."""
    files = copy.deepcopy(valid_files())
    for name, values in mistake.get("set", {}).items():
        files.setdefault(path_of(name), {}).update(values)
    for name, names in mistake.get("unset", {}).items():
        for variable in names:
            del files[path_of(name)][variable]
    for host in mistake.get("without", []):
        del files["hosts.yml"]["all"]["hosts"][host], files[f"host_vars/{host}.yml"]
    children = files["hosts.yml"]["all"]["children"]
    for group, hosts in mistake.get("groups", {}).items():
        children.setdefault(group, {})["hosts"] = {host: {} for host in hosts}
    return files


def write(files: Files, folder: Path, append: dict[str, str] | None = None) -> Path:
    """Write the files of an inventory below a folder, and return the folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False) + (append or {}).get(name, "")
        )
    return folder


@cache
def loader() -> DataLoader:
    """One loader for all runs: it keeps what it read of the roles."""
    init_plugin_loader()
    return DataLoader()


def gate(folder: Path, tags: Iterable[str] = ()) -> list[str]:
    """Return what the gate says of an inventory, by the code that the module runs."""
    sources = InventoryManager(loader=loader(), sources=[str(folder)])
    variables = VariableManager(loader=loader(), inventory=sources)
    hostvars = HostVars(sources, variables, loader())
    task_vars = {
        "groups": sources.get_groups_dict(),
        "hostvars": hostvars,
        "ansible_inventory_sources": [str(folder)],
    }
    templar = Templar(loader=loader(), variables={})
    return inventory_faults(gathered(task_vars, loader(), templar), list(tags))
