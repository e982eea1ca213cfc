"""The gate: judge an inventory before any host is touched, with the rules of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.sallyport.site.plugins.plugin_utils.checkout import ROOT
from ansible_collections.sallyport.site.plugins.plugin_utils.inventory_rules import inventory_fault

OLDEST, NEWEST = (2, 19), (2, 21)
ARGUMENTS = {"values": {"type": "bool", "default": True}}


def version_fault(version: str) -> str | None:
    """Return a sentence when this ansible-core is older or newer than what is tested."""
    major, minor = (int(part) for part in version.split(".")[:2])
    if OLDEST <= (major, minor) <= NEWEST:
        return None
    return f"This is ansible-core {version}; accepted is 2.19, 2.20 or 2.21."


class ActionModule(ActionBase):
    """`check_inventory`: fail with one sentence, or set the fact `__site_checked`."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Judge the inventory that this run uses."""
        result = dict(super().run(tmp, task_vars))
        _, arguments = self.validate_argument_spec(ARGUMENTS)
        fault = version_fault(task_vars["ansible_version"]["full"]) or inventory_fault(
            self._inventory(task_vars), arguments["values"]
        )
        if fault:
            return result | {"failed": True, "msg": fault}
        return result | {"changed": False, "ansible_facts": {"__site_checked": True}}

    def _inventory(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        groups, hostvars = dict(task_vars["groups"]), task_vars["hostvars"]
        variables = {host: hostvars.raw_get(host) for host in groups.get("all", [])}
        # Values of an inventory may refer to the roles' defaults.
        defaults: dict[str, Any] = {"groups": groups, "hostvars": hostvars}
        for path in sorted(ROOT.glob("roles/*/defaults/main.yml")):
            defaults |= self._loader.load_from_file(str(path), trusted_as_template=True) or {}
        engines = {
            host: self._templar.copy_with_new_env(available_variables=defaults | held)
            for host, held in variables.items()
        }
        return {
            "groups": groups,
            "variables": variables,
            "evaluate": lambda host, name: engines[host].template(variables[host][name]),
            "sources": tuple(map(Path, task_vars.get("ansible_inventory_sources") or ())),
        }
