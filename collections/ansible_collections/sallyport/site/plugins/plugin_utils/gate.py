"""The gate: every fault of an inventory, in one list.

What is expected comes from the roles (`meta/argument_specs.yml`, `meta/formats.yml`,
`__<role>_renamed`) and from the plays that `site.yml` imports. Nothing is changed, and no secret's
value is ever part of a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ansible_collections.sallyport.site.plugins.plugin_utils import (
    address_rules,
    component_rules,
    connection_rules,
    consistency_rules,
    database_rules,
    firewall_rules,
    host_rules,
    limit_rules,
    name_rules,
    network_rules,
    proxy_rules,
    secret_rules,
    url_rules,
    value_rules,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.checkout import ROOT
from ansible_collections.sallyport.site.plugins.plugin_utils.faults import rendered
from ansible_collections.sallyport.site.plugins.plugin_utils.inventory_model import (
    Distribution,
    Inventory,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import Site

MODULES = (
    *(name_rules, value_rules, limit_rules, component_rules, consistency_rules, secret_rules),
    *(connection_rules, network_rules, address_rules, url_rules, firewall_rules, host_rules),
    *(proxy_rules, database_rules),
)


def inventory_faults(inventory: Mapping[str, Any], tags: list[str]) -> list[str]:
    """Return a line about every fault of an inventory, and of the tags of this run; sorted."""
    return faults_of(Inventory(**inventory), checkout(), tags)


@cache
def checkout() -> Distribution:
    """Return what this checkout expects, read once."""
    return Distribution(ROOT)


def faults_of(inventory: Inventory, distribution: Distribution, tags: list[str]) -> list[str]:
    """Return a line about every fault; without an inventory there is but one to tell."""
    site = Site(inventory, distribution)
    absent = list(name_rules.presence(site))
    if absent:
        return rendered(absent, site.hosts)
    faults = [fault for module in MODULES for rule in module.RULES for fault in rule(site)]
    return rendered([*faults, *name_rules.run_tags(site, tags)], site.hosts)
