"""Rules about single addresses: a machine can have each, and nothing else has it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.network_rules import (
    addresses_of,
    is_production,
    networks_of,
    port_of,
    ranges_inside,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import ZONES, Site

ENDPOINTS = "site_database_endpoints"
# Networks that no site can give to its hosts.
UNUSABLE = [
    ipaddress.IPv4Network(text) for text in ("127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")
]
# The engine divides its pool into networks of this length (roles/container_engine, `size`).
POOL_LENGTH = 24
# A network of jobs has its own address, its broadcast address, the bridge's, and one for a job.
JOBS_LENGTH = 30


def present(site: Site) -> Iterator[Fault]:
    """Each host of a zone has an address."""
    for host in site.hosts:
        zones = [zone for zone in ZONES if host in site.members(zone)]
        if zones and site.value(host, "site_addresses", None) == {}:
            sentence = (
                f"site_addresses is empty, and host {host} is in {listed(zones)}; accepted is an "
                f"address in each network that it is in, of {listed(networks_of(site))}."
            )
            yield site.fault("site_addresses", sentence, host)


def named(site: Site) -> Iterator[tuple[str, str, str]]:
    """Give variable, name for people and address of what jobs and services connect to."""
    for number, entry in enumerate(site.shared(ENDPOINTS, [])):
        yield ENDPOINTS, f"{ENDPOINTS}[{number}].address", entry["address"]
    elsewhere = site.shared("site_job_server_address", "")
    if elsewhere:
        yield "site_job_server_address", "site_job_server_address", elsewhere


def ends(site: Site) -> Iterator[Fault]:
    """What something connects to is not the first or last address of a network."""
    for variable, label, text in named(site):
        address = ipaddress.IPv4Address(text)
        for network in networks_of(site).values():
            first_and_last = (network.network_address, network.broadcast_address)
            if network.prefixlen < 31 and address in first_and_last:
                sentence = f"{label} is {text}, which no host can have in {network}."
                yield site.fault(variable, sentence)


def inside(site: Site) -> Iterator[Fault]:
    """What jobs connect to is not in a network inside their own host."""
    sink = site.shared("site_dns_sink", "")
    outside = [*named(site), *([("site_dns_sink", "site_dns_sink", sink)] if sink else [])]
    for host in site.members("runners"):
        for name, network in ranges_inside(site, host):
            for variable, label, text in outside:
                if ipaddress.IPv4Address(text) in network:
                    sentence = (
                        f"{label} is {text}, in {name} ({network}), which is inside {host}; choose "
                        "another range for one of the two."
                    )
                    yield site.fault(variable, sentence)


def owners(site: Site) -> Iterator[Fault]:
    """What is elsewhere is not one of our hosts, and a database is on the host of one."""
    hosts = {text: host for host in site.hosts for text in addresses_of(site, host).values()}
    # A site may have put a database of its own on a host of the secure zone.
    closed = {*site.members("databases"), *site.members("runners")}
    for variable, label, text in named(site):
        host = hosts.get(text)
        if host is None or (variable == ENDPOINTS and host in closed):
            continue
        what = "in databases" if variable == ENDPOINTS else "a job server elsewhere"
        sentence = f"{label} is {text}, an address of {host}, which is not {what}; correct it."
        yield site.fault(variable, sentence)


def sink(site: Site) -> Iterator[Fault]:
    """Name look-ups of jobs end at an address that is nothing's."""
    value = site.shared("site_dns_sink", "")
    address = ipaddress.IPv4Address(value or "192.0.2.0")
    ours = any(address in network for network in networks_of(site).values())
    # The ranges for documentation are private too.
    private = address.is_private and not (address.is_loopback or address.is_unspecified)
    if not ours and not private:
        sentence = f"site_dns_sink is {value}; accepted is an unused address of a network of yours,"
        yield site.fault("site_dns_sink", f"{sentence} or 192.0.2.0.")
    for _, label, text in named(site):
        if value == text:
            sentence = f"site_dns_sink is {value}, as is {label}; accepted is an address that "
            yield site.fault("site_dns_sink", f"{sentence}nothing has.")


def networks(site: Site) -> Iterator[Fault]:
    """Hosts can have addresses in each network of the site."""
    for name, network in networks_of(site).items():
        if any(network.subnet_of(entry) for entry in UNUSABLE):
            sentence = f"site_networks.{name} is {network}; accepted is a network of hosts, such as"
            yield site.fault("site_networks", f"{sentence} 10.1.2.0/24.")


def sizes(site: Site) -> Iterator[Fault]:
    """Networks inside a host have room for what is in them."""
    for host in site.members("runners"):
        held = dict(ranges_inside(site, host))
        for name, length in (
            ("runner_database_network_subnet", JOBS_LENGTH),
            ("container_engine_address_pool", POOL_LENGTH),
        ):
            if name in held and held[name].prefixlen > length:
                sentence = f"{name} is {held[name]}, too small; accepted is a network of /{length}"
                yield site.fault(name, f"{sentence} or larger.", host)


def private(site: Site) -> Iterator[Fault]:
    """Networks inside a host are private ones, which hide nothing of the internet."""
    for host in site.members("runners"):
        for name, network in ranges_inside(site, host):
            if not network.is_private or any(network.overlaps(entry) for entry in UNUSABLE):
                sentence = f"{name} is {network}; accepted is a private network, such as one of"
                yield site.fault(name, f"{sentence} 10.0.0.0/8.", host)


def secure(site: Site) -> Iterator[Fault]:
    """No host that has real data is in the network of the internet."""
    for host in site.members("zone_secure") if is_production(site) else []:
        if "internet" in addresses_of(site, host):
            sentence = (
                f"site_addresses has an address in internet, and host {host} is in zone_secure "
                "while site_production is true; remove it."
            )
            yield site.fault("site_addresses", sentence, host)


def targets(site: Site) -> Iterator[Fault]:
    """No host is reached at an address of another one."""
    hosts = {text: host for host in site.hosts for text in addresses_of(site, host).values()}
    for host in site.hosts:
        name = site.value(host, "ansible_host", None) if site.is_set(host, "ansible_host") else None
        owner = hosts.get(name, host) if isinstance(name, str) else host
        # A port of its own there can lead on to this host.
        forwarded = port_of(site, host) not in ("22", port_of(site, owner))
        if owner != host and name not in addresses_of(site, host).values() and not forwarded:
            sentence = f"ansible_host is {name}, an address of {owner}; accepted is one of {host}."
            yield site.fault("ansible_host", sentence, host)


RULES = [targets, present, ends, inside, owners, sink, networks, sizes, private, secure]
