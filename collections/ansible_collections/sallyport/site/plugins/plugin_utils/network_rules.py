"""Rules between networks and addresses: disjoint, unique, and shared by hosts that must talk."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import Site

DOCUMENTATION = [
    ipaddress.IPv4Network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
]
# Networks inside a host that runs jobs; none may overlap another one.
INSIDE = [
    "runner_database_network_subnet",
    "container_engine_bridge",
    "container_engine_address_pool",
]
# Names of networks that roles refer to, and what would be missing without each.
NAMED = {
    "dmz": "the proxy serves packages and code there",
    "secure": "the runner and the database meet there",
    "level4": "output checkers reach the release hatch from there, and nobody else does",
}
# Groups that open connections to each other (roles/firewall/vars/main.yml), and for what.
PEERS = [
    ("runners", "proxies", "code and images"),
    ("runners", "job_servers", "job requests"),
    ("runners", "databases", "database jobs"),
    ("job_servers", "forges", "repositories"),
    ("proxies", "forges", "code and images"),
]


def networks_of(site: Site) -> dict[str, ipaddress.IPv4Network]:
    """Return the networks of the site by name."""
    held = site.shared("site_networks", {})
    return {name: ipaddress.IPv4Network(text) for name, text in held.items()}


def addresses_of(site: Site, host: str) -> dict[str, str]:
    """Return the addresses of a host by network."""
    return dict(site.value(host, "site_addresses", {}))


def named_networks(site: Site) -> Iterator[Fault]:
    """The networks that roles refer to by name exist."""
    networks = site.shared("site_networks", None)
    for name, reason in NAMED.items() if networks is not None and site.claims_zones else ():
        if name not in networks:
            sentence = f"site_networks has no network {name}: {reason}; it has {listed(networks)}."
            yield site.fault("site_networks", sentence)


def overlaps(site: Site) -> Iterator[Fault]:
    """No network meets another one, of the site or inside a host that runs jobs."""
    networks = networks_of(site)
    for (first, one), (second, other) in combinations(networks.items(), 2):
        if one.overlaps(other):
            yield site.fault(
                "site_networks",
                f"The networks {first} ({one}) and {second} ({other}) of site_networks overlap; "
                "give each a range of its own.",
            )
    for host in site.members("runners"):
        inside = list(ranges_inside(site, host))
        outside = [(f"the network {name} of site_networks", net) for name, net in networks.items()]
        for (name, one), (other_name, other) in [
            *((mine, theirs) for mine in inside for theirs in outside),
            *combinations(inside, 2),
        ]:
            if one.overlaps(other):
                yield site.fault(
                    name if site.is_set(host, name) else "site_networks",
                    f"{name} ({one}) overlaps {other_name} ({other}); choose another range for one "
                    "of the two.",
                    host if site.is_set(host, name) else "",
                )


def ranges_inside(site: Site, host: str) -> Iterator[tuple[str, ipaddress.IPv4Network]]:
    """Give the networks inside a host that runs jobs, defaults included."""
    for name in INSIDE:
        text = site.value(host, name, None)
        if text:
            yield name, ipaddress.IPv4Network(text, strict=False)


def inside_networks(site: Site) -> Iterator[Fault]:
    """Each address of a host is one that a host can have in the network it is listed under."""
    networks = networks_of(site)
    for host in site.hosts if networks else []:
        for name, text in addresses_of(site, host).items():
            yield from (
                site.fault("site_addresses", sentence, host)
                for sentence in address_faults(name, text, networks)
            )


def address_faults(
    name: str, text: str, networks: dict[str, ipaddress.IPv4Network]
) -> Iterator[str]:
    """Give what is wrong with one address of a host."""
    if name not in networks:
        yield f"site_addresses has an address in {name}; site_networks has only {listed(networks)}."
        return
    network, address = networks[name], ipaddress.IPv4Address(text)
    ends = (network.network_address, network.broadcast_address)
    if address not in network:
        yield f"site_addresses has {text} in {name}; accepted is an address in {network}."
    elif network.prefixlen < 31 and address in ends:
        yield f"site_addresses has {text} in {name}, which no host can have in {network}."


def unique_addresses(site: Site) -> Iterator[Fault]:
    """No address belongs to two hosts, nor to a host and to what must answer nothing."""
    owners: dict[str, str] = {}
    for host in site.hosts:
        for text in dict.fromkeys(addresses_of(site, host).values()):
            if text in owners:
                yield site.fault(
                    "site_addresses",
                    f"{text} is an address of both {owners[text]} and {host}; give each its own.",
                    host,
                )
            owners.setdefault(text, host)
    sink = site.shared("site_dns_sink", "")
    if sink in owners:
        yield site.fault(
            "site_dns_sink",
            f"site_dns_sink is {sink}, an address of {owners[sink]}; accepted is an address that "
            "nothing has.",
        )


def port_of(site: Site, host: str) -> str:
    """Return the port at which Ansible reaches a host."""
    return str(site.value(host, "ansible_port", 22) if site.is_set(host, "ansible_port") else 22)


def unique_targets(site: Site) -> Iterator[Fault]:
    """No two hosts are the same machine for Ansible."""
    owners: dict[tuple[Any, Any], str] = {}
    for host in site.hosts:
        if not site.is_set(host, "ansible_host"):
            continue
        name = site.value(host, "ansible_host", None)
        target = (name, port_of(site, host))
        if not isinstance(name, str):
            continue  # `connections` names it
        if target in owners:
            yield site.fault(
                "ansible_host",
                f"ansible_host is {name} for both {owners[target]} and {host}; give each its own.",
                host,
            )
        owners.setdefault(target, host)


def meeting_places(site: Site) -> Iterator[Fault]:
    """Hosts that talk to each other have addresses in a network that both are in."""
    for group, other, purpose in PEERS:
        for host in site.members(group):
            yield from unmet(site, host, site.members(other), f"{other}, for {purpose}")
    for host in site.hosts:
        if purposes := list(from_proxies(site, host)):
            yield from unmet(
                site, host, site.members("proxies"), f"proxies, for {' and '.join(purposes)}"
            )
    if site.claims_zones and "level4" in networks_of(site):
        for host in site.members("release_hatches"):
            if addresses_of(site, host) and "level4" not in addresses_of(site, host):
                yield site.fault(
                    "site_addresses",
                    "site_addresses has no address in level4, from where output checkers reach the "
                    "release hatch.",
                    host,
                )


def from_proxies(site: Site, host: str) -> Iterator[str]:
    """Give what a host gets from the hosts of the proxies, with the variable that says so."""
    domain = site.value(host, "site_domain", "")
    if urlsplit(site.value(host, "site_apt_url", "")).hostname == f"archive.{domain}":
        yield "packages (site_apt_url)"
    servers = site.value(host, "baseline_time_servers", [])
    if any(f"{proxy}.{domain}" in servers for proxy in site.members("proxies")):
        yield "the time (baseline_time_servers)"


def unmet(site: Site, host: str, peers: list[str], what: str) -> Iterator[Fault]:
    """Give a fault for each group of peers of which a host shares a network with none."""
    own = addresses_of(site, host)
    theirs = {peer: addresses_of(site, peer) for peer in peers if peer != host}
    if host in peers or not own or not all(theirs.values()):
        return
    other_networks = dict.fromkeys(name for held in theirs.values() for name in held)
    if theirs and not any(own.keys() & held.keys() for held in theirs.values()):
        yield site.fault(
            "site_addresses",
            f"site_addresses shares no network with {listed(theirs)} of {what}; it has "
            f"{listed(own)}, and {listed(other_networks)} "
            "are theirs. Give one of the hosts an address in a network of the other.",
            host,
        )


def endpoints(site: Site) -> Iterator[Fault]:
    """What jobs reach is named once, and our own database is among it."""
    held = site.shared("site_database_endpoints", None)
    if held is None:
        return
    for first, second in combinations(held, 2):
        same = first["name"] == second["name"]
        if same and (first["address"] != second["address"] or first["port"] == second["port"]):
            yield site.fault(
                "site_database_endpoints",
                f"site_database_endpoints has {first['name']} twice; a name has one address, and a "
                "port of it is listed once.",
            )
    reached = {entry["address"] for entry in held}
    for host in site.members("databases"):
        own = addresses_of(site, host)
        if own and reached.isdisjoint(own.values()):
            yield site.fault(
                "site_database_endpoints",
                f"site_database_endpoints has no address of {host}, which is in databases, so no "
                f"job could reach it; accepted is one of {listed(own.values())}.",
            )


def database_urls(site: Site) -> Iterator[Fault]:
    """Jobs connect to a declared database, over TLS."""
    for host in site.members("runners"):
        declared = site.value(host, "site_database_endpoints", None)
        text = site.value(host, "runner_database_url", None)
        if declared is None or text is None:
            continue
        for sentence in url_faults(text, declared):
            yield site.fault("runner_database_url", sentence, host)


def url_faults(text: str, declared: list[dict[str, Any]]) -> Iterator[str]:
    """Give what is wrong with the URL by which jobs reach the database, without its password."""
    if not text:
        if declared:
            yield (
                f"runner_database_url is empty, but site_database_endpoints has "
                f"{listed(entry['name'] for entry in declared)}; accepted is a URL such as "
                "postgresql://user:password@host:5432/name."
            )
        return
    parts = urlsplit(text)
    names = {name for entry in declared for name in (entry["name"], entry["address"])}
    ports = {
        entry["port"] for entry in declared if parts.hostname in (entry["name"], entry["address"])
    }
    if parts.hostname not in names:
        accepted = listed(sorted(names), "nothing, for site_database_endpoints is empty")
        yield f"runner_database_url has the host {parts.hostname}; accepted is {accepted}."
    elif parts.port is not None and parts.port not in ports:
        accepted = listed(map(str, sorted(ports)))
        yield f"runner_database_url has the port {parts.port}; accepted is {accepted}."
    yield from transport_faults(parts)


def transport_faults(parts: SplitResult) -> Iterator[str]:
    """Give what keeps a PostgreSQL connection from being encrypted to the right server."""
    mode = re.search(r"(?:^|&)sslmode=([^&]*)", parts.query)
    if parts.scheme.startswith("postgres") and (mode is None or mode[1] != "verify-full"):
        yield (
            "runner_database_url has no sslmode=verify-full, so its password could go to another "
            "server; add it."
        )


def documentation(site: Site) -> Iterator[Fault]:
    """No address of a production site is one of those reserved for documentation."""
    for name, label, value, host in public_addresses(site) if is_production(site) else ():
        if is_documentation(value):
            yield site.fault(
                name,
                f"{label} is {value}, which is reserved for documentation; accepted is an address "
                "of your own networks.",
                host,
            )


def is_production(site: Site) -> bool:
    """Return whether real data is processed."""
    return bool(site.shared("site_production", True))


def public_addresses(site: Site) -> Iterator[tuple[str, str, Any, str]]:
    """Give variable, name for people, address or network, and host of all that a site names."""
    for name, network in networks_of(site).items():
        yield "site_networks", f"site_networks.{name}", network, ""
    for host in site.hosts:
        if site.is_set(host, "ansible_host"):
            yield "ansible_host", "ansible_host", site.value(host, "ansible_host", ""), host
    for number, entry in enumerate(site.shared("site_database_endpoints", [])):
        label = f"site_database_endpoints[{number}].address"
        yield "site_database_endpoints", label, entry["address"], ""
    elsewhere = site.shared("site_job_server_address", "")
    yield "site_job_server_address", "site_job_server_address", elsewhere, ""


def is_documentation(value: Any) -> bool:
    """Return whether an address, or a part of a network, is reserved for documentation."""
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        return False
    return any(network.overlaps(entry) for entry in DOCUMENTATION)


RULES = [
    *(named_networks, overlaps, inside_networks, unique_addresses, unique_targets, meeting_places),
    *(endpoints, database_urls, documentation),
]
