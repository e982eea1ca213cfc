"""The flow table of a site, resolved for one host: with whom it may talk, at which addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any

DOCUMENTATION = """
name: flows
short_description: The flows of a site that begin or end at one host
description: Resolves the flow table of the firewall for one host, with the addresses of its peers.
positional: _input, groups, hostvars, host, networks
options:
  _input:
    description: >-
      The table. A row is C({id, from, to, ports}) with C(protocol) (tcp), C(only) (C(in) or C(out))
      and C(active) (true).
    type: list
    elements: dict
    required: true
  groups: {description: Hosts by group., type: dict, required: true}
  hostvars: {description: Variables by host; C(site_addresses) is read., type: dict, required: true}
  host: {description: The host., type: str, required: true}
  networks: {description: Networks of the site by name., type: dict, required: true}
author: [Sallyport developers]
"""

EXAMPLES = """
firewall_flows: >-
  {{ __firewall_flow_table | sallyport.site.flows(
       groups, hostvars, inventory_hostname, site_networks) }}
"""

RETURN = """
_value:
  description: Id, direction, protocol, ports and addresses of each flow.
  type: list
  elements: dict
"""

Flow = dict[str, Any]
Groups = Mapping[str, list[str]]
HostVars = Mapping[str, Mapping[str, Any]]


class Site:
    """The inventory as the flow table sees it."""

    def __init__(self, groups: Groups, hostvars: HostVars, networks: Mapping[str, str]) -> None:
        self._groups = groups
        self._hostvars = hostvars
        self._networks = networks

    def is_in(self, host: str, side: list[str]) -> bool:
        """Return whether one side of a flow names the host, by one of its groups."""
        return any(host in self._groups.get(name, []) for name in side)

    def addresses(self, side: list[str], host: str) -> list[str]:
        """Return the addresses of one side of a flow as the host sees them.

        A name is `any`, an address or network, `network:<name>`, or a group. A peer is reached in
        the networks that both are in; where they share none, the site routes between them.
        """
        found: dict[str, None] = {}
        for name in side:
            found |= dict.fromkeys(self._named(name, host))
        return list(found)

    def _named(self, name: str, host: str) -> Iterator[str]:
        if name == "any":
            yield name
        elif name.startswith("network:"):
            network = self._networks.get(name.removeprefix("network:"))
            yield from [network] if network else []
        elif name in self._groups:
            for peer in sorted(set(self._groups[name]) - {host}):
                yield from self._of_peer(peer, host)
        elif is_address(name):
            yield name

    def _of_peer(self, peer: str, host: str) -> Iterator[str]:
        own = self._hostvars[host].get("site_addresses") or {}
        theirs = self._hostvars[peer].get("site_addresses") or {}
        shared = [address for network, address in theirs.items() if network in own]
        yield from shared or theirs.values()


def is_address(text: str) -> bool:
    """Return whether a string is an address or a network."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def as_list(value: str | list[str]) -> list[str]:
    """Return a list of names, also from one name alone."""
    return [value] if isinstance(value, str) else list(value)


def of_host(site: Site, flow: Flow, host: str) -> Iterator[Flow]:
    """Give what one row of the table means for the host: nothing, one direction, or both."""
    sides = {"out": (flow["from"], flow["to"]), "in": (flow["to"], flow["from"])}
    for direction, (near, far) in sides.items():
        addresses = site.addresses(as_list(far), host)
        wanted = flow.get("only", direction) == direction
        if wanted and addresses and site.is_in(host, as_list(near)):
            yield {
                "id": flow["id"],
                "direction": direction,
                "protocol": flow.get("protocol", "tcp"),
                "ports": list(flow["ports"]),
                "addresses": addresses,
            }


def flows(
    table: list[Flow],
    groups: Groups,
    hostvars: HostVars,
    host: str,
    networks: Mapping[str, str],
) -> list[Flow]:
    """Return the flows of the table that begin or end at the host.

    A row is `{id, from, to, ports}` with `protocol` (tcp), `only` (`in` or `out`: the other end is
    not a host's own traffic) and `active` (true). A flow without any peer is left out.
    """
    site = Site(groups, hostvars, networks)
    return [
        found for flow in table if flow.get("active", True) for found in of_host(site, flow, host)
    ]


class FilterModule:
    """Filters of this file, by the names that templates use."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters."""
        return {"flows": flows}
