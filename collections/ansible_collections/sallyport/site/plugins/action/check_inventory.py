"""The gate: judge an inventory before any host is touched, with the rules of the inventory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.sallyport.site.plugins.plugin_utils.checkout import ROOT
from ansible_collections.sallyport.site.plugins.plugin_utils.controller import (
    collection_faults,
    module_faults,
    version_faults,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.faults import relative
from ansible_collections.sallyport.site.plugins.plugin_utils.inventory_files import (
    defined_names,
    duplicate_keys,
    tree,
)

ARGUMENTS: dict[str, Any] = {}
PATTERNS = ("*.yml", "*.yaml", "group_vars/**/*.y*ml", "host_vars/**/*.y*ml")


def files_of(sources: tuple[Path, ...]) -> Iterator[Path]:
    """Give the YAML files of an inventory: the sources themselves, and the variables beside."""
    for source in sources:
        folder = source if source.is_dir() else source.parent
        patterns = PATTERNS if source.is_dir() else PATTERNS[2:]
        yield from [source] if source.is_file() else []
        for pattern in patterns:
            yield from sorted(folder.glob(pattern))


def report(lines: list[str]) -> str:
    """Return the faults as one text for people: their number, and each on a line of its own."""
    count = f"{len(lines)} faults" if len(lines) > 1 else "One fault"
    return "\n".join([f"{count}; nothing was changed:", *(f"  {line}" for line in lines)])


@cache
def role_defaults(loader: Any) -> dict[str, Any]:
    """Return what the roles set where an inventory does not."""
    defaults: dict[str, Any] = {}
    for path in sorted(ROOT.glob("roles/*/defaults/main.yml")):
        defaults |= loader.load_from_file(str(path), trusted_as_template=True) or {}
    return defaults


def gathered(task_vars: Mapping[str, Any], loader: Any, templar: Any) -> dict[str, Any]:
    """Return the inventory of a run as `Inventory` takes it."""
    groups, hostvars = dict(task_vars["groups"]), task_vars["hostvars"]
    sources = tuple(map(Path, task_vars.get("ansible_inventory_sources") or ()))
    variables = {host: hostvars.raw_get(host) for host in groups.get("all", [])}
    # Values of an inventory may refer to the roles' defaults.
    defaults = {"groups": groups, "hostvars": hostvars} | role_defaults(loader)
    engines = {
        host: templar.copy_with_new_env(available_variables=defaults | held)
        for host, held in variables.items()
    }

    def evaluate(host: str, name: str) -> Any:
        held = engines[host].available_variables
        if name not in held:
            raise AnsibleError(f"'{name}' is undefined")
        return engines[host].template(held[name])

    files = list(trees(sources, loader))
    definitions: dict[str, tuple[str, ...]] = {}
    for place, name in (entry for file in files for entry in defined_names(*file)):
        definitions[name] = (*definitions.get(name, ()), place)
    return {
        "groups": groups,
        "variables": variables,
        "evaluate": evaluate,
        "sources": sources,
        "duplicates": tuple(entry for file in files for entry in duplicate_keys(*file)),
        "definitions": definitions,
    }


def trees(sources: tuple[Path, ...], loader: Any) -> Iterator[tuple[Path, Any]]:
    """Give each file of the inventory with its YAML nodes; a vault's text is decrypted for it."""
    for path in dict.fromkeys(files_of(sources)):
        text = Path(loader.get_real_file(str(path))).read_text(encoding="utf-8")
        yield Path(relative(str(path.resolve()))), tree(text)


class ActionModule(ActionBase):
    """`check_inventory`: fail with every fault, or set the fact `__site_checked`."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Judge the inventory that this run uses."""
        result = dict(super().run(tmp, task_vars))
        self.validate_argument_spec(ARGUMENTS)
        lines = self._faults(task_vars)
        if not lines:
            return result | {"changed": False, "ansible_facts": {"__site_checked": True}}
        # Printed here, once: Ansible shows a result as an error, and again as JSON.
        Display().display(report(lines))
        count = f"{len(lines)} faults" if len(lines) > 1 else "one fault"
        message = f"The inventory has {count}, listed above; nothing was changed."
        return result | {"failed": True, "changed": False, "msg": message}

    def _faults(self, task_vars: Mapping[str, Any]) -> list[str]:
        unfit = [*version_faults(task_vars["ansible_version"]["full"]), *module_faults()]
        if unfit:
            return unfit
        # It imports what only a fit controller has.
        from ansible_collections.sallyport.site.plugins.plugin_utils.gate import inventory_faults

        tags = [
            tag
            for name in ("ansible_run_tags", "ansible_skip_tags")
            for tag in task_vars.get(name) or []
        ]
        inventory = gathered(task_vars, self._loader, self._templar)
        return [*collection_faults(), *inventory_faults(inventory, tags)]
