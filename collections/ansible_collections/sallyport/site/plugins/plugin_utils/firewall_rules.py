"""Rules about the firewall: administrators can log in, from somewhere and not from everywhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.sallyport.site.plugins.filter import flows
from ansible_collections.sallyport.site.plugins.plugin_utils.addresses import is_peer
from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.network_rules import (
    addresses_of,
    networks_of,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import ZONES, Site

CONNECTIONS = ("ssh", "smart", "paramiko_ssh", "ansible.builtin.ssh")
SSH = 22
# Addresses that no administrator connects from: a list of all others is still everybody.
UNUSED = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"]
GLOBAL = ipaddress.IPv6Network("2000::/3")
INTERNET = ipaddress.IPv4Network("0.0.0.0/0")


def everybody(addresses: Iterable[str]) -> bool:
    """Return whether addresses and networks together, or `any`, are a whole internet."""
    names = list(addresses)
    networks = [ipaddress.ip_network(text, strict=False) for text in names if text != "any"]
    fourth = [net for net in networks if isinstance(net, ipaddress.IPv4Network)]
    fourth += [ipaddress.IPv4Network(text) for text in UNUSED]
    sixth = [net for net in networks if isinstance(net, ipaddress.IPv6Network)]
    return (
        "any" in names
        or INTERNET in ipaddress.collapse_addresses(fourth)
        or any(GLOBAL.subnet_of(net) for net in ipaddress.collapse_addresses(sixth))
    )


def resolved(site: Site, host: str, sources: list[str]) -> list[str]:
    """Return the addresses that the firewall of a host makes of its management sources."""
    hostvars = {name: {"site_addresses": addresses_of(site, name)} for name in site.hosts}
    networks = {name: str(network) for name, network in networks_of(site).items()}
    named = flows.Site(site.inventory.groups, hostvars, networks).addresses(sources, host)
    return [text for text in named if not is_unused(text)]


def is_unused(text: str) -> bool:
    """Return whether nobody connects from an IPv4 address or network."""
    net = None if text == "any" else ipaddress.ip_network(text, strict=False)
    return isinstance(net, ipaddress.IPv4Network) and any(
        net.subnet_of(ipaddress.IPv4Network(entry)) for entry in UNUSED
    )


def management_sources(site: Site) -> Iterator[Fault]:
    """What administrators log in from is something that the firewall can resolve."""
    names = {*site.inventory.groups, "any", *(f"network:{name}" for name in networks_of(site))}
    for host in site.hosts:
        for source in site.value(host, "firewall_management_sources", []):
            if source not in names and not is_peer(source):
                yield site.fault(
                    "firewall_management_sources",
                    f"firewall_management_sources has {source}; accepted is an address, a network "
                    "without host bits such as 10.1.0.0/24, a group of the inventory, or "
                    f"network:<name> with one of {listed(networks_of(site))}.",
                    host,
                )


def management(site: Site) -> Iterator[Fault]:
    """Administrators can still log in once the firewall is in force, and not the whole internet."""
    for host in site.hosts:
        sources = site.value(host, "firewall_management_sources", None)
        for sentence in access_faults(site, host, sources) if sources is not None else ():
            yield site.fault("firewall_management_sources", sentence, host)


def access_faults(site: Site, host: str, sources: list[str]) -> Iterator[str]:
    """Give what is wrong with the addresses that administrators of a host log in from."""
    addresses = resolved(site, host, sources)
    zoned = any(host in site.members(zone) for zone in ZONES)
    if not addresses and zoned and connection(site, host) in CONNECTIONS:
        state = f"has no address in {listed(sources)}" if sources else "is empty"
        yield (
            f"firewall_management_sources {state}, so nobody could log in by ssh once the "
            "firewall is in force; list the addresses or networks of administrators."
        )
    if everybody(addresses):
        yield (
            f"firewall_management_sources opens ssh to every address ({listed(sources)}); accepted "
            "are the addresses and networks of administrators, such as 10.1.0.0/24."
        )


def additional_flows(site: Site) -> Iterator[Fault]:
    """No flow of the site's own opens ssh past the list of administrators."""
    for host in site.hosts:
        for flow in site.value(host, "firewall_additional_flows", []):
            opens = flow["direction"] == "in" and SSH in flow["ports"]
            if opens and flow.get("protocol", "tcp") == "tcp" and everybody(flow["addresses"]):
                yield site.fault(
                    "firewall_additional_flows",
                    f"firewall_additional_flows, {flow['id']}, opens ssh to every address; leave "
                    f"port {SSH} out, and list administrators in firewall_management_sources.",
                    host,
                )


def connection(site: Site, host: str) -> Any:
    """Return how Ansible reaches a host."""
    name = "ansible_connection"
    return site.value(host, name, "ssh") if site.is_set(host, name) else "ssh"


def outbound(site: Site) -> Iterator[Fault]:
    """The secure zone stays closed where real data is."""
    for host in site.members("zone_secure") if site.shared("site_production", True) else []:
        for name in ("firewall_outbound", "firewall_forwarded"):
            if site.value(host, name, "deny") == "accept":
                yield site.fault(
                    name,
                    f"{name} is accept in zone_secure while site_production is true; remove it and "
                    "declare what must go out in firewall_additional_flows.",
                    host,
                )
        for flow in site.value(host, "firewall_additional_flows", []):
            if everybody(flow["addresses"]):
                yield site.fault(
                    "firewall_additional_flows",
                    f"firewall_additional_flows, {flow['id']}, opens zone_secure to every address "
                    "while site_production is true; name the addresses that are needed.",
                    host,
                )


RULES = [management_sources, management, additional_flows, outbound]
