"""An inventory as the rules between values see it: sound values only, and where they were set."""

from __future__ import annotations

from functools import cache
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.sallyport.site.plugins.plugin_utils.declared_values import Judge
from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, origin_of
from ansible_collections.sallyport.site.plugins.plugin_utils.inventory_model import (
    Distribution,
    Inventory,
)

ZONES = ["zone_public", "zone_dmz", "zone_secure", "zone_internet"]
GROUPS = ["job_servers", "proxies", "runners", "databases", "release_hatches", "forges"]


class Site:
    """The inventory and the distribution together.

    `value` gives only what has the declared type and format, so a rule never meets anything else:
    what is wrong with a single value has a fault of its own.
    """

    def __init__(self, inventory: Inventory, distribution: Distribution) -> None:
        self.inventory = inventory
        self.distribution = distribution
        self.hosts = list(inventory.variables)
        self.value_faults = cache(self._value_faults)
        self._judge = Judge(distribution.formats)

    def _value_faults(self, host: str, name: str) -> tuple[list[str], Any]:
        """Return what is wrong with a host's value, and the value where nothing is."""
        value = self.inventory.evaluate(host, name)
        option = self.distribution.inputs.get(name)
        faults = self._judge.faults(name, option, value) if option else []
        return faults, None if faults else value

    def value(self, host: str, name: str, default: Any) -> Any:
        """Return a host's value, a role's default included, or `default` where it is not sound."""
        try:
            faults, value = self.value_faults(host, name)
        except AnsibleError:
            return default
        return default if faults or type(value) is type(None) else value

    def shared(self, name: str, default: Any) -> Any:
        """Return a value that all hosts share, as the first of them has it."""
        return self.value(self.hosts[0], name, default) if self.hosts else default

    def members(self, group: str) -> list[str]:
        """Return the hosts of a group."""
        return self.inventory.members(group)

    def is_set(self, host: str, name: str) -> bool:
        """Return whether the inventory sets a variable for a host."""
        return name in self.inventory.variables[host]

    @property
    def claims_zones(self) -> bool:
        """Whether any host is in a zone; an inventory that claims none is a trial."""
        return any(self.members(zone) for zone in ZONES)

    @property
    def own_job_server(self) -> bool:
        """Whether the job server is this site's own."""
        return bool(self.shared("site_job_server", "own") == "own")

    def fault(self, name: str, sentence: str, host: str = "") -> Fault:
        """Return a fault about a variable, with the place where it is set."""
        holder = host or next((entry for entry in self.hosts if self.is_set(entry, name)), "")
        if not holder or not self.is_set(holder, name):
            return Fault(sentence, host)
        return Fault(sentence, host, self._place(holder, name))

    def _place(self, host: str, name: str) -> str:
        """Return the `file:line` that sets a host's value.

        Where a file overrides another one, Ansible keeps the name as the first file has it, and the
        value as the last one has it; true, false and null carry no place at all.
        """
        key = origin_of(self.inventory.key(host, name))
        value = origin_of(self.inventory.variables[host][name])
        if not value:
            return self.inventory.definition(host, name) or key
        return key if key.rpartition(":")[0] == value.rpartition(":")[0] else value
