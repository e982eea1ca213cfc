"""Static names of the hosts of a site: who is called what, at which address, seen from where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

DOCUMENTATION = """
name: host_entries
short_description: The static names that one host of a site knows
description: Lists every peer that shares a network with the host, with the names of its services.
positional: _input, hostvars, host, domain, elsewhere
options:
  _input: {description: Hosts by group., type: dict, required: true}
  hostvars: {description: Variables by host; C(site_addresses) is read., type: dict, required: true}
  host: {description: The host., type: str, required: true}
  domain: {description: Domain of all names., type: str, required: true}
  elsewhere: {description: URLs by address of what no host of the inventory runs., type: dict}
author: [Sallyport developers]
"""

EXAMPLES = """
site_host_entries: >-
  {{ groups | sallyport.site.host_entries(hostvars, inventory_hostname, site_domain) }}
"""

RETURN = """
_value:
  description: Address and names of each peer, the host itself first.
  type: list
  elements: dict
"""

SERVICES = {
    "job_servers": ("jobs",),
    "proxies": ("github-proxy", "docker-proxy", "archive"),
    "release_hatches": ("hatch",),
    "forges": ("forge", "registry"),
    "databases": ("database",),
}
Groups = Mapping[str, list[str]]


def shared_address(asking: Mapping[str, str], peer: Mapping[str, str]) -> str | None:
    """Return the peer's address in the first network of the asking host that both are in."""
    return next((peer[network] for network in asking if network in peer), None)


def names_of(groups: Groups, host: str, domain: str) -> Iterator[str]:
    """Give a host's own name and the names of the services that its groups run."""
    yield f"{host}.{domain}"
    for group, services in SERVICES.items():
        if host in groups.get(group, []):
            yield from (f"{service}.{domain}" for service in services)


def host_entries(
    groups: Groups,
    hostvars: Mapping[str, Mapping[str, Any]],
    host: str,
    domain: str,
    elsewhere: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Return `{address, names}` for every peer that shares a network with the host, itself first.

    A service that several hosts run is, for each host, its own or else the first one it can reach.
    `elsewhere` has URLs by the addresses of their hosts, which are none of the inventory's; they
    come first, and an empty address is left out.
    """
    own = hostvars[host].get("site_addresses") or {}
    entries = [
        {"address": address, "names": [urlsplit(url).hostname or ""]}
        for address, url in (elsewhere or {}).items()
        if address
    ]
    taken = {name for entry in entries for name in entry["names"]}
    for peer in [host, *sorted(set(groups.get("all", [])) - {host})]:
        address = shared_address(own, hostvars[peer].get("site_addresses") or {})
        names = [
            name for name in dict.fromkeys(names_of(groups, peer, domain)) if name not in taken
        ]
        if address is not None:
            taken.update(names)
            entries.append({"address": address, "names": names})
    return entries


class FilterModule:
    """Filters of this file, by the names that templates use."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters."""
        return {"host_entries": host_entries}
